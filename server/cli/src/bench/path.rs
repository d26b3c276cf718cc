//! The whole path: a real daemon and a real client in this process, over a private Unix socket.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use bandwise_client::{Connection, Run, RunOptions, proto};
use bandwise_dataset::{NoProgress, Splits};
use bandwise_server::{
    config::{Config, DatasetConfig, Settings},
    server::{Daemon, open_datasets},
};

use crate::{Failure, bench::parts::process_time, usage};

/// Batches that are pulled before the clock counts: more than the client asks for ahead.
const WARM_UP: usize = 12;

/// The results of the whole path.
#[derive(Clone, Copy, Debug)]
pub(super) struct PathTime {
    pub(super) images_per_s: f64,
    /// CPU time of this process, so of daemon and client, an image.
    pub(super) cpu_us: f64,
}

/// The configuration of the daemon.
pub(super) fn settings(
    dataset: &Path,
    cache_dir: Option<PathBuf>,
    folder: &Path,
    threads: usize,
) -> Result<Settings, Failure> {
    let config = Config {
        listen: vec![format!("unix:{}", folder.join("bench.sock").display())],
        dataset: vec![DatasetConfig {
            name: "bench".to_owned(),
            path: dataset.to_owned(),
            // One dataset, as it was opened before.
            splits: Splits::Never,
            ..DatasetConfig::default()
        }],
        cache_dir,
        threads,
        ..Config::default()
    };
    Settings::check(&config).map_err(usage)
}

/// Pulls batches of each job for `time`.
pub(super) async fn measure(
    settings: &Settings,
    jobs: Vec<proto::Job>,
    time: Duration,
    mut done: impl FnMut(),
) -> Result<Vec<PathTime>, Failure> {
    let catalog = open_datasets(settings, |_| Box::new(NoProgress))?;
    let daemon = Daemon::start(settings, catalog).await?;
    let address = daemon.addresses().first().context("the daemon listens nowhere")?.clone();
    let connection = Connection::open(&address).await?;
    let mut times = Vec::new();
    for job in jobs {
        times.push(pull(&connection, job, time).await?);
        done();
    }
    daemon.stop().await;
    Ok(times)
}

async fn pull(connection: &Connection, job: proto::Job, time: Duration) -> Result<PathTime, Failure> {
    let mut run = Run::start(connection, job, &RunOptions::default()).await?;
    for _ in 0..WARM_UP {
        run.next().await?.context("the run ended while it warmed up")?;
    }
    let (begun, cpu) = (Instant::now(), process_time());
    let mut images = 0;
    while begun.elapsed() < time {
        images += run.next().await?.context("the run ended while it was measured")?.rows();
    }
    let (seconds, cpu) = (begun.elapsed().as_secs_f64(), process_time().saturating_sub(cpu));
    Ok(PathTime {
        images_per_s: images as f64 / seconds,
        cpu_us: 1e6 * cpu.as_secs_f64() / images.max(1) as f64,
    })
}
