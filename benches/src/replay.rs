//! The savings and the costs of replay: CPU time of the daemon for each image that it delivers, and its memory.
//!
//! Each round pulls the same number of steps from the begin of a stage without replay and of one with it, each from a
//! daemon of its own, one after the other; the ratio is taken round by round. The buffer is full before the end, so
//! that the most memory that the daemon ever had, beside what the daemon without replay had, is that of the buffer.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use bandwise_client::{Run, RunOptions, proto};
use serde::Serialize;

use crate::{
    cpu::ticks_of,
    daemon::{DATASET, Daemon},
};

/// Microseconds of a tick.
const TICK_US: f64 = 10_000.0;

/// The batches that are pulled.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Worker threads of the daemon.
    pub threads: usize,
    /// Rows of a step.
    pub batch: u64,
    /// Side of the images in pixels.
    pub bandwidth: u32,
    /// Replay times of the second daemon.
    pub replay: u32,
    /// Its buffer in steps.
    pub buffer: u32,
}

/// One round.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Round {
    /// CPU microseconds of the daemon for each image without replay.
    pub cpu_us_per_image: f64,
    /// The same with replay.
    pub cpu_us_per_image_replayed: f64,
    /// The second over the first.
    pub ratio: f64,
    /// Bytes of the images in the buffer, as the plan announces them.
    pub buffer_bytes: u64,
    /// Most memory that the daemon with replay had, beside that of the other.
    pub memory_bytes: u64,
}

/// Runs a round over the dataset in `corpus`.
///
/// # Errors
///
/// If a daemon does not start or a batch cannot be made.
pub async fn round(corpus: &Path, setup: &Setup) -> Result<Round> {
    let plain = pull(corpus, setup, 1).await?;
    let replayed = pull(corpus, setup, setup.replay).await?;
    Ok(Round {
        cpu_us_per_image: plain.cpu_us_per_image,
        cpu_us_per_image_replayed: replayed.cpu_us_per_image,
        ratio: replayed.cpu_us_per_image / plain.cpu_us_per_image,
        buffer_bytes: replayed.buffer_bytes,
        memory_bytes: replayed.peak_bytes.saturating_sub(plain.peak_bytes),
    })
}

struct Pulled {
    cpu_us_per_image: f64,
    buffer_bytes: u64,
    peak_bytes: u64,
}

async fn pull(corpus: &Path, setup: &Setup, replay: u32) -> Result<Pulled> {
    let (daemon, connection) = Daemon::start(corpus, setup.threads).await?;
    // Half as many steps again as the buffer has, with replay or without.
    let steps = u64::from(setup.buffer) * 3 / 2;
    let options = RunOptions { steps: Some(steps), ..RunOptions::default() };
    let mut run = Run::start(&connection, job(setup, replay), &options).await?;
    ensure!(run.plan().steps >= steps, "the stage has {} steps, {steps} are needed", run.plan().steps);
    let buffer_bytes = run.plan().stages[0].replay_buffer_bytes;
    let process = daemon.process().to_string();
    let (before, mut images) = (ticks_of(&process)?, 0);
    while let Some(batch) = run.next().await? {
        images += batch.rows();
    }
    let ticks = ticks_of(&process)? - before;
    Ok(Pulled {
        cpu_us_per_image: ticks as f64 * TICK_US / images as f64,
        buffer_bytes,
        peak_bytes: peak_bytes(&process)?,
    })
}

fn job(setup: &Setup, replay: u32) -> proto::Job {
    let Setup { bandwidth, batch, buffer, .. } = *setup;
    let replay = match replay {
        1 => String::new(),
        times => format!("replay = {times}\nreplay_buffer = {buffer}\n"),
    };
    let curriculum = format!(
        "name = 'bench'\n[[stage]]\nepochs = 100000\nbandwidth = {bandwidth}\nmagnitude = 1\n{replay}"
    );
    proto::Job {
        datasets: vec![proto::DatasetShare { name: DATASET.to_owned(), weight: None }],
        curriculum: Some(proto::job::Curriculum::CurriculumToml(curriculum)),
        epochs: 100_000.0,
        global_batch: batch,
        dtype: proto::Dtype::F16.into(),
        ..proto::Job::default()
    }
}

/// Most resident memory that a process ever had.
fn peak_bytes(process: &str) -> Result<u64> {
    let path = format!("/proc/{process}/status");
    let status = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kib.with_context(|| format!("no peak in {path}"))? * 1024)
}
