//! Batches of the synthetic dataset, as a trainer's rank takes them.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail, ensure};
use bandwise_client::{
    Address, Batch, BatchStream, Connection, Expected, Reply, Run, RunOptions, Transport, proto,
};

use super::{
    meter::{Meter, Sample},
    subject::{Format, Route, Socket},
};

/// Batches that are thrown away first: more than the client's window, so that batches made before anyone waited for it
/// does not count, and that every buffer has been used before.
const WARM_UP_BATCHES: u64 = 20;

/// Round trips that are thrown away first.
const WARM_UP_TRIPS: u64 = 50;

/// The work of a trainer on a batch, for [`Source::waits`].
const TRAINING: Duration = Duration::from_millis(5);

/// The time of one batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trip {
    /// From its want into the hands of the client.
    pub(super) whole: Duration,
    /// The last part of that: from when it was complete on.
    pub(super) hand_over: Duration,
}

/// Batches one by one.
#[derive(Clone, Debug, Default)]
pub(super) struct Singles {
    /// Of [`Source::round_trips`].
    pub(super) trips: Vec<Trip>,
    /// Of [`Source::waits`].
    pub(super) waits: Vec<Duration>,
}

/// The daemon and the ways to it.
pub(super) struct Source {
    pub(super) unix: Connection,
    pub(super) tcp: Connection,
    /// The daemon, if it is a process of its own.
    pub(super) process: Option<u32>,
}

impl Source {
    /// A daemon that listens on both addresses.
    pub(super) async fn connect(unix: Connection, tcp: &Address, process: Option<u32>) -> Result<Self> {
        Ok(Self { unix, tcp: Connection::open(tcp).await?, process })
    }

    fn connection(&self, route: Route) -> &Connection {
        match route {
            Route::Grpc(Socket::Tcp) => &self.tcp,
            Route::Grpc(Socket::Unix) | Route::SharedMemory => &self.unix,
        }
    }

    async fn start(&self, route: Route, format: Format) -> Result<Run> {
        let options = RunOptions { transport: transport(route), ..RunOptions::default() };
        Ok(Run::start(self.connection(route), format.job(), &options).await?)
    }

    /// The rate over `time`, from the end of the warm-up on.
    pub(super) async fn rate(&self, route: Route, format: Format, time: Duration) -> Result<Sample> {
        let mut run = self.start(route, format).await?;
        for _ in 0..WARM_UP_BATCHES {
            next(&mut run).await?;
        }
        let (meter, mut bytes) = (Meter::start(self.process)?, 0);
        while meter.begun().elapsed() < time {
            bytes += next(&mut run).await?.byte_len() as u64;
        }
        meter.stop(bytes)
    }

    /// Round trips of single batches, while nothing else is asked for, over `time`.
    pub(super) async fn round_trips(
        &self,
        route: Route,
        format: Format,
        time: Duration,
    ) -> Result<Vec<Trip>> {
        let slot_bytes = (format.image_bytes() + 20 * format.rows as usize + 192) as u64;
        let request = proto::SharedMemoryRequest { slots: 2, slot_bytes, lease: true };
        let (connection, job) = (self.connection(route), format.job());
        let mut stream = connection.stream_over(transport(route), request, job, Expected::default()).await?;
        let mut trips = Vec::new();
        for step in 0..WARM_UP_TRIPS {
            round_trip(&mut stream, step, format.rows).await?;
        }
        let begun = Instant::now();
        while begun.elapsed() < time {
            let step = WARM_UP_TRIPS + trips.len() as u64;
            trips.push(round_trip(&mut stream, step, format.rows).await?);
        }
        Ok(trips)
    }

    /// The time that `Run::next` takes for batches that were requested ahead and are complete, as when a trainer is
    /// slower than the daemon; one value a batch, over `time`.
    pub(super) async fn waits(&self, route: Route, format: Format, time: Duration) -> Result<Vec<Duration>> {
        let mut run = self.start(route, format).await?;
        for _ in 0..WARM_UP_BATCHES {
            next(&mut run).await?;
        }
        let (begun, mut waits) = (Instant::now(), Vec::new());
        while begun.elapsed() < time {
            tokio::time::sleep(TRAINING).await;
            let asked = Instant::now();
            let _batch = next(&mut run).await?;
            waits.push(asked.elapsed());
        }
        Ok(waits)
    }

    /// Looks at a batch: a transport that loses bytes is fast.
    pub(super) async fn check(&self, route: Route, format: Format) -> Result<()> {
        let batch = next(&mut self.start(route, format).await?).await?;
        ensure!(batch.images().len() == format.image_bytes(), "{} bytes of images", batch.images().len());
        ensure!(batch.images().iter().all(|&byte| byte == 60), "a byte of an image is not 60");
        let labels = batch.header().sample_ids.iter().map(|id| (id % 1000) as i64);
        ensure!(batch.labels().eq(labels), "a label is not the sample id mod 1000");
        Ok(())
    }
}

fn transport(route: Route) -> Transport {
    match route {
        Route::Grpc(_) => Transport::Grpc,
        Route::SharedMemory => Transport::SharedMemory,
    }
}

async fn round_trip(stream: &mut BatchStream, step: u64, rows: u64) -> Result<Trip> {
    let asked = Instant::now();
    stream.want(proto::WantSteps { first_step: step, count: 1, stride: 1, first_row: 0, rows });
    let Some(Reply::Batch(batch)) = stream.next().await? else { bail!("no batch of step {step} came") };
    let (whole, now) = (asked.elapsed(), SystemTime::now().duration_since(UNIX_EPOCH)?);
    // Both processes read the same clock.
    let hand_over = now.saturating_sub(Duration::from_nanos(batch.header().completed_unix_ns));
    Ok(Trip { whole, hand_over })
}

async fn next(run: &mut Run) -> Result<Batch> {
    run.next().await?.context("the run ended within a round")
}
