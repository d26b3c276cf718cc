//! The budget of shared memory, and how much of it each owner has.
//!
//! A pool is counted whole when its stream opens, although it takes memory only as slots are first written. Each slot
//! is counted until its memory is back with the system. A trainer can keep a descriptor of the file for ever, so a slot
//! is emptied before its bytes are given back, and a slot that the trainer may still read is not.
//!
//! No pool takes more than three quarters of the slots that are free, except for the fewest with which a stream can
//! work, so that something is left for the next stream. No owner has more than three quarters of the budget, except for
//! the fewest slots of one stream, so that something is left for other owners. A trainer that keeps all of its share
//! gets gRPC for its next streams.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use bandwise_shm::{MAX_SLOTS, Slots};
use bandwise_terms::SharingRefusal;
use parking_lot::Mutex;
use thiserror::Error;

use crate::{reserve::Owner, stats::Stats};

/// With fewer, the next batch could not be made while the trainer has one.
const MIN_SLOTS: u32 = 2;

/// The reason why a stream gets no shared memory.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SharedMemoryError {
    /// The budget does not hold two slots.
    #[error(
        "no room for 2 slots of {slot_bytes} bytes: {free_bytes} of {total_bytes} bytes of shared memory are free \
         (shared_memory_mib)"
    )]
    Budget {
        /// Bytes of a slot.
        slot_bytes: u64,
        /// Bytes that no pool has.
        free_bytes: u64,
        /// The budget.
        total_bytes: u64,
    },
    /// The owner of the stream has its share of the budget.
    #[error(
        "no room for 2 slots of {slot_bytes} bytes: streams and kept batches of this client have {taken_bytes} bytes of \
         shared memory, and one client may have {most_bytes} of {total_bytes} (shared_memory_mib)"
    )]
    Owner {
        /// Bytes of a slot.
        slot_bytes: u64,
        /// Bytes that the owner has.
        taken_bytes: u64,
        /// Bytes that one owner may have.
        most_bytes: u64,
        /// The budget.
        total_bytes: u64,
    },
    /// The slots would be larger than any batch.
    #[error("slots of {slot_bytes} bytes were requested; batches here have 1 to {max_bytes} bytes")]
    SlotBytes {
        /// Bytes requested.
        slot_bytes: u64,
        /// Largest batch.
        max_bytes: u64,
    },
    /// The system refused.
    #[error(transparent)]
    System(#[from] bandwise_shm::OpenError),
}

impl SharedMemoryError {
    /// The same as a word for programs.
    pub fn reason(&self) -> SharingRefusal {
        match self {
            Self::Budget { .. } => SharingRefusal::Budget,
            Self::Owner { .. } => SharingRefusal::ShareOfClient,
            Self::SlotBytes { .. } => SharingRefusal::SlotBytes,
            Self::System(_) => SharingRefusal::System,
        }
    }
}

/// Slots of one size: as many as a client asks for, or as it may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlotSizes {
    pub(crate) count: u32,
    /// Bytes of each.
    pub(crate) bytes: u64,
}

/// Slots that a stream may have of those that it asks for.
fn asked(slots: u32) -> u32 {
    slots.clamp(MIN_SLOTS, MAX_SLOTS)
}

/// The budget of pools, and who has how much of it.
#[derive(Debug)]
pub(crate) struct SharedBudget {
    total_bytes: u64,
    max_slot_bytes: u64,
    stats: Arc<Stats>,
    owners: Mutex<HashMap<Owner, u64>>,
    /// Pools of closed streams that are not back yet, except for what trainers keep.
    returning: AtomicUsize,
}

impl SharedBudget {
    pub(crate) fn new(total_bytes: u64, max_slot_bytes: u64, stats: Arc<Stats>) -> Self {
        Self { total_bytes, max_slot_bytes, stats, owners: Mutex::default(), returning: AtomicUsize::new(0) }
    }

    /// Whether a stream of `owner` would get more slots a moment later.
    pub(crate) fn is_worth_a_wait(&self, owner: Owner, slots: SlotSizes) -> bool {
        if self.returning.load(Ordering::Relaxed) == 0 || slots.bytes == 0 {
            return false;
        }
        let wanted = SlotSizes { count: asked(slots.count), bytes: Slots::rounded(slots.bytes) };
        self.granted(&self.owners.lock(), owner, wanted).unwrap_or(0) < u64::from(wanted.count)
    }

