//! `transport`: batches on their way from the daemon to a client, beside plain copies.

use std::time::Duration;

use anyhow::{Result, ensure};
use bandwise_benches::{
    conditions::Conditions,
    cores,
    output::Output,
    transport::{self, Settings},
};
use bandwise_client::Address;
use clap::Parser;
use indicatif::ProgressBar;

/// Measure gRPC and shared memory beside plain copies of the same bytes between two processes, in turns.
///
/// Needs the program `bandwise` beside this one: cargo build --release -p bandwise -p bandwise-benches
#[derive(Debug, Parser)]
#[command(name = "transport", max_term_width = 110)]
struct Args {
    /// Rounds over all subjects.
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
    /// Cores on which sender and receiver run, and workers of the daemon.
    #[arg(long, value_name = "N", default_value_t = 2)]
    cores: usize,
    /// Seconds of a subject in a round.
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    seconds: f64,
    #[command(flatten)]
    output: Output,
    /// Only write --bytes bytes into this address, again and again: the other process of a plain copy.
    #[arg(long, value_name = "ADDRESS", hide = true)]
    send: Option<Address>,
    /// Bytes of a buffer of --send.
    #[arg(long, value_name = "N", hide = true, default_value_t = 1 << 20)]
    bytes: usize,
}

fn main() -> Result<()> {
    let args = Args::parse();
    if let Some(address) = &args.send {
        return transport::send(address, args.bytes);
    }
    ensure!(args.rounds > 0, "--rounds must be at least 1");
    let time = Duration::try_from_secs_f64(args.seconds)?;
    let conditions = Conditions::gather();
    let cores = cores::pin(args.cores)?;
    let bar = ProgressBar::new_spinner();
    let settings = Settings { rounds: args.rounds, threads: args.cores, time };
    let outcome = transport::run(&settings, |subject| {
        bar.set_message(subject.to_owned());
        bar.tick();
    })?;
    bar.finish_and_clear();
    let how = how(&args, &cores);
    let json = serde_json::json!({
        "conditions": conditions,
        "cores": cores,
        "rounds": args.rounds,
        "seconds": args.seconds,
        "subjects": outcome.subjects,
        "single_batches": outcome.singles,
    });
    let head = format!("{}{how}", conditions.markdown());
    args.output.give("transport", &head, &[outcome.table(), outcome.singles_table()], &json)
}

/// The conditions that are the bench's own, as a Markdown list.
fn how(args: &Args, cores: &[usize]) -> String {
    format!(
        "- {} rounds of {} s a subject; sender and receiver on cores {cores:?}; buffers and batches of 38.5 MB\n",
        args.rounds, args.seconds
    )
}
