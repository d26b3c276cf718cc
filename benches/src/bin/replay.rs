//! `replay`: CPU time and memory of a daemon with replay beside one without, as lines of JSON.

use std::path::PathBuf;

use anyhow::Result;
use bandwise_benches::{
    replay::{Setup, round},
    stats::Spread,
};
use clap::Parser;
use serde_json::json;

/// Measure what replay saves and what it takes.
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
}

fn main() -> Result<()> {
    let Args { corpus, threads, batch, bandwidth, replay, buffer, rounds } = Args::parse();
    let setup = Setup { threads, batch, bandwidth, replay, buffer };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut ratios, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let round = runtime.block_on(round(&corpus, &setup))?;
        println!("{}", serde_json::to_string(&round)?);
        ratios.push(round.ratio);
        memory.push(round.memory_bytes as f64 / round.buffer_bytes as f64);
    }
    let summary = json!({ "ratio": Spread::of(&ratios), "memory_per_buffer_byte": Spread::of(&memory) });
    println!("{summary}");
    Ok(())
}
