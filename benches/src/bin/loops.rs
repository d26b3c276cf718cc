//! `loops`: one bare loop, one line of JSON; the ceilings among the peers of `benches/peers`.
//!
//! It does not pin itself: the caller chooses the cores.

use std::{path::PathBuf, time::Duration};

use anyhow::{Result, ensure};
use bandwise_benches::{
    baseline::{BareLoop, loop_rate},
    corpus::Corpus,
};
use clap::Parser;
use serde_json::json;

/// Measure one bare loop over JPEGs in memory, without queues, batches or a wire.
#[derive(Debug, Parser)]
#[command(name = "loops", max_term_width = 110)]
struct Args {
    /// Folder of class folders with JPEGs, as the program `corpus` makes it.
    #[arg(long, value_name = "DIR")]
    corpus: PathBuf,
    /// The work of the loop on each file.
    #[arg(long = "loop", value_name = "LOOP")]
    which: BareLoop,
    /// Threads of the loop.
    #[arg(long, value_name = "N", default_value_t = 2)]
    threads: usize,
    /// Seconds to measure.
    #[arg(long, value_name = "S", default_value_t = 5.0)]
    seconds: f64,
}

fn main() -> Result<()> {
    let args = Args::parse();
    ensure!(args.threads > 0, "--threads must be at least 1");
    let time = Duration::try_from_secs_f64(args.seconds)?;
    let rate = loop_rate(args.which, &Corpus::load(&args.corpus)?, args.threads, time)?;
    let (output, what) = match args.which {
        BareLoop::WholeFrames => ("u8 HWC", "libjpeg-turbo, whole frames"),
        BareLoop::CropAndResize => ("u8 HWC", "our decoder and resize"),
        BareLoop::Sample => ("u8 CHW", "all of a worker's work on a sample"),
    };
    let note = format!("{what}; files in memory, no batches, {} threads", args.threads);
    let line = json!({
        "images_per_s": rate.per_s,
        "images_per_cpu_s": rate.per_cpu_s,
        "output": output,
        "note": note,
    });
    println!("{line}");
    Ok(())
}
