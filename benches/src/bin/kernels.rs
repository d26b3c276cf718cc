//! `kernels`: microseconds per call of each kernel, on each SIMD level, beside peers.

use anyhow::{Result, ensure};
use bandwise_benches::{conditions::Conditions, cores, kernels, output::Output};
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
    #[command(flatten)]
    output: Output,
}

fn main() -> Result<()> {
    let args = Args::parse();
    ensure!(args.rounds > 0, "--rounds must be at least 1");
    let conditions = Conditions::gather();
    cores::pin(1)?;
    let bar = ProgressBar::new_spinner();
    let outcome = kernels::run(args.rounds, |name| bar.set_message(name.to_owned()))?;
    bar.finish_and_clear();
    let json = serde_json::json!({ "conditions": conditions, "rounds": args.rounds, "kernels": outcome });
    let head = format!("{}- median of {} samples a variant, one core\n", conditions.markdown(), args.rounds);
    args.output.give("kernels", &head, &[outcome.table()], &json)
}
