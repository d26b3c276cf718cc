//! The fetch stage, between want and worker: brings samples into memory that are not there already.
//!
//! A worker that begins a row takes its sample from memory if it is there. For local files that is the page cache, from
//! which a read costs less than a hand-over: the file is opened with `RESOLVE_CACHED` and read with `RWF_NOWAIT`, which
//! never wait (`page_cache` of the dataset crate). Otherwise the worker hands the row to this stage and turns to
//! another one; when the bytes are there, the row goes back to the workers. So no worker ever waits for storage. Rows
//! are given out as far as the memory for batches reaches, so samples are fetched that far ahead of need.
//!
//! One thread, `bw-fetch`, owns which rows wait, whose turn it is and how many bytes are held (`queue`). Threads of
//! their own, `bw-read`, make the fetches that block. Failed fetches are retried here, and here alone time is limited
//! (`attempt`): storage that hangs holds some of these threads and delays only the rows on that storage. Threads that
//! hang are given up together with their storage; nothing waits for them, not even the end of the daemon. Nothing here
//! decides a byte.

mod attempt;
mod queue;

use std::{
    io,
    sync::{Arc, atomic::Ordering},
    thread::{self, JoinHandle},
    time::Duration,
};

use bandwise_dataset::{Encoded, ReadError};
use crossbeam::channel::{self, Receiver, Sender};
use tokio::{
    runtime,
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    time::MissedTickBehavior,
};

use self::queue::{Queues, SourceId};
use crate::{batch::BatchWork, block::RowSlot, error::PipelineError, row::RowInProgress, stats::Stats};

/// Pauses between looks for rows that are not needed any more.
const SWEEP: Duration = Duration::from_secs(1);

/// An idle reading thread ends after so long.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Reading threads of all datasets together. They are started when there is something to wait for.
const MAX_THREADS: usize = 1024;

/// Limits of the fetch stage.
#[derive(Clone, Copy, Debug)]
pub struct FetchConfig {
    /// Bytes of samples that are being fetched or wait for a worker. A dataset may have one sample whatever its size, and
    /// more as long as it has no more than it leaves to others.
    pub bytes: u64,
    /// Samples of one dataset that are fetched at a time; 0 is taken as 1.
    pub parallel: usize,
    /// Time that storage has to give a sample.
    pub time_limit: Duration,
}

/// A row whose sample is not in memory.
#[derive(Debug)]
pub(crate) struct WaitingRow {
    /// Before the work, so that in a row that is dropped the block is whole when its loan ends.
    pub(crate) slot: RowSlot,
    pub(crate) work: Arc<BatchWork>,
    pub(crate) row: Box<RowInProgress>,
}

/// A row whose sample was fetched, or could not be.
#[derive(Debug)]
pub(crate) struct FetchedRow {
    pub(crate) waiting: WaitingRow,
    pub(crate) sample: FetchedSample,
}

/// The bytes of a sample, which count as the stage's until they are dropped.
#[derive(Debug)]
pub(crate) struct FetchedSample {
    pub(crate) encoded: Result<Encoded, ReadError>,
    _held: Held,
}

#[derive(Debug)]
enum Event {
    /// A row is handed over.
    Fetch(WaitingRow),
    /// A fetch has ended.
    Ended(SourceId),
    /// A fetch has ended for its row, but its thread still waits for the storage.
    Hangs(SourceId),
    /// That thread is free again.
    Answered(SourceId),
    /// The bytes of a sample were freed.
    Release(SourceId, u64),
    /// The pipeline stops.
    Stop,
}

/// Bytes of a sample in the account of its dataset.
#[derive(Debug)]
struct Held {
    source: SourceId,
    bytes: u64,
    events: UnboundedSender<Event>,
}

impl Drop for Held {
    fn drop(&mut self) {
        // Nobody is left to account for it when the pipeline has stopped.
        let _ = self.events.send(Event::Release(self.source, self.bytes));
    }
}

/// The workers' end of the stage: they hand rows over and get them back.
#[derive(Clone, Debug)]
pub(crate) struct FetchStage {
    events: UnboundedSender<Event>,
    fetched: Receiver<FetchedRow>,
}

impl FetchStage {
    /// Starts the thread, which ends when told to stop.
    pub(crate) fn start(
        config: FetchConfig,
        stats: Arc<Stats>,
    ) -> Result<(Self, JoinHandle<()>), PipelineError> {
        let name = "bw-fetch".to_owned();
        let failed = |source| PipelineError::Thread { name: name.clone(), source };
        let (events, incoming) = mpsc::unbounded_channel();
        // Bounded by the rows that are given out, and the bytes in it by the configuration.
        let (rows, fetched) = channel::unbounded();
        let queues = Queues::new(config.bytes, config.parallel.max(1));
        let stage = Stage { queues, events: events.clone(), rows, time_limit: config.time_limit, stats };
        let (started, starts) = channel::bounded(1);
        let thread = thread::Builder::new()
            .name(name.clone())
            .spawn(|| run(stage, incoming, started))
            .map_err(failed)?;
        // A thread that has ended has logged why.
        starts.recv().unwrap_or_else(|gone| Err(io::Error::other(gone))).map_err(failed)?;
        Ok((Self { events, fetched }, thread))
    }

