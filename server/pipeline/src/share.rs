//! The pool of a stream whose batches are made where the trainer reads them.
//!
//! A pool is a sealed file cut into slots, taken out of a budget of its own when its stream opens. It is counted
//! whole, although it takes memory only as slots are written first. Each slot is counted until its memory is the
//! system's again: a trainer can keep a descriptor of the file for ever, so a slot is emptied before its share of the
//! budget is given back, and a slot that the trainer may still read is not.
//!
//! No pool takes more than three quarters of the slots that are free, but for the fewest with which a stream can go on,
//! so that something is left for the next stream; and no owner has more than three quarters of the budget, but for the
//! fewest slots of one stream, so that something is left for other owners.

use std::{
    collections::HashMap,
    os::fd::OwnedFd,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use bandwise_shm::{MAX_SLOTS, Slots};
use thiserror::Error;

use crate::{memory::Block, reserve::Owner, stats::Stats};

/// With fewer, the next batch could not be made while the trainer has one.
const MIN_SLOTS: u32 = 2;

/// Bytes of slots that are emptied on the spot: some milliseconds.
const FEW_BYTES: usize = 32 << 20;

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

impl ShareError {
    /// The same as a word for programs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Budget { .. } => "budget",
            Self::Owner { .. } => "share_of_client",
            Self::SlotBytes { .. } => "slot_bytes",
            Self::System(_) => "system",
        }
    }
}

/// The slots of one stream, in the making.
#[derive(Debug)]
pub struct SharedPool {
    pub(crate) blocks: Vec<Block>,
    pub(crate) end: Arc<PoolEnd>,
    slot_bytes: u64,
}

