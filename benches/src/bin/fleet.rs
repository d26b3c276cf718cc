//! `fleet`: two daemons behind one client, beside one, and beside bare loops on as many threads.

use std::{path::PathBuf, time::Duration};

use anyhow::{Result, ensure};
use bandwise_benches::{
    conditions::Conditions,
    cores,
    corpus::Corpus,
    fleet::{self, Outcome, Settings},
    output::Output,
    report::{Table, short},
    stats::Spread,
};
use clap::Parser;
use indicatif::ProgressBar;

/// Measure what a second daemon adds behind one client, and how long a trainer waits when one of two is killed.
///
/// Needs the program `bandwise` beside this one: cargo build --release -p bandwise -p bandwise-benches
#[derive(Debug, Parser)]
#[command(name = "fleet", max_term_width = 110)]
struct Args {
    /// Folder of class folders with JPEGs, as the program `corpus` makes it.
    #[arg(long, value_name = "DIR")]
    corpus: PathBuf,
    /// Rounds over all subjects.
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
    /// Seconds of a subject in a round.
    #[arg(long, value_name = "S", default_value_t = 3.0)]
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
    let cores = cores::pin(2)?;
    let corpus = Corpus::load(&args.corpus)?;
    let bar = ProgressBar::new_spinner();
    let settings = Settings { rounds: args.rounds, time, batch: args.batch };
    let outcome = fleet::run(&corpus, &settings, |subject| {
        bar.set_message(subject.to_owned());
        bar.tick();
    })?;
    bar.finish_and_clear();
    let how = format!(
        "- {}\n- {} rounds of {} s a subject, all on cores {cores:?}; plain 224-pixel u8 batches of {} through shared \
         memory, daemons of one thread each\n",
        corpus.sentence(),
        args.rounds,
        args.seconds,
        args.batch
    );
    let json = serde_json::json!({ "conditions": conditions, "corpus": corpus.summary, "outcome": outcome });
    let head = format!("{}{how}", conditions.markdown());
    args.output.give("fleet", &head, &[table(&outcome)], &json)
}

fn table(outcome: &Outcome) -> Table {
    let mut table = Table::new(&["", "median", "lowest .. highest"]);
    let [calm, killed] = outcome.longest_wait_ms;
    for (name, Spread { median, min, max }) in [
        ("bare loop, whole frames: 2 threads / 1", outcome.loop_scaling),
        ("2 daemons / 1", outcome.daemon_scaling),
        ("daemons' ratio / loop's ratio", outcome.efficiency),
        ("longest wait for a batch, 2 daemons, ms", calm),
        ("the same after one was killed, ms", killed),
    ] {
        table.row(vec![name.to_owned(), short(median), format!("{} .. {}", short(min), short(max))]);
    }
    table
}