    /// Takes a row. Never waits.
    pub(crate) fn submit(&self, row: WaitingRow) {
        // Without the stage the pipeline stops, and so does the row.
        let _ = self.events.send(Event::Fetch(row));
    }

    /// Rows to continue with.
    pub(crate) fn fetched(&self) -> &Receiver<FetchedRow> {
        &self.fetched
    }

    /// Ends the stage; rows that it has are dropped.
    pub(crate) fn stop(&self) {
        let _ = self.events.send(Event::Stop);
    }
}

/// The stage's thread. Its runtime is made and dropped in it, since no other thread may be able to.
fn run(stage: Stage, incoming: UnboundedReceiver<Event>, started: Sender<io::Result<()>>) {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(MAX_THREADS)
        .thread_keep_alive(KEEP_ALIVE)
        .thread_name("bw-read")
        .build();
    let (runtime, outcome) = match runtime {
        Ok(runtime) => (Some(runtime), Ok(())),
        Err(error) => (None, Err(error)),
    };
    // The starter waits for it.
    let _ = started.send(outcome);
    if let Some(runtime) = runtime {
        runtime.block_on(stage.run(incoming));
        // Threads that wait for storage which hangs are left to it.
        runtime.shutdown_background();
    }
}

/// The state of the stage's thread.
struct Stage {
    queues: Queues<WaitingRow>,
    /// For fetches, which report back.
    events: UnboundedSender<Event>,
    rows: Sender<FetchedRow>,
    time_limit: Duration,
    stats: Arc<Stats>,
}

impl Stage {
    async fn run(mut self, mut incoming: UnboundedReceiver<Event>) {
        let mut sweep = tokio::time::interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = incoming.recv() => match event {
                    None | Some(Event::Stop) => return,
                    Some(event) => self.handle(event),
                },
                _ = sweep.tick() => self.sweep(),
            }
            self.start_fetches();
            self.stats.fetch_waiting.store(self.queues.waiting() as u64, Ordering::Relaxed);
            self.stats.fetch_bytes.store(self.queues.held(), Ordering::Relaxed);
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Fetch(row) => {
                let (source, stream) = (row.source(), row.work.stream);
                let (bytes, is_next) = (row.bytes(), row.row.has_passed_over());
                self.queues.push(source, stream, (bytes, row), is_next);
                self.refuse_hanging(source);
            }
            Event::Ended(source) => self.queues.ended(source),
            Event::Hangs(source) => {
                Stats::add(&self.stats.fetch_timeouts, 1);
                self.queues.hangs(source);
                self.refuse_hanging(source);
            }
            Event::Answered(source) => self.queues.answered(source),
            Event::Release(source, bytes) => self.queues.release(source, bytes),
            // The loop has ended.
            Event::Stop => {}
        }
    }

    /// Begins every fetch for which there is room.
    fn start_fetches(&mut self) {
        while let Some((source, bytes, row)) = self.queues.next() {
            let held = Held { source, bytes, events: self.events.clone() };
            if row.is_needed() {
                Stats::add(&self.stats.fetched, 1);
                let (time_limit, rows) = (self.time_limit, self.rows.clone());
                tokio::spawn(bring(row, time_limit, held, rows));
            } else {
                self.queues.ended(source);
                row.skip();
            }
        }
    }

    /// Answers the rows of a dataset for which no fetch can begin, since all that may run at a time hang.
    fn refuse_hanging(&mut self, source: SourceId) {
        for waiting in self.queues.take_hanging(source) {
            let held = Held { source, bytes: 0, events: self.events.clone() };
            let path = waiting.work.request.dataset.source().location(waiting.row.sample());
            let encoded = Err(ReadError::TimedOut { path, after: self.time_limit });
            let sample = FetchedSample { encoded, _held: held };
            // No worker is left when the pipeline stops.
            let _ = self.rows.send(FetchedRow { waiting, sample });
        }
    }

    /// Drops rows that are no longer needed.
    fn sweep(&mut self) {
        self.queues.take_if(|row| !row.is_needed()).into_iter().for_each(WaitingRow::skip);
    }
}

/// Fetches the sample of a row and hands both back.
async fn bring(waiting: WaitingRow, time_limit: Duration, held: Held, rows: Sender<FetchedRow>) {
    let (source, events) = (held.source, held.events.clone());
    // Keeps the dataset, whose address identifies it, for as long as a thread waits for it.
    let dataset = Arc::clone(&waiting.work.request.dataset);
    let (encoded, hanging) = attempt::fetch(dataset.source(), waiting.row.sample(), time_limit).await;
    let event = if hanging.is_some() { Event::Hangs(source) } else { Event::Ended(source) };
    // The receiver is there while this runs.
    let _ = events.send(event);
    let sample = FetchedSample { encoded, _held: held };
    let _ = rows.send(FetchedRow { waiting, sample });
    if let Some(thread) = hanging {
        let _ = thread.await;
        let _ = events.send(Event::Answered(source));
    }
    drop(dataset);
}

impl WaitingRow {
    fn source(&self) -> SourceId {
        Arc::as_ptr(&self.work.request.dataset).addr()
    }

    fn bytes(&self) -> u64 {
        self.work.request.dataset.encoded_len(self.row.sample())
    }

    fn is_needed(&self) -> bool {
        self.work.needs(self.slot.row())
    }

    fn skip(self) {
        drop(self.slot);
        self.work.skip(1);
    }
}
