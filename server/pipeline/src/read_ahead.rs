//! Asks the system for samples before workers need them, where storage is slow.
//!
//! A worker reads its sample itself: from the page cache that costs less than handing it over. When a read has
//! taken so long that it came from somewhere else, some threads begin to ask for the samples of new wants as soon
//! as these arrive, many at a time, so that the system fetches them while earlier batches are decoded. They stop
//! when reads are quick again. Nothing here decides a byte: a hint that is lost costs time only.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use bandwise_curriculum::Order;
use crossbeam::{
    channel::{self, Receiver, Sender},
    select,
};

use crate::{batch::BatchRequest, error::PipelineError, stats::Stats};

/// Samples that are asked for ahead after each slow read.
const CREDIT: u64 = 16_384;

/// Threads: how many files may be waited for at a time.
const THREADS: usize = 8;

/// Rows of a hint: few, so that all threads work on the batch that comes first.
const ROWS: usize = 16;

/// Hints that may wait: some batches of usual size. More are dropped.
const WAITING: usize = 1024;

/// Where wants and slow reads are told of.
#[derive(Debug)]
pub(crate) struct ReadAhead {
    hints: Sender<Hint>,
    slow_read: Duration,
    credit: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Hint {
    request: Arc<BatchRequest>,
    rows: Range<usize>,
}

impl ReadAhead {
    /// Starts the threads, which sleep until a read takes longer than `slow_read`. They end when the sender that is
    /// returned is dropped, and are not waited for: storage may hang.
    pub(crate) fn start(
        slow_read: Duration,
        stats: &Arc<Stats>,
    ) -> Result<(Arc<Self>, Sender<()>), PipelineError> {
        let (hints, waiting) = channel::bounded(WAITING);
        let (running, ends) = channel::bounded(0);
        let ahead = Arc::new(Self { hints, slow_read, credit: Arc::default() });
        for index in 0..THREADS {
            let (waiting, ends) = (waiting.clone(), ends.clone());
            let (credit, stats) = (Arc::clone(&ahead.credit), Arc::clone(stats));
            let name = format!("bw-ahead-{index}");
            thread::Builder::new()
                .name(name.clone())
                .spawn(move || run(&waiting, &ends, &credit, &stats))
                .map_err(|source| PipelineError::Thread { name, source })?;
        }
        Ok((ahead, running))
    }

    /// A read has taken `time`.
    pub(crate) fn has_read(&self, time: Duration) {
        if time > self.slow_read {
            self.credit.store(CREDIT, Ordering::Relaxed);
        }
    }

    /// A batch will be made soon. Never waits.
    pub(crate) fn hint(&self, request: &BatchRequest) {
        if self.credit.load(Ordering::Relaxed) == 0 {
            return;
        }
        let (request, rows) = (Arc::new(request.clone()), request.layout.rows());
        for start in (0..rows).step_by(ROWS) {
            let hint = Hint { request: Arc::clone(&request), rows: start..rows.min(start + ROWS) };
            if self.hints.try_send(hint).is_err() {
                return;
            }
        }
    }
}

fn run(waiting: &Receiver<Hint>, ends: &Receiver<()>, credit: &AtomicU64, stats: &Stats) {
    loop {
        select! {
            recv(waiting) -> hint => match hint {
                Ok(hint) => ask(&hint, credit, stats),
                Err(_) => return,
            },
            recv(ends) -> _ => return,
        }
    }
}

fn ask(Hint { request, rows }: &Hint, credit: &AtomicU64, stats: &Stats) {
    let job = &request.job;
    let (moment, views) = (&request.moment, u64::from(job.recipe().views()));
    let order = Order::new(job.order(), job.seed(), moment.epoch, job.dataset_samples());
    for row in rows.clone() {
        let row = request.step_row(row);
        // Replayed rows are mostly there, and were read before where they are not.
        if !request.is_fresh(row) {
            continue;
        }
        let left = credit.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if left.is_err() {
            return;
        }
        let position = moment.first_row_in_epoch + job.origin(moment, row).fresh_row;
        request.dataset.will_need(order.sample(position / views));
        Stats::add(&stats.read_ahead, 1);
    }
}
