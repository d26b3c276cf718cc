//! `fidelity`: what `fidelity = fast` loses and gains.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use bandwise_benches::{conditions::Conditions, cores, corpus::Corpus, fidelity, report};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};

/// Compare the pixels and the time of fast and exact fidelity on the same crops of the same files, on one core.
#[derive(Debug, Parser)]
#[command(name = "fidelity", max_term_width = 110)]
struct Args {
    /// Folder of class folders with JPEGs, as the program `corpus` makes it.
    #[arg(long, value_name = "DIR")]
    corpus: PathBuf,
    /// Rounds of the timing.
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
    /// Files to use, evenly out of the corpus. [default: all]
    #[arg(long, value_name = "N")]
    files: Option<usize>,
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
    let mut corpus = Corpus::load(&args.corpus)?;
    let of_what = corpus.sentence();
    if let Some(wanted) = args.files {
        let every = corpus.files.len().div_ceil(wanted.max(1));
        corpus.files = corpus.files.into_iter().step_by(every).collect();
    }
    let bar = ProgressBar::new(fidelity::steps() as u64)
        .with_style(ProgressStyle::with_template("{bar:40} {pos}/{len} ({elapsed})")?);
    let outcomes = fidelity::run(&corpus.files, args.rounds, || bar.inc(1))?;
    bar.finish_and_clear();
    let how = format!(
        "- {of_what}; one crop each of {} files; one thread, median of {} rounds\n",
        corpus.files.len(),
        args.rounds
    );
    let table = fidelity::table(&outcomes);
    if args.json {
        let json =
            serde_json::json!({ "conditions": conditions, "corpus": corpus.summary, "outcomes": outcomes });
        println!("{}", serde_json::to_string_pretty(&json)?);
    } else {
        println!("{}{how}\n{}", conditions.markdown(), table.terminal());
    }
    if args.write {
        let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("RESULTS.md");
        let body = format!("{}{how}\n{}", conditions.markdown(), table.markdown());
        ensure!(
            report::write_section(&results, "fidelity", &body)?,
            "no section 'fidelity' in {}",
            results.display()
        );
    }
    Ok(())
}
