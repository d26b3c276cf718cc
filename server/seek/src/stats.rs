//! Numbers of a store for metrics.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Numbers of one store since it was opened by this process, and of its file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SeekStats {
    /// Records that were found.
    pub hits: u64,
    /// Records that were not, those that are on the disk but not in memory included.
    pub misses: u64,
    /// Records added to the file.
    pub stored: u64,
    /// Records that the file had already, mostly because two workers or daemons made the same.
    pub repeated: u64,
    /// Records left out because the queue was full.
    pub dropped: u64,
    /// Records left out because the file takes none: it is full, cannot be written, or the record is over 1 MiB.
    pub refused: u64,
    /// Length of the file in bytes, when it was last written or opened; 0 without a file.
    pub bytes: u64,
    /// Records in the file then, about.
    pub entries: u64,
}

/// The numbers as they are counted.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) hits: AtomicU64,
    pub(crate) misses: AtomicU64,
    pub(crate) stored: AtomicU64,
    pub(crate) repeated: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) bytes: AtomicU64,
}

impl Counters {
    pub(crate) fn read(&self, entries: u64) -> SeekStats {
        SeekStats {
            hits: self.hits.load(Relaxed),
            misses: self.misses.load(Relaxed),
            stored: self.stored.load(Relaxed),
            repeated: self.repeated.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            refused: self.refused.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            entries,
        }
    }
}
