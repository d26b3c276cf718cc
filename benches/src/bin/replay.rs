//! `replay`: CPU time and memory of a daemon with replay beside one without.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use bandwise_benches::{
    conditions::Conditions,
    output::Output,
    replay::{Round, Setup, round},
    report::{Table, short},
    stats::Spread,
};
use clap::Parser;
use indicatif::ProgressBar;

/// Measure what replay saves and what it takes.
///
/// Needs the program `bandwise` beside this one: cargo build --release -p bandwise -p bandwise-benches
#[derive(Debug, Parser)]
#[command(name = "replay", max_term_width = 110)]
struct Args {
    /// Folder of class folders with JPEGs, as the program `corpus` makes it.
    #[arg(long, value_name = "DIR")]
    corpus: PathBuf,
    /// Worker threads of the daemon.
    #[arg(long, value_name = "N", default_value_t = 2)]
    threads: usize,
    /// Rows of a step.
    #[arg(long, value_name = "G", default_value_t = 128)]
    batch: u64,
    /// Side of the images in pixels.
    #[arg(long, value_name = "B", default_value_t = 96)]
    bandwidth: u32,
    /// Replay times.
    #[arg(long, value_name = "R", default_value_t = 4)]
    replay: u32,
    /// Length of the buffer in steps; half as many again are pulled.
    #[arg(long, value_name = "Q", default_value_t = 128)]
    buffer: u32,
    /// Rounds, whose medians count.
    #[arg(long, value_name = "K", default_value_t = 3)]
    rounds: usize,
    #[command(flatten)]
    output: Output,
}

fn main() -> Result<()> {
    let args = Args::parse();
    ensure!(args.rounds > 0 && args.batch > 0, "--rounds and --batch must be at least 1");
    let Args { threads, batch, bandwidth, replay, buffer, .. } = args;
    let setup = Setup { threads, batch, bandwidth, replay, buffer };
    let conditions = Conditions::gather();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let bar = ProgressBar::new(args.rounds as u64);
    let mut rounds = Vec::with_capacity(args.rounds);
    for _ in 0..args.rounds {
        rounds.push(runtime.block_on(round(&args.corpus, &setup))?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let how = format!(
        "- {} rounds; {bandwidth} px, steps of {batch} rows, replay {replay}, a buffer of {buffer} steps, {threads} \
         workers\n",
        args.rounds
    );
    let json = serde_json::json!({ "conditions": conditions, "rounds": rounds });
    args.output.give("replay", &format!("{}{how}", conditions.markdown()), &[table(&rounds)], &json)
}

fn table(rounds: &[Round]) -> Table {
    let spread = |kind: fn(&Round) -> f64| Spread::of(&rounds.iter().map(kind).collect::<Vec<f64>>());
    let mut table = Table::new(&["", "median", "lowest .. highest"]);
    for (name, Spread { median, min, max }) in [
        ("CPU µs of the daemon for each delivered image, without replay", spread(|r| r.cpu_us_per_image)),
        ("the same with replay", spread(|r| r.cpu_us_per_image_replayed)),
        ("ratio", spread(|r| r.ratio)),
        ("announced buffer, MB", spread(|r| r.buffer_bytes as f64 / 1e6)),
        ("memory beside that of the daemon without replay, MB", spread(|r| r.memory_bytes as f64 / 1e6)),
        ("ratio", spread(|r| r.memory_bytes as f64 / r.buffer_bytes as f64)),
    ] {
        table.row(vec![name.to_owned(), short(median), format!("{} .. {}", short(min), short(max))]);
    }
    table
}
