//! The pool of a stream whose batches are made where the trainer reads them.
//!
//! A pool is a sealed file cut into slots, taken out of a budget of its own when its stream opens (`shared_budget`).
//!
//! Slots are the flow control of shared memory. The dispatcher begins the oldest want of a stream when one of its slots
//! is free, so the batch that the trainer waits for always gets the next slot. A trainer that keeps batches never stops
//! its stream: when fewer than two slots would be left, the client copies the batch to its own memory, releases the
//! slot, and logs that once.

use std::{os::fd::OwnedFd, sync::Arc, thread};

use bandwise_shm::Slots;

use crate::{
    block::Block,
    reserve::Owner,
    shared_budget::{PoolEnd, SharedBudget, SharedMemoryError, SlotSizes},
};

/// Bytes of slots that are emptied on the spot: some milliseconds.
const FEW_BYTES: usize = 32 << 20;

/// The slots of one stream, in the making.
#[derive(Debug)]
pub struct SharedPool {
    pub(crate) blocks: Vec<Block>,
    pub(crate) end: Arc<PoolEnd>,
    slot_bytes: u64,
}

impl SharedPool {
    /// Takes up to as many slots, at least as large, out of the budget for a stream of `owner`; also gives the descriptor
    /// that a trainer needs.
    pub(crate) fn create(
        budget: &Arc<SharedBudget>,
        owner: Owner,
        slots: SlotSizes,
    ) -> Result<(Self, OwnedFd), SharedMemoryError> {
        let (charges, end) = budget.take(owner, slots)?;
        let slot_bytes = Slots::rounded(slots.bytes);
        let (slots, descriptor) = Slots::create(charges.len() as u32, slot_bytes)?;
        let slots = (0..slots.count()).filter_map(|number| slots.take(number));
        let blocks = slots.zip(charges).map(|(slot, charge)| Block::shared(slot, charge));
        Ok((Self { blocks: blocks.collect(), end, slot_bytes }, descriptor))
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

/// Gives slots back that no trainer reads; many of them in a thread of its own, since to empty them takes time.
pub(crate) fn free(blocks: Vec<Block>) {
    if blocks.iter().map(Block::len).sum::<usize>() > FEW_BYTES {
        // If there is no thread to be had, the closure is dropped here, and all with it.
        let _ = thread::Builder::new().name("bw-free".to_owned()).spawn(move || drop(blocks));
    }
}

#[cfg(test)]
mod tests {
    use bandwise_terms::SharingRefusal;

    use super::*;
    use crate::shared_budget::SlotCharge;

    const PAGE: u64 = 4096;

    /// A budget of 10 pages.
    fn budget() -> Arc<SharedBudget> {
        Arc::new(SharedBudget::new(10 * PAGE, 8 * PAGE, Arc::default()))
    }

    fn create(
        budget: &Arc<SharedBudget>,
        owner: u128,
        slots: u32,
        slot_bytes: u64,
    ) -> Result<SharedPool, SharedMemoryError> {
        SharedPool::create(budget, Owner(owner), SlotSizes { count: slots, bytes: slot_bytes })
            .map(|(pool, _)| pool)
    }

    #[test]
    fn pools_share_the_budget_and_give_it_back() {
        let budget = budget();
        let one = create(&budget, 1, 3, 2 * PAGE - 5).unwrap();
        assert_eq!((one.slots(), one.slot_bytes()), (3, 2 * PAGE));
        let two = create(&budget, 2, 100, PAGE).unwrap();
        assert_eq!(two.slots(), 3, "three quarters of what is free");
        let error = create(&budget, 3, 2, PAGE).unwrap_err();
        assert_eq!(error.reason(), SharingRefusal::Budget);
        let error = error.to_string();
        assert!(error.contains("4096 of 40960 bytes") && error.contains("shared_memory_mib"), "{error}");
        drop(two);
        assert_eq!(create(&budget, 2, 100, 2 * PAGE).unwrap().slots(), 2, "the fewest");
        assert!(create(&budget, 2, 2, 3 * PAGE).is_err());
        drop(one);
        assert_eq!(create(&budget, 1, 0, 5 * PAGE).unwrap().slots(), 2);
        assert_eq!(budget.taken(), ([0, 0], true));
    }

    #[test]
    fn one_owner_leaves_a_quarter_to_others() {
        let budget = budget();
        // 7.5 pages are three quarters.
        let first = create(&budget, 1, 5, PAGE).unwrap();
        let second = create(&budget, 1, 5, PAGE).unwrap();
        assert_eq!((first.slots(), second.slots()), (5, 2));
        let error = create(&budget, 1, 2, PAGE).unwrap_err();
        assert_eq!(error.reason(), SharingRefusal::ShareOfClient);
        assert!(error.to_string().contains("28672 bytes") && error.to_string().contains("30720 of 40960"));
        assert_eq!(create(&budget, 2, 2, PAGE).unwrap().slots(), 2);
        drop((first, second));
        assert_eq!(create(&budget, 1, 2, 5 * PAGE).unwrap().slots(), 2, "the fewest, if it has nothing");
    }

    #[test]
    fn what_is_kept_counts_until_it_comes_back_and_what_is_lost_for_ever() {
        let budget = budget();
        let (mut charges, _end) = budget.take(Owner(1), SlotSizes { count: 3, bytes: PAGE }).unwrap();
        charges.iter_mut().take(2).for_each(SlotCharge::keep);
        assert_eq!(budget.taken().0, [3 * PAGE, 2 * PAGE]);
        charges[0].forfeit();
        drop(charges);
        assert_eq!(budget.taken(), ([PAGE, PAGE], false));
    }

    #[test]
    fn a_pool_on_its_way_back_is_worth_a_wait() {
        let budget = budget();
        let waits = |count| budget.is_worth_a_wait(Owner(1), SlotSizes { count, bytes: PAGE });
        let mut pool = create(&budget, 1, 4, PAGE).unwrap();
        assert!(!waits(6), "its stream runs");
        let end = Arc::clone(&pool.end);
        end.close();
        drop(end);
        assert!(waits(6) && !waits(2), "two slots are there");
        pool.blocks[0].keep();
        pool.blocks.truncate(1);
        drop(pool.end);
        assert!(!waits(6), "all but the kept slot are back");
        assert_eq!(budget.taken().0, [PAGE, PAGE]);
    }

    #[test]
    fn slots_that_no_batch_fills_are_refused() {
        for slot_bytes in [0, 8 * PAGE + 1, u64::MAX] {
            let error = create(&budget(), 1, 2, slot_bytes).unwrap_err();
            assert_eq!(error.reason(), SharingRefusal::SlotBytes);
        }
    }
}
