//! The command line of Bandwise over the daemon as a library: one file a command, and what they share.
//!
//! Exit codes: 0 good, 1 failed, 2 usage or bad configuration. Results go to standard output, everything else to
//! standard error.

#![forbid(unsafe_code)]

mod apply;
mod augment_arg;
mod bench;
mod check;
mod choices;
mod dataset_args;
mod demo;
mod format;
mod image_math;
mod index;
mod job_args;
mod npy;
mod output;
mod picture;
mod plan;
mod preview;
mod progress;
mod pull;
mod serve;
mod spectrum;

use std::{io::IsTerminal as _, process::ExitCode, sync::Arc};

use bandwise_server::log_filter;
use clap::{Parser, Subcommand};
use parking_lot::Mutex;
use tracing_subscriber::EnvFilter;

/// Data-loading daemon for progressive training: low frequencies first.
#[derive(Debug, Parser)]
#[command(name = "bandwise", version, max_term_width = 110, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the whole path on embedded photographs and draw the images that the model gets.
    Demo(demo::Args),
    /// Run the daemon.
    Serve(serve::Args),
    /// Show the stages and steps of a curriculum.
    Plan(plan::Args),
    /// Fetch batches like a trainer; print rates and checksums.
    Pull(pull::Args),
    /// Draw the images that the model gets: rows are samples, columns are stages.
    Preview(preview::Args),
    /// Apply operations to one image, in the order given.
    Apply(apply::Args),
    /// Measure the CPU time of each part of the work on this machine.
    Bench(bench::Args),
    /// Build the index of a dataset ahead of time; --content adds hashes, --seek seek points.
    Index(index::Args),
    /// Scan a dataset: counts, sizes, formats, undecodable samples, digest.
    Check(check::Args),
}

/// The kind of a failure, which decides the exit code.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line or the configuration is wrong: exit code 2.
    Usage(anyhow::Error),
    /// It did not work out: exit code 1.
    Failed(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Marks an error as one of usage.
pub(crate) fn usage(error: impl Into<anyhow::Error>) -> Failure {
    Failure::Usage(error.into())
}

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Demo(args) => demo::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Pull(args) => pull::run(&args),
        Command::Preview(args) => preview::run(&args),
        Command::Apply(args) => apply::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Index(args) => index::run(&args),
        Command::Check(args) => check::run(&args),
    };
    let (code, error) = match result {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Failed(error)) if error.is::<output::Closed>() => return ExitCode::SUCCESS,
        Err(Failure::Usage(error)) => (2, error),
        Err(Failure::Failed(error)) => (1, error),
    };
    eprintln!("error: {}", told(&error));
    ExitCode::from(code)
}

/// An error with its causes, each once: many repeat their cause in their own sentence.
fn told(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !text.contains(&cause) {
            text.push_str(if text.is_empty() { "" } else { ": " });
            text.push_str(&cause);
        }
    }
    text
}

/// Logs to standard error. `BANDWISE_LOG` overrides the filter.
pub(crate) fn log(filter: &str) -> Result<(), Failure> {
    let (source, filter) = match std::env::var("BANDWISE_LOG") {
        Ok(filter) => ("BANDWISE_LOG", filter),
        Err(_) => ("log", filter.to_owned()),
    };
    if let Some(problem) = log_filter::problem(&filter) {
        return Err(usage(anyhow::anyhow!("{source} = {filter}: {problem}")));
    }
    let filter = EnvFilter::try_new(log_filter::complete(&filter))
        .map_err(|error| usage(anyhow::anyhow!("{source} = {filter}: {error}")))?;
    let colours = std::io::stderr().is_terminal();
    // Fails only if a logger is there already, as in tests.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        // A log whose reader has gone is not worth a panic.
        .log_internal_errors(false)
        .try_init();
    Ok(())
}

/// An async runtime for a client. One thread reads from the connections and puts batches together: to hand each part of
/// a batch to another thread costs more than to copy it.
pub(crate) fn client_runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// An async runtime for a daemon, alone or with clients.
pub(crate) fn runtime(threads: usize) -> Result<tokio::runtime::Runtime, Failure> {
    try_threads(threads).map_err(no_thread)?;
    Ok(tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("bw-async")
        .enable_all()
        .build()?)
}

/// Starts so many threads and ends them, all of them alive at once. The runtime does not return an error of starting its
/// threads: it panics, or waits without an end for those that it has.
fn try_threads(threads: usize) -> std::io::Result<()> {
    let gate = Arc::new(Mutex::new(()));
    let closed = gate.lock();
    let trial: std::io::Result<Vec<_>> = (0..threads)
        .map(|_| {
            let gate = Arc::clone(&gate);
            std::thread::Builder::new().spawn(move || drop(gate.lock()))
        })
        .collect();
    drop(closed);
    for thread in trial? {
        // It does nothing that can fail.
        let _ = thread.join();
    }
    Ok(())
}

/// The system refuses a thread.
pub(crate) fn no_thread(error: std::io::Error) -> Failure {
    let hint =
        "the system allows this user or container no more processes (ulimit -u, pids.max): raise the limit";
    Failure::Failed(anyhow::Error::new(error).context(format!("cannot start a thread; {hint}")))
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::told;

    #[test]
    fn causes_are_told_once() {
        let inner = anyhow::anyhow!("no such file");
        assert_eq!(told(&inner), "no such file");
        let quoted = anyhow::anyhow!("no such file").context("cannot read x: no such file");
        assert_eq!(told(&quoted), "cannot read x: no such file");
        let failed: Result<(), _> = Err(inner).context("cannot read y");
        assert_eq!(told(&failed.unwrap_err()), "cannot read y: no such file");
    }
}
