//! `bandwise pull`: a trainer without a model. Pulls batches, measures, digests.

mod report;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use bandwise_choice::choices;
use bandwise_client::{
    Address, ClientError, Connection, Expected, ReplayBuffer, Run, RunOptions, RunState, Transport, ask_any,
    proto,
};
use bandwise_job::Fingerprint;
use bandwise_pipeline::Priority;
use bandwise_terms::Reason;

use crate::{
    Failure,
    choices::{self, choice, to_wire},
    client_runtime,
    job_args::{JobArgs, RankArgs},
    usage,
};
use report::Reporter;

/// Level of the log during a run: problems, and when they have ended.
const LOG: &str = "warn";

/// Longest patience in seconds: a year.
const MAX_PATIENCE: f64 = 31_536_000.0;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  bandwise pull --connect unix:/run/bandwise.sock,pool-1:7070,pool-2:7070 --dataset imagenet \\\n      \
    --curriculum efficienttrain++ --epochs 200 --batch-size 256 --steps 100 --digest"
)]
pub(crate) struct Args {
    /// Addresses of the daemons, as unix:PATH or HOST:PORT, separated by commas: the one on this host first, then the
    /// pool. Batches do not depend on which daemon makes them. Daemons that die, hang or stop are left and tried again
    /// later.
    #[arg(long, value_name = "ADDRESS,...", required = true, value_delimiter = ',')]
    connect: Vec<Address>,
    /// Name of the dataset on the daemons.
    #[arg(long, value_name = "NAME")]
    dataset: String,
    #[command(flatten)]
    job: JobArgs,
    #[command(flatten)]
    rank: RankArgs,
    /// First step, counted from 0.
    #[arg(long, value_name = "S", default_value_t = 0)]
    from_step: u64,
    /// Number of steps. [default: all to the end of the plan]
    #[arg(long, value_name = "K")]
    steps: Option<u64>,
    #[arg(long, default_value_t, value_name = "SIDE", hide_possible_values = true, value_parser = choice::<Side>(),
        help = choices::help::<Side>("Where the replay buffer lives"))]
    replay: Side,
    /// For --replay client: memory in MiB for the rows of its buffer. [default: as much as the job needs]
    #[arg(long, value_name = "MIB")]
    replay_memory_mib: Option<u64>,
    #[arg(long, default_value_t, hide_possible_values = true, value_parser = choice::<Transport>(),
        help = choices::help::<Transport>("Transport of batches"))]
    transport: Transport,
    #[arg(long, default_value_t, hide_possible_values = true, value_parser = choice::<Priority>(),
        help = choices::help::<Priority>("Priority of this stream at the daemons"))]
    priority: Priority,
    /// Fail unless the job has this fingerprint (64 hex digits).
    #[arg(long, value_name = "H")]
    expect_fingerprint: Option<Fingerprint>,
    /// Write the state of the run (step, fingerprint and its fields, as JSON) to this file at the end, even if the run
    /// fails.
    #[arg(long, value_name = "FILE")]
    save_state: Option<PathBuf>,
    /// Resume from a file written by --save-state. Another job is refused, with the names of the fields that differ.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from_step", "expect_fingerprint"])]
    resume: Option<PathBuf>,
    /// Fail, and list the samples, if more than this fraction of the rows (of at least 1000) hold a substitute or zeros
    /// for an undecodable sample or, with --on-unreadable substitute, for one that could not be read.
    #[arg(long, value_name = "F", default_value_t = 0.01, value_parser = fraction)]
    max_bad_fraction: f64,
    /// Seconds to wait while no daemon is reachable, or while none can read a sample.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = patience)]
    patience: Duration,
    #[arg(long, value_name = "WHAT", num_args = 0..=1, require_equals = true, default_missing_value = "batch",
        hide_possible_values = true, value_parser = choice::<Digests>(),
        help = format!("{}; --digest alone means batch", choices::help::<Digests>("Print SHA-256 digests")))]
    digest: Option<Digests>,
    /// Print JSON, one object a line.
    #[arg(long)]
    json: bool,
}

fn fraction(text: &str) -> Result<f64, String> {
    let fraction = text.parse().ok().filter(|fraction| (0.0..=1.0).contains(fraction));
    fraction.ok_or_else(|| "a fraction is a number from 0 to 1".to_owned())
}

fn patience(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=MAX_PATIENCE).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "not a number of seconds".to_owned())
}

choices! {
    /// The lines that `--digest` prints.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Digests: "digest" {
        /// One line a step.
        Batch = "batch",
        /// One line a row.
        Rows = "rows",
    }
}

