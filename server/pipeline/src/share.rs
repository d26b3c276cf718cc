//! The pool of a stream whose batches are made where the trainer reads them.
//!
//! A pool is a sealed file cut into slots, taken out of a budget of its own when its stream opens. It is counted
//! whole, although it takes memory only as slots are written first. No pool takes more than three quarters of the slots
//! that are free, but for the fewest with which a stream can go on, so that something is left for the next stream.

use std::{
    os::fd::OwnedFd,
    sync::{Arc, atomic::Ordering},
};

use bandwise_shm::Slots;
use thiserror::Error;

use crate::{memory::Block, stats::Stats};

/// Most slots of a pool; a trainer that holds more batches copies them.
const MAX_SLOTS: u32 = 64;

/// With fewer, the next batch could not be made while the trainer has one.
const MIN_SLOTS: u32 = 2;

/// Why a stream gets no shared memory.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ShareError {
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
    /// The slots would be larger than any batch.
    #[error("slots of {slot_bytes} bytes were asked for; batches here have 1 to {max_bytes} bytes")]
    SlotBytes {
        /// Bytes asked for.
        slot_bytes: u64,
        /// Largest batch.
        max_bytes: u64,
    },
    /// The system refused.
    #[error(transparent)]
    System(#[from] bandwise_shm::OpenError),
}

/// The slots of one stream, in the making.
#[derive(Debug)]
pub struct SharedPool {
    pub(crate) blocks: Vec<Block>,
    slot_bytes: u64,
}

impl SharedPool {
    /// Takes up to `slots` slots of at least `slot_bytes` bytes out of the budget; also gives the descriptor that a
    /// trainer needs.
    pub(crate) fn create(
        stats: &Arc<Stats>,
        (slots, slot_bytes): (u32, u64),
        budget: &Budget,
    ) -> Result<(Self, OwnedFd), ShareError> {
        let max_bytes = budget.max_slot_bytes;
        if slot_bytes == 0 || slot_bytes > max_bytes {
            return Err(ShareError::SlotBytes { slot_bytes, max_bytes });
        }
        let slot_bytes = Slots::rounded(slot_bytes);
        let asked = slots.clamp(MIN_SLOTS, MAX_SLOTS);
        let (granted, reserved) = Reserved::take(stats, (asked, slot_bytes), budget.total_bytes)?;
        let (slots, descriptor) = Slots::create(granted, slot_bytes)?;
        let reserved = Arc::new(reserved);
        let blocks = (0..granted).filter_map(|number| slots.take(number));
        let blocks = blocks.map(|slot| Block::shared(slot, Arc::clone(&reserved))).collect();
        Ok((Self { blocks, slot_bytes }, descriptor))
    }

    /// Number of slots.
    pub fn slots(&self) -> u32 {
        self.blocks.len() as u32
    }

    /// Bytes of a slot, in whole pages.
    pub fn slot_bytes(&self) -> u64 {
        self.slot_bytes
    }
}

/// What pools may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    pub(crate) total_bytes: u64,
    pub(crate) max_slot_bytes: u64,
}

/// Bytes of the budget, given back on drop.
#[derive(Debug)]
pub(crate) struct Reserved {
    bytes: u64,
    stats: Arc<Stats>,
}

impl Reserved {
    /// As many of the slots as the budget still holds.
    fn take(
        stats: &Arc<Stats>,
        (slots, slot_bytes): (u32, u64),
        total: u64,
    ) -> Result<(u32, Self), ShareError> {
        let granted = |used: u64| {
            let room = total.saturating_sub(used) / slot_bytes;
            u64::from(slots).min((room - room / 4).max(u64::from(MIN_SLOTS))).min(room)
        };
        let more = |used: u64| {
            let granted = granted(used);
            (granted >= u64::from(MIN_SLOTS)).then(|| used + granted * slot_bytes)
        };
        match stats.shared_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            Ok(used) => {
                let granted = granted(used);
                Ok((granted as u32, Self { bytes: granted * slot_bytes, stats: Arc::clone(stats) }))
            }
            Err(used) => {
                let free_bytes = total.saturating_sub(used);
                Err(ShareError::Budget { slot_bytes, free_bytes, total_bytes: total })
            }
        }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.stats.shared_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: u64 = 4096;

    fn create(stats: &Arc<Stats>, slots: u32, slot_bytes: u64) -> Result<SharedPool, ShareError> {
        let budget = Budget { total_bytes: 10 * PAGE, max_slot_bytes: 8 * PAGE };
        SharedPool::create(stats, (slots, slot_bytes), &budget).map(|(pool, _)| pool)
    }

    #[test]
    fn pools_share_the_budget_and_give_it_back() {
        let stats = Arc::default();
        let one = create(&stats, 3, 2 * PAGE - 5).unwrap();
        assert_eq!((one.slots(), one.slot_bytes()), (3, 2 * PAGE));
        let two = create(&stats, 100, PAGE).unwrap();
        assert_eq!(two.slots(), 3, "three quarters of what is free");
        let error = create(&stats, 2, PAGE).unwrap_err().to_string();
        assert!(error.contains("4096 of 40960 bytes") && error.contains("shared_memory_mib"), "{error}");
        drop(two);
        assert_eq!(create(&stats, 100, 2 * PAGE).unwrap().slots(), 2, "the fewest");
        assert!(create(&stats, 2, 3 * PAGE).is_err());
        drop(one);
        assert_eq!(create(&stats, 0, 5 * PAGE).unwrap().slots(), 2);
        assert_eq!(stats.shared_bytes.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn slots_that_no_batch_fills_are_refused() {
        for slot_bytes in [0, 8 * PAGE + 1, u64::MAX] {
            assert!(matches!(create(&Arc::default(), 2, slot_bytes), Err(ShareError::SlotBytes { .. })));
        }
    }
}
