//! `fidelity`: what `fidelity = fast` loses and gains.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use bandwise_benches::{conditions::Conditions, cores, corpus::Corpus, fidelity, output::Output};
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
    #[command(flatten)]
    output: Output,
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
    let json =
        serde_json::json!({ "conditions": conditions, "corpus": corpus.summary, "outcomes": outcomes });
    let head = format!("{}{how}", conditions.markdown());
    args.output.give("fidelity", &head, &[fidelity::table(&outcomes)], &json)
}
