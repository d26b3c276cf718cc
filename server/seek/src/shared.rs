//! State that the workers and the thread that writes share.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};

use crate::options::SeekOptions;
use crate::queue::Queue;
use crate::stats::Counters;
use crate::store_file::StoreFile;
use crate::trouble::SeekTrouble;

/// Time after a failure in which nothing is queued. A full disk may have room later.
const PAUSE: Duration = Duration::from_secs(30);

/// One store.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: SeekOptions,
    pub(crate) queue: Queue,
    pub(crate) counters: Counters,
    /// The file, if there is one. The lock is held only to take or change the pointer.
    file: RwLock<Option<Arc<StoreFile>>>,
    troubles: Mutex<Troubles>,
    begun: Instant,
    /// End of the pause, in milliseconds since `begun`.
    paused_until_ms: AtomicU64,
}

#[derive(Debug, Default)]
struct Troubles {
    /// For the log.
    unsaid: Option<SeekTrouble>,
    /// Kind of the last one, until all is well again: the same is not said twice.
    last: Option<mem::Discriminant<SeekTrouble>>,
}

impl Shared {
    pub(crate) fn new(options: SeekOptions) -> Self {
        Self {
            queue: Queue::new(options.queue_bytes),
            options,
            counters: Counters::default(),
            file: RwLock::new(None),
            troubles: Mutex::default(),
            begun: Instant::now(),
            paused_until_ms: AtomicU64::new(0),
        }
    }

    pub(crate) fn file(&self) -> Option<Arc<StoreFile>> {
        self.file.read().clone()
    }

    pub(crate) fn set_file(&self, file: StoreFile) {
        *self.file.write() = Some(Arc::new(file));
    }

    /// Whether a failure was a short time ago.
    pub(crate) fn is_paused(&self) -> bool {
        // Nearly always 0: then no clock is read.
        match self.paused_until_ms.load(Relaxed) {
            0 => false,
            until_ms => self.elapsed_ms() < until_ms,
        }
    }

    /// Queues nothing for a while.
    pub(crate) fn pause(&self) {
        self.paused_until_ms.store(self.elapsed_ms() + PAUSE.as_millis() as u64, Relaxed);
    }

    fn elapsed_ms(&self) -> u64 {
        self.begun.elapsed().as_millis() as u64
    }

    /// Leaves word for the log, unless it is what was left last.
    pub(crate) fn report(&self, trouble: SeekTrouble) {
        let mut troubles = self.troubles.lock();
        let kind = mem::discriminant(&trouble);
        if troubles.last.replace(kind) != Some(kind) {
            troubles.unsaid = Some(trouble);
        }
    }

    /// Says that `trouble` goes to the log by another way.
    pub(crate) fn is_said(&self, trouble: &SeekTrouble) {
        self.troubles.lock().last = Some(mem::discriminant(trouble));
    }

    /// Says that records are added without trouble.
    pub(crate) fn is_well(&self) {
        self.paused_until_ms.store(0, Relaxed);
        self.troubles.lock().last = None;
    }

    pub(crate) fn take_trouble(&self) -> Option<SeekTrouble> {
        self.troubles.lock().unsaid.take()
    }
}
