//! Records on their way to the thread that writes them. A worker copies a record in; it never waits for more.

use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::batch::Batch;
use crate::record::PREFIX_BYTES;

/// Time that records wait for others, so that a lock and a write serve many.
const GATHERING: Duration = Duration::from_millis(100);

/// The queue of one store.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Wakes the thread that writes.
    work: Condvar,
    /// Wakes those who wait for it.
    done: Condvar,
    most_bytes: usize,
}

#[derive(Debug, Default)]
struct State {
    waiting: Batch,
    /// Records ever queued, and those of them that have been dealt with.
    queued: u64,
    finished: u64,
    /// Somebody waits.
    is_urgent: bool,
    is_closing: bool,
    is_over: bool,
}

impl Queue {
    pub(crate) fn new(most_bytes: usize) -> Self {
        let (work, done) = (Condvar::new(), Condvar::new());
        Self { state: Mutex::default(), work, done, most_bytes }
    }

    /// Queues a record if there is room, and says whether there was.
    pub(crate) fn push(&self, hash: u64, bytes: &[u8]) -> bool {
        let mut state = self.state.lock();
        let total = state.waiting.bytes().len() + PREFIX_BYTES + bytes.len();
        if total > self.most_bytes || state.is_closing {
            return false;
        }
        state.waiting.push(hash, bytes);
        state.queued += 1;
        if state.waiting.len() == 1 || total >= self.most_bytes / 2 {
            self.work.notify_one();
        }
        true
    }

    /// The next records, in place of the content of `batch`. Waits for them, and a little longer for more. False at the
    /// end.
    pub(crate) fn next(&self, batch: &mut Batch) -> bool {
        batch.clear();
        let mut state = self.state.lock();
        while state.waiting.is_empty() && !state.is_closing {
            self.work.wait(&mut state);
        }
        let until = Instant::now() + GATHERING;
        while !state.is_urgent && !state.is_closing && state.waiting.bytes().len() < self.most_bytes / 2 {
            if self.work.wait_until(&mut state, until).timed_out() {
                break;
            }
        }
        std::mem::swap(&mut state.waiting, batch);
        !batch.is_empty()
    }

    /// Says that as many records have been dealt with.
    pub(crate) fn finish(&self, records: u64) {
        let mut state = self.state.lock();
        state.finished += records;
        state.is_urgent &= state.finished < state.queued;
        self.done.notify_all();
    }

    /// Says that the thread ends.
    pub(crate) fn end(&self) {
        self.state.lock().is_over = true;
        self.done.notify_all();
    }

    /// Waits until all records queued so far have been dealt with, for at most `patience`; says whether they have.
    pub(crate) fn flush(&self, patience: Duration) -> bool {
        let (mut state, until) = (self.state.lock(), Instant::now() + patience);
        let target = state.queued;
        while state.finished < target && !state.is_over {
            state.is_urgent = true;
            self.work.notify_one();
            if self.done.wait_until(&mut state, until).timed_out() {
                break;
            }
        }
        state.finished >= target
    }

    /// Takes no more records, and waits for the thread to write those that it has, for at most `patience`.
    pub(crate) fn close(&self, patience: Duration) {
        let (mut state, until) = (self.state.lock(), Instant::now() + patience);
        state.is_closing = true;
        self.work.notify_one();
        while !state.is_over && !self.done.wait_until(&mut state, until).timed_out() {}
    }
}
