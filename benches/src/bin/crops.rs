//! `crops`: our JPEG decoder beside libjpeg-turbo.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use bandwise_benches::{conditions::Conditions, cores, corpus::Corpus, crops, output::Output};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};

/// Compare our JPEG decoder with libjpeg-turbo on random crops, with and without seek points, on one core.
#[derive(Debug, Parser)]
#[command(name = "crops", max_term_width = 110)]
struct Args {
    /// Folder of class folders with JPEGs, as the program `corpus` makes it.
    #[arg(long, value_name = "DIR")]
    corpus: PathBuf,
    /// Rounds: each takes all files.
    #[arg(long, value_name = "N", default_value_t = 7)]
    rounds: usize,
    #[command(flatten)]
    output: Output,
}

fn main() -> Result<()> {
    let args = Args::parse();
    ensure!(args.rounds > 0, "--rounds must be at least 1");
    let conditions = Conditions::gather();
    cores::pin(1)?;
    let corpus = Corpus::load(&args.corpus)?;
    let bar = ProgressBar::new(args.rounds as u64)
        .with_style(ProgressStyle::with_template("{bar:40} {pos}/{len} ({elapsed})")?);
    let (outcomes, crops) = crops::run(&corpus.files, args.rounds, || bar.inc(1))?;
    bar.finish_and_clear();
    let how = format!("- {}; {crops}; one thread, medians of {} rounds\n", corpus.sentence(), args.rounds);
    let json =
        serde_json::json!({ "conditions": conditions, "corpus": corpus.summary, "outcomes": outcomes });
    args.output.give("crops", &format!("{}{how}", conditions.markdown()), &[crops::table(&outcomes)], &json)
}
