//! The wants of a stream that no worker has begun: the stream adds, the dispatcher takes.
//!
//! The queue is bounded whatever the peer does. At most `max_pending` wants have a waiting ticket; cancelled ones stay
//! until they reach the front or, at the latest, until they are as many.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use crossbeam::channel::Sender;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::{
    batch::{BatchRequest, Outcome},
    block::Block,
    error::WantError,
};

/// A batch with a waiting ticket.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) request: BatchRequest,
    pub(crate) done: oneshot::Sender<Outcome>,
}

impl Wanted {
    /// Bytes of memory that the batch takes.
    pub(crate) fn size(&self) -> usize {
        Block::rounded(self.request.layout.byte_len())
    }

    fn is_taken_back(&self) -> bool {
        self.done.is_closed()
    }
}

/// The queue, shared by a stream, its tickets and the dispatcher.
#[derive(Debug)]
pub(crate) struct Wants {
    queue: Mutex<Queue>,
    /// Tickets that were not dropped.
    pending: AtomicU32,
    max_pending: u32,
    /// Holds one message: more would not wake the dispatcher more.
    wake: Sender<()>,
}

#[derive(Debug, Default)]
struct Queue {
    wanted: VecDeque<Wanted>,
    closed: bool,
}

impl Wants {
    /// An empty queue, and the dispatcher's end of it.
    pub(crate) fn new(max_pending: u32, wake: Sender<()>) -> (Arc<Self>, Intake) {
        let wants = Arc::new(Self { queue: Mutex::default(), pending: AtomicU32::new(0), max_pending, wake });
        (Arc::clone(&wants), Intake(wants))
    }

    /// Adds a want and tells the dispatcher.
    pub(crate) fn push(&self, wanted: Wanted) -> Result<(), WantError> {
        let mut queue = self.queue.lock();
        if queue.closed {
            return Err(WantError::Stopped);
        }
        // Half of them at least were taken back, so a want pays for the removal of one other.
        if queue.wanted.len() >= 2 * self.max_pending as usize {
            queue.wanted.retain(|wanted| !wanted.is_taken_back());
        }
        queue.wanted.push_back(wanted);
        drop(queue);
        self.wake();
        Ok(())
    }

    fn wake(&self) {
        // Full: the dispatcher has yet to look. Disconnected: the dispatcher has ended.
        let _ = self.wake.try_send(());
    }
}

/// The dispatcher's end. Dropping it ends every want in the queue and refuses others.
#[derive(Debug)]
pub(crate) struct Intake(Arc<Wants>);

impl Intake {
    /// Takes the oldest want with a waiting ticket, if `fits` agrees to its size.
    pub(crate) fn take_if(&self, fits: impl FnOnce(usize) -> bool) -> Option<Wanted> {
        let mut queue = self.0.queue.lock();
        while queue.wanted.front()?.is_taken_back() {
            queue.wanted.pop_front();
        }
        if fits(queue.wanted.front()?.size()) { queue.wanted.pop_front() } else { None }
    }
}

impl Intake {
    /// Puts a want back that was just taken.
    pub(crate) fn put_back(&self, wanted: Wanted) {
        self.0.queue.lock().wanted.push_front(wanted);
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        let mut queue = self.0.queue.lock();
        queue.closed = true;
        let wanted = std::mem::take(&mut queue.wanted);
        // Their drop wakes waiting tickets, which does not need the lock.
        drop(queue);
        drop(wanted);
    }
}

/// One of the batches that a stream may wait for at a time.
#[derive(Debug)]
pub(crate) struct Pending(Arc<Wants>);

impl Pending {
    pub(crate) fn take(wants: &Arc<Wants>) -> Result<Self, WantError> {
        let max = wants.max_pending;
        let below = |now: u32| (now < max).then_some(now + 1);
        wants
            .pending
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, below)
            .map_err(|_| WantError::TooManyPending { pending: max })?;
        Ok(Self(Arc::clone(wants)))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.pending.fetch_sub(1, Ordering::Relaxed);
        // The cancelled want may have been before one that fits.
        self.0.wake();
    }
}
