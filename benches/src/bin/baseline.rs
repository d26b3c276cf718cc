//! `baseline`: the daemon beside bare loops over the same files.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Result, ensure};
use bandwise_benches::{
    baseline::{self, Outcome, Settings, Subject},
    conditions::Conditions,
    cores,
    corpus::Corpus,
    output::Output,
    report,
};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};

/// Measure the daemon beside a bare libjpeg-turbo loop and our own loop, in turns, on the same files and cores.
/// --write also rewrites the figure of README.md.
///
/// Needs the program `bandwise` beside this one: cargo build --release -p bandwise -p bandwise-benches
#[derive(Debug, Parser)]
#[command(name = "baseline", max_term_width = 110)]
struct Args {
    /// Folder of class folders with JPEGs, as the program `corpus` makes it.
    #[arg(long, value_name = "DIR")]
    corpus: PathBuf,
    /// Rounds over all subjects.
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
    /// Threads of the loops and workers of the daemon; everything is pinned to as many cores.
    #[arg(long, value_name = "N", default_value_t = 2)]
    threads: usize,
    /// Seconds of a subject in a round.
    #[arg(long, value_name = "S", default_value_t = 5.0)]
    seconds: f64,
    /// Rows of a batch.
    #[arg(long, value_name = "B", default_value_t = 128)]
    batch: u64,
    #[command(flatten)]
    output: Output,
}

fn main() -> Result<()> {
    let args = Args::parse();
    ensure!(args.rounds > 0 && args.batch > 0, "--rounds and --batch must be at least 1");
    let time = Duration::try_from_secs_f64(args.seconds)?;
    let conditions = Conditions::gather();
    let cores = cores::pin(args.threads)?;
    let corpus = Corpus::load(&args.corpus)?;
    let settings = Settings { rounds: args.rounds, threads: args.threads, time, batch: args.batch };
    let outcome = measure(&corpus, &settings)?;
    let how = how(&args, &cores, &corpus);
    let json = serde_json::json!({
        "conditions": conditions,
        "corpus": corpus.summary,
        "threads": args.threads,
        "cores": cores,
        "rounds": args.rounds,
        "seconds": args.seconds,
        "batch": args.batch,
        "subjects": outcome.subjects,
    });
    args.output.give("baseline", &format!("{}{how}", conditions.markdown()), &[outcome.table()], &json)?;
    if args.output.writes() {
        // The README decides whether it quotes the figure.
        let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
        report::write_section(&readme, "baseline", &readme_line(&args, &conditions, &corpus, &outcome))?;
    }
    Ok(())
}

fn measure(corpus: &Corpus, settings: &Settings) -> Result<Outcome> {
    let bar = ProgressBar::new((settings.rounds * Subject::all().len()) as u64)
        .with_style(ProgressStyle::with_template("{bar:40} {pos}/{len} {msg} ({elapsed})")?);
    let outcome = baseline::run(corpus, settings, |subject| {
        bar.set_message(subject.name());
        bar.inc(1);
    })?;
    bar.finish_and_clear();
    Ok(outcome)
}

/// The conditions that are the bench's own, as a Markdown list.
fn how(args: &Args, cores: &[usize], corpus: &Corpus) -> String {
    format!(
        "- {}\n- {} rounds of {} s a subject; {} threads, all on cores {cores:?}; batches of {} over a Unix socket\n",
        corpus.sentence(),
        args.rounds,
        args.seconds,
        args.threads,
        args.batch
    )
}

fn readme_line(args: &Args, conditions: &Conditions, corpus: &Corpus, outcome: &Outcome) -> String {
    let daemon = outcome.headline();
    format!(
        "**{:.0} images/s** through the daemon on {} cores ({}, {}): {:.0} % of what a bare libjpeg-turbo loop \
         decodes from the same files on the same cores. 224-pixel u8 batches of {}, random crops with Pillow's \
         bicubic; {}; median of {} rounds, {}.",
        daemon.images_per_s.rate.median,
        args.threads,
        conditions.cpu,
        conditions.simd,
        100.0 * daemon.images_per_s.of_whole_frames.median,
        args.batch,
        corpus.sentence(),
        args.rounds,
        conditions.date,
    )
}
