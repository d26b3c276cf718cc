//! Bytes that a memo may take.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use crate::stats::Stats;

/// Bytes of the budget, given back on drop.
#[derive(Debug)]
pub(crate) struct Reserved {
    bytes: u64,
    used: AtomicU64,
    stats: Arc<Stats>,
}

impl Reserved {
    /// Takes bytes of a budget that has them.
    pub(crate) fn take(stats: &Arc<Stats>, bytes: u64) -> Self {
        Stats::add(&stats.replay_reserved_bytes, bytes);
        Self { bytes, used: AtomicU64::new(0), stats: Arc::clone(stats) }
    }

    /// Number of bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// So many of them are in use now.
    pub(crate) fn set_used(&self, bytes: u64) {
        let before = self.used.swap(bytes, Ordering::Relaxed);
        // Wraps round where less is in use than before, as the sum does.
        self.stats.replay_bytes.fetch_add(bytes.wrapping_sub(before), Ordering::Relaxed);
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.set_used(0);
        self.stats.replay_reserved_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