impl SharedPool {
    /// Takes up to `slots` slots of at least `slot_bytes` bytes out of the budget for a stream of `owner`; also gives the
    /// descriptor that a trainer needs.
    pub(crate) fn create(
        budget: &Arc<Budget>,
        owner: Owner,
        (slots, slot_bytes): (u32, u64),
    ) -> Result<(Self, OwnedFd), ShareError> {
        let max_bytes = budget.max_slot_bytes;
        if slot_bytes == 0 || slot_bytes > max_bytes {
            return Err(ShareError::SlotBytes { slot_bytes, max_bytes });
        }
        let slot_bytes = Slots::rounded(slot_bytes);
        let shares = budget.take(owner, (asked(slots), slot_bytes))?;
        let end = Arc::new(PoolEnd { closed: AtomicBool::new(false), budget: Arc::clone(budget) });
        let (slots, descriptor) = Slots::create(shares.len() as u32, slot_bytes)?;
        let slots = (0..slots.count()).filter_map(|number| slots.take(number));
        let blocks = slots.zip(shares).map(|(slot, mut share)| {
            share.pool = Some(Arc::clone(&end));
            Block::shared(slot, share)
        });
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

/// Slots that a stream may have of those that it asks for.
fn asked(slots: u32) -> u32 {
    slots.clamp(MIN_SLOTS, MAX_SLOTS)
}

/// Gives slots back that no trainer reads; many of them in a thread of its own, since to empty them takes time.
pub(crate) fn free(blocks: Vec<Block>) {
    if blocks.iter().map(Block::len).sum::<usize>() > FEW_BYTES {
        // If there is no thread to be had, the closure is dropped here, and all with it.
        let _ = thread::Builder::new().name("bw-free".to_owned()).spawn(move || drop(blocks));
    }
}

/// The budget of pools, and who has how much of it.
#[derive(Debug)]
pub(crate) struct Budget {
    total_bytes: u64,
    max_slot_bytes: u64,
    stats: Arc<Stats>,
    owners: Mutex<HashMap<Owner, u64>>,
    /// Pools of closed streams that are not back yet, but for what trainers keep.
    returning: AtomicUsize,
}

impl Budget {
    pub(crate) fn new(total_bytes: u64, max_slot_bytes: u64, stats: Arc<Stats>) -> Self {
        Self { total_bytes, max_slot_bytes, stats, owners: Mutex::default(), returning: AtomicUsize::new(0) }
    }

    /// Whether a stream of `owner` would get more slots a moment later.
    pub(crate) fn is_worth_a_wait(&self, owner: Owner, (slots, slot_bytes): (u32, u64)) -> bool {
        if self.returning.load(Ordering::Relaxed) == 0 || slot_bytes == 0 {
            return false;
        }
        let wanted = (asked(slots), Slots::rounded(slot_bytes));
        self.granted(&self.lock(), owner, wanted).unwrap_or(0) < u64::from(wanted.0)
    }

    /// As many of the slots as the budget still holds, and the owner may have.
    fn take(
        self: &Arc<Self>,
        owner: Owner,
        (slots, slot_bytes): (u32, u64),
    ) -> Result<Vec<Share>, ShareError> {
        let mut owners = self.lock();
        let granted = self.granted(&owners, owner, (slots, slot_bytes))?;
        *owners.entry(owner).or_default() += granted * slot_bytes;
        Stats::add(&self.stats.shared_bytes, granted * slot_bytes);
        let share = || Share { bytes: slot_bytes, owner, kept: false, budget: Arc::clone(self), pool: None };
        Ok((0..granted).map(|_| share()).collect())
    }

    fn granted(
        &self,
        owners: &HashMap<Owner, u64>,
        owner: Owner,
        (slots, slot_bytes): (u32, u64),
    ) -> Result<u64, ShareError> {
        let (total_bytes, most_bytes) = (self.total_bytes, self.most_of_one());
        let free_bytes = total_bytes.saturating_sub(owners.values().sum());
        let taken_bytes = owners.get(&owner).copied().unwrap_or(0);
        let (fewest, room) = (u64::from(MIN_SLOTS), free_bytes / slot_bytes);
        if room < fewest {
            return Err(ShareError::Budget { slot_bytes, free_bytes, total_bytes });
        }
        let of_owner = match taken_bytes {
            0 => (most_bytes / slot_bytes).max(fewest),
            taken => most_bytes.saturating_sub(taken) / slot_bytes,
        };
        if of_owner < fewest {
            return Err(ShareError::Owner { slot_bytes, taken_bytes, most_bytes, total_bytes });
        }
        Ok(u64::from(slots).min(of_owner).min((room - room / 4).max(fewest)))
    }

    /// Most bytes that one owner may have.
    fn most_of_one(&self) -> u64 {
        self.total_bytes - self.total_bytes / 4
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Owner, u64>> {
        // Nothing under the lock panics; the map would be whole even then.
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The share of a slot in the budget, given back on drop.
#[derive(Debug)]
pub(crate) struct Share {
    bytes: u64,
    owner: Owner,
    /// Whether the trainer has the slot beyond its stream.
    kept: bool,
    budget: Arc<Budget>,
    /// None of a slot that does not come back with its pool.
    pool: Option<Arc<PoolEnd>>,
}

impl Share {
    /// The trainer keeps the slot although its stream is over.
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
    budget: Arc<Budget>,
}

impl PoolEnd {
    /// The stream is over.
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

impl Drop for Share {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        let mut owners = self.budget.lock();
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

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: u64 = 4096;

    /// A budget of 10 pages.
    fn budget() -> Arc<Budget> {
        Arc::new(Budget::new(10 * PAGE, 8 * PAGE, Arc::default()))
    }

    fn create(
        budget: &Arc<Budget>,
        owner: u128,
        slots: u32,
        slot_bytes: u64,
    ) -> Result<SharedPool, ShareError> {
        SharedPool::create(budget, Owner(owner), (slots, slot_bytes)).map(|(pool, _)| pool)
    }

    fn taken(budget: &Budget) -> [u64; 2] {
        [&budget.stats.shared_bytes, &budget.stats.kept_bytes].map(|bytes| bytes.load(Ordering::Relaxed))
    }

    #[test]
    fn pools_share_the_budget_and_give_it_back() {
        let budget = budget();
        let one = create(&budget, 1, 3, 2 * PAGE - 5).unwrap();
        assert_eq!((one.slots(), one.slot_bytes()), (3, 2 * PAGE));
        let two = create(&budget, 2, 100, PAGE).unwrap();
        assert_eq!(two.slots(), 3, "three quarters of what is free");
        let error = create(&budget, 3, 2, PAGE).unwrap_err();
        assert_eq!(error.reason(), "budget");
        let error = error.to_string();
        assert!(error.contains("4096 of 40960 bytes") && error.contains("shared_memory_mib"), "{error}");
        drop(two);
        assert_eq!(create(&budget, 2, 100, 2 * PAGE).unwrap().slots(), 2, "the fewest");
        assert!(create(&budget, 2, 2, 3 * PAGE).is_err());
        drop(one);
        assert_eq!(create(&budget, 1, 0, 5 * PAGE).unwrap().slots(), 2);
        assert_eq!(taken(&budget), [0, 0]);
        assert!(budget.lock().is_empty());
    }

    #[test]
    fn one_owner_leaves_a_quarter_to_others() {
        let budget = budget();
        // 7.5 pages are three quarters.
        let first = create(&budget, 1, 5, PAGE).unwrap();
        let second = create(&budget, 1, 5, PAGE).unwrap();
        assert_eq!((first.slots(), second.slots()), (5, 2));
        let error = create(&budget, 1, 2, PAGE).unwrap_err();
        assert_eq!(error.reason(), "share_of_client");
        assert!(error.to_string().contains("28672 bytes") && error.to_string().contains("30720 of 40960"));
        assert_eq!(create(&budget, 2, 2, PAGE).unwrap().slots(), 2);
        drop((first, second));
        assert_eq!(create(&budget, 1, 2, 5 * PAGE).unwrap().slots(), 2, "the fewest, if it has nothing");
    }

    #[test]
    fn what_is_kept_counts_until_it_comes_back_and_what_is_lost_for_ever() {
        let budget = budget();
        let mut shares = budget.take(Owner(1), (3, PAGE)).unwrap();
        shares.iter_mut().take(2).for_each(Share::keep);
        assert_eq!(taken(&budget), [3 * PAGE, 2 * PAGE]);
        shares[0].forfeit();
        drop(shares);
        assert_eq!(taken(&budget), [PAGE, PAGE]);
        assert_eq!(budget.lock().get(&Owner(1)), Some(&PAGE));
    }

    #[test]
    fn a_pool_on_its_way_back_is_worth_a_wait() {
        let budget = budget();
        let waits = |slots| budget.is_worth_a_wait(Owner(1), (slots, PAGE));
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
        assert_eq!(taken(&budget), [PAGE, PAGE]);
    }

    #[test]
    fn slots_that_no_batch_fills_are_refused() {
        for slot_bytes in [0, 8 * PAGE + 1, u64::MAX] {
            let error = create(&budget(), 1, 2, slot_bytes).unwrap_err();
            assert_eq!(error.reason(), "slot_bytes");
        }
    }
}
