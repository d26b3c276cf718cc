//! `kernels`: microseconds per call of each kernel, on each SIMD level, beside peers.

use std::path::Path;

use anyhow::{Result, ensure};
use bandwise_benches::{conditions::Conditions, cores, kernels, report};
use clap::Parser;
use indicatif::ProgressBar;

/// Time each kernel on each SIMD level, beside other libraries.
///
/// Outputs are compared with the scalar level's first. Each figure is the median of many samples of 0.4 ms or
/// more, in which levels and peers take turns on one core.
#[derive(Debug, Parser)]
#[command(name = "kernels", max_term_width = 110)]
struct Args {
    /// Samples a variant.
    #[arg(long, value_name = "N", default_value_t = 300)]
    rounds: usize,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Write the table into benches/RESULTS.md.
    #[arg(long)]
    write: bool,
}

fn main() -> Result<()> {
    let args = Args::parse();
    ensure!(args.rounds > 0, "--rounds must be at least 1");
    let conditions = Conditions::gather();
    cores::pin(1)?;
    let bar = ProgressBar::new_spinner();
    let outcome = kernels::run(args.rounds, |name| bar.set_message(name.to_owned()))?;
    bar.finish_and_clear();
    if args.json {
        let json = serde_json::json!({ "conditions": conditions, "rounds": args.rounds, "kernels": outcome });
        println!("{}", serde_json::to_string_pretty(&json)?);
    } else {
        println!("{}\n{}", conditions.markdown(), outcome.table().terminal());
    }
    if args.write {
        let how = format!("- median of {} samples a variant, one core\n", args.rounds);
        let body = format!("{}{how}\n{}", conditions.markdown(), outcome.table().markdown());
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("RESULTS.md");
        ensure!(
            report::write_section(&path, "kernels", &body)?,
            "no section 'kernels' in {}",
            path.display()
        );
    }
    Ok(())
}
