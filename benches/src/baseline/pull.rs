//! Batches out of a daemon through the Rust client, as a trainer's rank takes them.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use bandwise_client::{Batch, Connection, Run, RunOptions, Transport};

use super::{
    loops,
    meter::{Meter, Rate},
    subject::Pull,
};

/// Batches that are thrown away first: more than the client's window, so that batches made before anyone waited for it
/// does not count.
const WARM_UP_BATCHES: u64 = 12;

/// The source of a pull, and the amount at a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    pub(super) connection: &'a Connection,
    pub(super) dataset: &'a str,
    pub(super) batch: u64,
    /// The daemon, if it is a process of its own.
    pub(super) process: Option<u32>,
}

impl Source<'_> {
    /// The rate over `time`, from the end of the warm-up on.
    pub(super) async fn rate(&self, pull: &Pull, time: Duration) -> Result<Rate> {
        let mut run = self.start(pull).await?;
        for _ in 0..WARM_UP_BATCHES {
            next(&mut run, pull).await?;
        }
        let (meter, mut images) = (Meter::start(self.process)?, 0);
        while meter.begun().elapsed() < time {
            images += next(&mut run, pull).await?.rows();
        }
        meter.stop(images)
    }

    /// Compares the first `plain` batch with what the recipe gives for the same files.
    pub(super) async fn check(&self, files: &[Vec<u8>]) -> Result<()> {
        let batch = next(&mut self.start(&Pull::PLAIN).await?, &Pull::PLAIN).await?;
        let header = batch.header();
        ensure!(header.substitutions.is_empty(), "the corpus holds undecodable files");
        let image = |(row, sample): (usize, &u64)| (*sample, batch.image(row).to_vec());
        loops::check_rows(files, header.epoch, header.sample_ids.iter().enumerate().map(image))
    }

    async fn start(&self, pull: &Pull) -> Result<Run> {
        let job = pull.job(self.dataset, self.batch);
        let plan = self.connection.plan(job.clone()).await?;
        let samples = plan.dataset_samples;
        let stage =
            plan.stages.iter().find(|stage| stage.bandwidth == pull.bandwidth).with_context(|| {
                format!(
                    "no steps at {} pixels: {samples} samples are too few for batches of {}",
                    pull.bandwidth, self.batch
                )
            })?;
        let options =
            RunOptions { from_step: stage.first_step, transport: Transport::Grpc, ..RunOptions::default() };
        Ok(Run::start(self.connection, job, &options).await?)
    }
}

async fn next(run: &mut Run, pull: &Pull) -> Result<Batch> {
    match run.next().await? {
        Some(batch) if batch.header().bandwidth == pull.bandwidth => Ok(batch),
        _ => bail!("the stage of {} pixels ended within a round; use a larger corpus", pull.bandwidth),
    }
}
