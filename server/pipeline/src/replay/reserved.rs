//! Bytes that memos may take: the budget of all of them, and the reservation of each.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use crate::stats::Stats;

/// The bytes that all memos may take together.
#[derive(Debug)]
pub(crate) struct ReplayBudget {
    total: u64,
    reserved: AtomicU64,
    stats: Arc<Stats>,
}

impl ReplayBudget {
    pub(crate) fn new(total: u64, stats: Arc<Stats>) -> Arc<Self> {
        Arc::new(Self { total, reserved: AtomicU64::new(0), stats })
    }

    /// Bytes of it in all.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Bytes that are not reserved; more may be free a moment later, fewer only after [`ReplayBudget::take`].
    pub(crate) fn free(&self) -> u64 {
        self.total.saturating_sub(self.reserved.load(Ordering::Relaxed))
    }

    /// Takes bytes that are free.
    pub(crate) fn take(self: &Arc<Self>, bytes: u64) -> Reserved {
        self.reserved.fetch_add(bytes, Ordering::Relaxed);
        Stats::add(&self.stats.replay_reserved_bytes, bytes);
        Reserved { bytes, used: AtomicU64::new(0), budget: Arc::clone(self) }
    }
}

/// Bytes of the budget, given back on drop.
#[derive(Debug)]
pub(crate) struct Reserved {
    bytes: u64,
    used: AtomicU64,
    budget: Arc<ReplayBudget>,
}

impl Reserved {
    /// Number of bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// So many of them are in use now.
    pub(crate) fn set_used(&self, bytes: u64) {
        let before = self.used.swap(bytes, Ordering::Relaxed);
        // Wraps round where less is in use than before, as the sum does.
        self.budget.stats.replay_bytes.fetch_add(bytes.wrapping_sub(before), Ordering::Relaxed);
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.set_used(0);
        self.budget.reserved.fetch_sub(self.bytes, Ordering::Relaxed);
        self.budget.stats.replay_reserved_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
