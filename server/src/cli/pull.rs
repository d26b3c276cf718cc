//! `bandwise pull`: a trainer without a model. Pulls batches, measures, digests.

use std::{
    io::IsTerminal as _,
    time::{Duration, Instant},
};

use bandwise_client::{Address, Batch, ClientError, Connection, ReplayBuffer, Run, RunOptions, proto};
use bandwise_job::Fingerprint;
use hdrhistogram::Histogram;
use indicatif::{ProgressBar, ProgressDrawTarget};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::cli::{
    Failure,
    format::{bytes, grouped, hex, json_line, table},
    job_args::{JobArgs, RankArgs},
    progress, runtime, usage,
};

/// Longest wait that is told apart from longer ones: a day.
const LONGEST_WAIT_US: u64 = 86_400_000_000;

/// Async threads of the client.
const ASYNC_THREADS: usize = 1;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  bandwise pull --connect unix:/run/bandwise.sock --dataset imagenet --curriculum efficienttrain++ \\\n      \
    --epochs 200 --batch-size 256 --steps 100 --digest"
)]
pub(crate) struct Args {
    /// The daemon, as unix:PATH or HOST:PORT.
    #[arg(long, value_name = "ADDRESS")]
    connect: Address,
    /// Name of the dataset at the daemon.
    #[arg(long, value_name = "NAME")]
    dataset: String,
    #[command(flatten)]
    job: JobArgs,
    #[command(flatten)]
    rank: RankArgs,
    /// First step.
    #[arg(long, value_name = "S", default_value_t = 0)]
    from_step: u64,
    /// Number of steps. [default: to the end of the plan]
    #[arg(long, value_name = "K")]
    steps: Option<u64>,
    /// Who keeps the rows that stages replay: server, or client: fresh rows alone travel, over gRPC, and this side keeps
    /// the others. For client, replay lanes default to the batches of a step.
    #[arg(long, value_name = "SIDE", default_value = "server")]
    replay: Side,
    /// For --replay client: memory in MiB that its rows may take. [default: what the job needs]
    #[arg(long, value_name = "MIB")]
    replay_memory_mib: Option<u64>,
    /// How batches travel: auto (shared memory on the daemon's host, over its Unix socket; else gRPC), grpc, shm.
    #[arg(long, default_value = "auto")]
    transport: Transport,
    /// Fail unless the job has this fingerprint (64 hex digits).
    #[arg(long, value_name = "H")]
    expect_fingerprint: Option<Fingerprint>,
    /// Print SHA-256 digests: one line a step, or with --digest=rows one line a row.
    #[arg(long, value_name = "WHAT", num_args = 0..=1, require_equals = true, default_missing_value = "batch")]
    digest: Option<Digests>,
    /// Print JSON, one object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Digests {
    Batch,
    Rows,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Transport {
    Auto,
    Grpc,
    Shm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Side {
    Server,
    Client,
}

impl From<Transport> for bandwise_client::Transport {
    fn from(transport: Transport) -> Self {
        match transport {
            Transport::Auto => Self::Auto,
            Transport::Grpc => Self::Grpc,
            Transport::Shm => Self::SharedMemory,
        }
    }
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    crate::cli::log("warn")?;
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
        expected_fingerprint: args.expect_fingerprint.map_or_else(Vec::new, |f| f.as_bytes().to_vec()),
        transport: args.transport.into(),
        fresh_only: args.replay == Side::Client,
        ..RunOptions::default()
    };
    runtime(ASYNC_THREADS)?.block_on(pull(args, job, &options))
}

async fn pull(args: &Args, job: proto::Job, options: &RunOptions) -> Result<(), Failure> {
    let connection = Connection::open(&args.connect).await?;
    let mut run = Run::start(&connection, job.clone(), options).await.map_err(usage_or_failure)?;
    let mut buffer = match args.replay {
        Side::Server => None,
        Side::Client => {
            let max_bytes = args.replay_memory_mib.map_or(u64::MAX, |mib| mib.saturating_mul(1 << 20));
            let buffer = ReplayBuffer::new(&connection, job, run.plan(), options.share, max_bytes);
            Some(buffer.map_err(usage_or_failure)?)
        }
    };
    let batches_ahead = run.plan().steps.saturating_sub(args.from_step);
    let total = args.steps.map_or(batches_ahead, |steps| steps.min(batches_ahead)) * args.rank.accumulate;
    let mut report = Reporter::new(args, total)?;
    loop {
        let asked = Instant::now();
        let Some(mut batch) = run.next().await? else { break };
        if let Some(buffer) = &mut buffer {
            batch = buffer.complete(batch).await?;
        }
        report.batch(&batch, asked.elapsed())?;
    }
    report.finish(&hex(&run.plan().fingerprint), run.transport())
}

/// Numbers that do not fit together are the caller's mistake.
fn usage_or_failure(error: ClientError) -> Failure {
    match error {
        ClientError::Share(_)
        | ClientError::BeyondPlan { .. }
        | ClientError::ReplayLanes { .. }
        | ClientError::ReplayMemory { .. } => usage(error),
        other => other.into(),
    }
}

/// Collects figures and prints lines.
struct Reporter {
    digests: Option<Digests>,
    json: bool,
    bar: ProgressBar,
    begun: Instant,
    /// The step whose batches are being collected.
    step: Option<StepDigest>,
    images: u64,
    bytes: u64,
    batches: u64,
    substituted: u64,
    waits_us: Histogram<u64>,
}

/// The digest of a rank's rows of one step, over all its batches.
struct StepDigest {
    line: StepLine,
    samples: Sha256,
    images: Sha256,
}

#[derive(Debug, Serialize)]
struct StepLine {
    step: u64,
    epoch: u64,
    stage: u32,
    bandwidth: u32,
    magnitude: f64,
    samples_digest: String,
    sha256: String,
}

#[derive(Debug, Serialize)]
struct RowLine {
    step: u64,
    row: u64,
    sample_id: u64,
    sha256: String,
}

#[derive(Debug, Serialize)]
struct Summary {
    images_per_s: f64,
    bytes_per_s: f64,
    batches: u64,
    images: u64,
    bytes: u64,
    seconds: f64,
    substituted: u64,
    wait_ms_p50: f64,
    wait_ms_p99: f64,
    /// `grpc` or `shm`.
    transport: String,
    fingerprint: String,
}

impl Reporter {
    fn new(args: &Args, batches: u64) -> Result<Self, Failure> {
        let bar = progress::bar(batches, "batches");
        let lines_on_terminal = args.digest.is_some() && std::io::stdout().is_terminal();
        if args.json || lines_on_terminal {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        Ok(Self {
            digests: args.digest,
            json: args.json,
            bar,
            begun: Instant::now(),
            step: None,
            images: 0,
            bytes: 0,
            batches: 0,
            substituted: 0,
            waits_us: Histogram::new_with_bounds(1, LONGEST_WAIT_US, 3)?,
        })
    }

    fn batch(&mut self, batch: &Batch, wait: Duration) -> Result<(), Failure> {
        self.images += batch.rows();
        self.bytes += batch.byte_len() as u64;
        self.batches += 1;
        self.substituted += batch.header().substitutions.len() as u64;
        self.waits_us.saturating_record(wait.as_micros() as u64);
        self.bar.inc(1);
        let rate = self.images as f64 / self.begun.elapsed().as_secs_f64();
        self.bar.set_message(format!("B = {}, {rate:.0} images/s", batch.header().bandwidth));
        match self.digests {
            Some(Digests::Batch) => self.digest_step(batch),
            Some(Digests::Rows) => self.print_rows(batch),
            None => Ok(()),
        }
    }

    fn digest_step(&mut self, batch: &Batch) -> Result<(), Failure> {
        if self.step.as_ref().is_none_or(|step| step.line.step != batch.step()) {
            self.print_step()?;
            self.step = Some(StepDigest::new(batch.header()));
        }
        if let Some(step) = &mut self.step {
            step.add(batch);
        }
        Ok(())
    }

    fn print_step(&mut self) -> Result<(), Failure> {
        let Some(step) = self.step.take() else { return Ok(()) };
        let line = step.finish();
        if self.json {
            return Ok(json_line(&line)?);
        }
        let StepLine { step, epoch, stage, bandwidth, magnitude, samples_digest, sha256 } = line;
        println!(
            "step {step} epoch {epoch} stage {stage} B {bandwidth} m {magnitude} samples {samples_digest} sha256 {sha256}"
        );
        Ok(())
    }

    fn print_rows(&self, batch: &Batch) -> Result<(), Failure> {
        for (i, &sample_id) in batch.header().sample_ids.iter().enumerate() {
            let line = RowLine {
                step: batch.step(),
                row: batch.first_row() + i as u64,
                sample_id,
                sha256: hex(&Sha256::digest(batch.image(i))),
            };
            if self.json {
                json_line(&line)?;
            } else {
                println!(
                    "step {} row {} sample {} sha256 {}",
                    line.step, line.row, line.sample_id, line.sha256
                );
            }
        }
        Ok(())
    }

    fn finish(mut self, fingerprint: &str, transport: bandwise_client::Transport) -> Result<(), Failure> {
        self.print_step()?;
        self.bar.finish_and_clear();
        let seconds = self.begun.elapsed().as_secs_f64();
        let wait_ms = |quantile| self.waits_us.value_at_quantile(quantile) as f64 / 1000.0;
        let summary = Summary {
            images_per_s: self.images as f64 / seconds,
            bytes_per_s: self.bytes as f64 / seconds,
            batches: self.batches,
            images: self.images,
            bytes: self.bytes,
            seconds,
            substituted: self.substituted,
            wait_ms_p50: wait_ms(0.5),
            wait_ms_p99: wait_ms(0.99),
            transport: transport.to_string(),
            fingerprint: fingerprint.to_owned(),
        };
        if self.json {
            return Ok(json_line(&summary)?);
        }
        summary.print();
        Ok(())
    }
}

impl Summary {
    fn print(&self) {
        let mut table =
            table(&["images/s", "GB/s", "batches", "images", "bytes", "substituted", "wait p50", "wait p99"]);
        table.add_row([
            format!("{:.0}", self.images_per_s),
            format!("{:.3}", self.bytes_per_s / 1e9),
            grouped(self.batches),
            grouped(self.images),
            bytes(self.bytes),
            grouped(self.substituted),
            format!("{:.1} ms", self.wait_ms_p50),
            format!("{:.1} ms", self.wait_ms_p99),
        ]);
        println!("{table}\ntransport {}\nfingerprint {}", self.transport, self.fingerprint);
    }
}

impl StepDigest {
    fn new(header: &proto::BatchHeader) -> Self {
        let line = StepLine {
            step: header.step,
            epoch: header.epoch,
            stage: header.stage,
            bandwidth: header.bandwidth,
            magnitude: header.magnitude,
            samples_digest: String::new(),
            sha256: String::new(),
        };
        Self { line, samples: Sha256::new(), images: Sha256::new() }
    }

    fn add(&mut self, batch: &Batch) {
        for sample in &batch.header().sample_ids {
            self.samples.update(sample.to_le_bytes());
        }
        self.images.update(batch.images());
    }

    fn finish(self) -> StepLine {
        let samples = hex(&self.samples.finalize());
        StepLine {
            samples_digest: samples[..16].to_owned(),
            sha256: hex(&self.images.finalize()),
            ..self.line
        }
    }
}
