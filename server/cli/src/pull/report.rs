//! The output of `pull`: digests during the run, figures at the end.

use std::{
    io::IsTerminal as _,
    time::{Duration, Instant},
};

use bandwise_client::{Batch, DaemonReport, Run, proto};
use hdrhistogram::Histogram;
use indicatif::{ProgressBar, ProgressDrawTarget};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::{
    Failure,
    format::{bytes, grouped, hex, json_line, table},
    output::outln,
    progress,
    pull::{Args, Digests},
};

/// Longest wait that is told apart from longer ones: a day.
const LONGEST_WAIT_US: u64 = 86_400_000_000;

/// Collects figures and prints lines.
pub(super) struct Reporter {
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
    longest_wait_ms: f64,
    /// `grpc` or `shm`: of the first daemon that was reached.
    transport: String,
    daemons: Vec<DaemonLine>,
    fingerprint: String,
}

#[derive(Debug, Serialize)]
struct DaemonLine {
    address: String,
    /// `open`, `draining`, `lost` or `refused`.
    state: &'static str,
    transport: Option<String>,
    /// Batches that came from here first.
    batches: u64,
    /// Batches that did not come from here and were requested again.
    retried: u64,
    /// Batches that were requested here because another daemon was late.
    hedged: u64,
    /// Batches that came from here second.
    duplicates: u64,
}

impl DaemonLine {
    fn new(daemon: &DaemonReport) -> Self {
        Self {
            address: daemon.address.to_string(),
            state: daemon.state,
            transport: daemon.transport.map(|transport| transport.to_string()),
            batches: daemon.batches,
            retried: daemon.retried,
            hedged: daemon.hedged,
            duplicates: daemon.duplicates,
        }
    }
}

impl Reporter {
    pub(super) fn new(args: &Args, batches: u64) -> Result<Self, Failure> {
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

    pub(super) fn batch(&mut self, batch: &Batch, wait: Duration) -> Result<(), Failure> {
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
        outln!(
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
                outln!(
                    "step {} row {} sample {} sha256 {}",
                    line.step,
                    line.row,
                    line.sample_id,
                    line.sha256
                );
            }
        }
        Ok(())
    }

    pub(super) fn finish(mut self, run: &Run) -> Result<(), Failure> {
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
            longest_wait_ms: self.waits_us.max() as f64 / 1000.0,
            transport: run.transport().to_string(),
            daemons: run.daemons().iter().map(DaemonLine::new).collect(),
            fingerprint: hex(&run.plan().fingerprint),
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
        let mut table = table(&[
            "images/s",
            "GB/s",
            "batches",
            "images",
            "bytes",
            "substituted",
            "wait p50",
            "wait p99",
            "longest",
        ]);
        table.add_row([
            format!("{:.0}", self.images_per_s),
            format!("{:.3}", self.bytes_per_s / 1e9),
            grouped(self.batches),
            grouped(self.images),
            bytes(self.bytes),
            grouped(self.substituted),
            format!("{:.1} ms", self.wait_ms_p50),
            format!("{:.1} ms", self.wait_ms_p99),
            format!("{:.1} ms", self.longest_wait_ms),
        ]);
        outln!("{table}");
        if self.daemons.len() > 1 {
            self.print_daemons();
        } else {
            outln!("transport {}", self.transport);
        }
        outln!("fingerprint {}", self.fingerprint);
    }

    fn print_daemons(&self) {
        let mut table =
            table(&["daemon", "state", "transport", "batches", "retried", "hedged", "duplicates"]);
        for daemon in &self.daemons {
            table.add_row([
                daemon.address.clone(),
                daemon.state.to_owned(),
                daemon.transport.clone().unwrap_or_default(),
                grouped(daemon.batches),
                grouped(daemon.retried),
                grouped(daemon.hedged),
                grouped(daemon.duplicates),
            ]);
        }
        outln!("{table}");
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