    /// Takes as many of the slots for a pool of `owner` as the budget still holds, and the owner may have.
    pub(crate) fn take(
        self: &Arc<Self>,
        owner: Owner,
        slots: SlotSizes,
    ) -> Result<(Vec<SlotCharge>, Arc<PoolEnd>), SharedMemoryError> {
        let (max_bytes, slot_bytes) = (self.max_slot_bytes, slots.bytes);
        if slot_bytes == 0 || slot_bytes > max_bytes {
            return Err(SharedMemoryError::SlotBytes { slot_bytes, max_bytes });
        }
        let bytes = Slots::rounded(slot_bytes);
        let mut owners = self.owners.lock();
        let granted = self.granted(&owners, owner, SlotSizes { count: asked(slots.count), bytes })?;
        *owners.entry(owner).or_default() += granted * bytes;
        drop(owners);
        Stats::add(&self.stats.shared_bytes, granted * bytes);
        let end = Arc::new(PoolEnd { closed: AtomicBool::new(false), budget: Arc::clone(self) });
        let charge = || SlotCharge {
            bytes,
            owner,
            kept: false,
            budget: Arc::clone(self),
            pool: Some(Arc::clone(&end)),
        };
        Ok(((0..granted).map(|_| charge()).collect(), end))
    }

    fn granted(
        &self,
        owners: &HashMap<Owner, u64>,
        owner: Owner,
        slots: SlotSizes,
    ) -> Result<u64, SharedMemoryError> {
        let slot_bytes = slots.bytes;
        let (total_bytes, most_bytes) = (self.total_bytes, self.most_of_one());
        let free_bytes = total_bytes.saturating_sub(owners.values().sum());
        let taken_bytes = owners.get(&owner).copied().unwrap_or(0);
        let (fewest, room) = (u64::from(MIN_SLOTS), free_bytes / slot_bytes);
        if room < fewest {
            return Err(SharedMemoryError::Budget { slot_bytes, free_bytes, total_bytes });
        }
        let of_owner = match taken_bytes {
            0 => (most_bytes / slot_bytes).max(fewest),
            taken => most_bytes.saturating_sub(taken) / slot_bytes,
        };
        if of_owner < fewest {
            return Err(SharedMemoryError::Owner { slot_bytes, taken_bytes, most_bytes, total_bytes });
        }
        Ok(u64::from(slots.count).min(of_owner).min((room - room / 4).max(fewest)))
    }

    /// Most bytes that one owner may have.
    fn most_of_one(&self) -> u64 {
        self.total_bytes - self.total_bytes / 4
    }

    /// Bytes that are counted, those that trainers keep among them, and whether no owner has any.
    #[cfg(test)]
    pub(crate) fn taken(&self) -> ([u64; 2], bool) {
        let load = |bytes: &std::sync::atomic::AtomicU64| bytes.load(Ordering::Relaxed);
        ([load(&self.stats.shared_bytes), load(&self.stats.kept_bytes)], self.owners.lock().is_empty())
    }
}

/// The bytes of a slot in the budget, given back on drop.
#[derive(Debug)]
pub(crate) struct SlotCharge {
    bytes: u64,
    owner: Owner,
    /// Whether the trainer has the slot beyond its stream.
    kept: bool,
    budget: Arc<SharedBudget>,
    /// None of a slot that does not come back with its pool.
    pool: Option<Arc<PoolEnd>>,
}

impl SlotCharge {
    /// The trainer keeps the slot after the end of its stream.
    pub(crate) fn keep(&mut self) {
        if !self.kept {
            self.kept = true;
            self.pool = None;
            Stats::add(&self.budget.stats.kept_bytes, self.bytes);
        }
    }

    /// The memory does not come back while the daemon runs, and stays counted.
    pub(crate) fn forfeit(&mut self) {
        self.bytes = 0;
    }
}

/// The end of a pool: from the end of its stream until all slots are back that the trainer does not keep.
#[derive(Debug)]
pub(crate) struct PoolEnd {
    closed: AtomicBool,
    budget: Arc<SharedBudget>,
}

impl PoolEnd {
    /// The stream has ended.
    pub(crate) fn close(&self) {
        if !self.closed.swap(true, Ordering::Relaxed) {
            self.budget.returning.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for PoolEnd {
    fn drop(&mut self) {
        if *self.closed.get_mut() {
            self.budget.returning.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for SlotCharge {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        let mut owners = self.budget.owners.lock();
        if let Some(taken) = owners.get_mut(&self.owner) {
            *taken -= self.bytes;
            if *taken == 0 {
                owners.remove(&self.owner);
            }
        }
        self.budget.stats.shared_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        if self.kept {
            self.budget.stats.kept_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        }
    }
}