choices! {
    /// The side that keeps the rows which stages replay.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Side: "replay" = Server {
        /// The daemon, within its `replay_memory_mib`.
        Server = "server",
        /// This program: only fresh rows are sent, over gRPC; the default of --replay-lanes is then the number of
        /// batches of a step.
        Client = "client",
    }
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    crate::log(LOG)?;
    let mut job = args.job.job(&args.dataset, args.rank.global_batch()?)?;
    if args.replay == Side::Client && job.replay_lanes == 0 {
        // The product of both is part of the global batch.
        let batches = args.rank.world_size * args.rank.accumulate;
        job.replay_lanes = u32::try_from(batches).map_err(usage)?;
    }
    let options = RunOptions {
        share: args.rank.share(),
        from_step: args.from_step,
        steps: args.steps,
        expected: Expected {
            fingerprint: args.expect_fingerprint.map_or_else(Vec::new, |f| f.as_bytes().to_vec()),
            fields: Vec::new(),
        },
        transport: args.transport,
        fresh_only: args.replay == Side::Client,
        priority: to_wire(args.priority)?,
        patience: args.patience,
        max_bad_fraction: args.max_bad_fraction,
        ..RunOptions::default()
    };
    let options = match &args.resume {
        Some(file) => options.resume(&read_state(file)?),
        None => options,
    };
    client_runtime()?.block_on(pull(args, job, &options))
}

async fn pull(args: &Args, job: proto::Job, options: &RunOptions) -> Result<(), Failure> {
    let mut run = Run::with_daemons(&args.connect, job.clone(), options).await.map_err(at_start)?;
    let mut buffer = match args.replay {
        Side::Server => None,
        Side::Client => {
            let max_bytes = args.replay_memory_mib.map_or(u64::MAX, |mib| mib.saturating_mul(1 << 20));
            let buffer = ReplayBuffer::new(&args.connect, job, run.plan(), options.share, max_bytes);
            Some(buffer.map_err(at_start)?.with_patience(options.patience))
        }
    };
    warn(args, &run).await;
    let mut report = Reporter::new(args, run.batches_left())?;
    let mut state = run.state();
    let pulled = pull_all(&mut run, buffer.as_mut(), &mut report, &mut state.step).await;
    if let Some(file) = &args.save_state {
        write_state(file, &state)?;
    }
    pulled?;
    report.finish(&run)
}

/// Prints the warnings about the plan and the dataset.
async fn warn(args: &Args, run: &Run) {
    let ask = async |connection: Connection| connection.describe("").await;
    // A daemon that answers the run but not this has no warnings to give.
    let described = ask_any(&args.connect, args.patience, ask).await.map(|(_, answer)| answer.datasets);
    let datasets = described.unwrap_or_default();
    let of_dataset = datasets.iter().filter(|dataset| dataset.name == args.dataset);
    for warning in run.plan().warnings.iter().chain(of_dataset.flat_map(|dataset| &dataset.warnings)) {
        tracing::warn!("{warning}");
    }
}

async fn pull_all(
    run: &mut Run,
    mut buffer: Option<&mut ReplayBuffer>,
    report: &mut Reporter,
    next_step: &mut u64,
) -> Result<(), Failure> {
    loop {
        let asked = Instant::now();
        let Some(mut batch) = run.next().await? else { break };
        if let Some(buffer) = &mut buffer {
            batch = buffer.complete(batch).await?;
        }
        report.batch(&batch, asked.elapsed())?;
        // Only now: a batch that cannot be completed was not delivered.
        *next_step = run.next_step();
    }
    *next_step = run.next_step();
    Ok(())
}

fn at_start(error: ClientError) -> Failure {
    match error {
        ClientError::Share(_)
        | ClientError::BeyondPlan { .. }
        | ClientError::ReplayLanes { .. }
        | ClientError::ReplayMemory { .. } => usage(error),
        ClientError::Daemon { detail: Some(ref detail), .. }
            if detail.has_reason(Reason::FingerprintDiffers) && detail.differing_fields.is_empty() =>
        {
            Failure::Failed(anyhow::anyhow!(
                "{error}; a bare fingerprint cannot show which fields differ: write a file with --save-state in the \
                 original run, and give it to --resume here"
            ))
        }
        other => other.into(),
    }
}

fn read_state(file: &Path) -> Result<RunState, Failure> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read the state {}", file.display()));
    let state = serde_json::from_str(&text.map_err(usage)?);
    state.with_context(|| format!("{} is not a file written by --save-state", file.display())).map_err(usage)
}

fn write_state(file: &Path, state: &RunState) -> Result<(), Failure> {
    let written = fs::write(file, serde_json::to_string_pretty(state)?);
    Ok(written.with_context(|| format!("cannot write the state {}", file.display()))?)
}
