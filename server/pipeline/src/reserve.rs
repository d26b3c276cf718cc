//! Memory beyond the budget: each owner of streams has a reserve, in which a stream that holds nothing begins a batch
//! when the budget has no room.
//!
//! A reserve is as large as the largest batch, and at least one batch always fits into an empty one. It is an account,
//! not memory that is kept.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// The owner of streams: a value that tells one client from another. All streams of an owner share a reserve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Owner(pub u128);

/// The account that a loan of memory is charged to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charge {
    /// The budget of all streams.
    Budget,
    /// The reserve of an owner.
    Reserve(Owner),
    /// The pool of a stream that shares memory.
    Slot,
}

/// Time that an owner may leave its reserve unread while another of its streams waits for it.
const PATIENCE: Duration = Duration::from_mins(1);

/// Interval at which that is checked.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// The reserves that are in use.
#[derive(Debug)]
pub(crate) struct Reserves {
    /// Bytes of a reserve.
    size: usize,
    owners: HashMap<Owner, Used>,
    on_loan: usize,
}

#[derive(Debug)]
struct Used {
    bytes: usize,
    /// The time when bytes were last taken or given back.
    changed: Instant,
}

impl Reserves {
    /// Reserves of `size` bytes each.
    pub(crate) fn new(size: usize) -> Self {
        Self { size, owners: HashMap::new(), on_loan: 0 }
    }

    /// Bytes on loan from all reserves.
    pub(crate) fn on_loan(&self) -> usize {
        self.on_loan
    }

    /// Whether an owner may take so many bytes more.
    pub(crate) fn has_room(&self, owner: Owner, bytes: usize) -> bool {
        self.owners.get(&owner).is_none_or(|used| used.bytes.saturating_add(bytes) <= self.size)
    }

    /// Takes bytes that there is room for.
    pub(crate) fn take(&mut self, owner: Owner, bytes: usize) {
        self.on_loan += bytes;
        let used = self.owners.entry(owner).or_insert_with(|| Used { bytes: 0, changed: Instant::now() });
        *used = Used { bytes: used.bytes + bytes, changed: Instant::now() };
    }

    /// Gives bytes back.
    pub(crate) fn give_back(&mut self, owner: Owner, bytes: usize) {
        self.on_loan -= bytes;
        let Some(used) = self.owners.get_mut(&owner) else { return };
        *used = Used { bytes: used.bytes - bytes, changed: Instant::now() };
        if used.bytes == 0 {
            self.owners.remove(&owner);
        }
    }

    /// The bytes that an owner has, if none of them was taken or given back for longer than its patience.
    pub(crate) fn stands_still(&self, owner: Owner, now: Instant) -> Option<u64> {
        let used = self.owners.get(&owner)?;
        (now.saturating_duration_since(used.changed) > PATIENCE).then_some(used.bytes as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_owner_has_its_own_and_one_batch_always_fits() {
        let (mut reserves, one, two) = (Reserves::new(100), Owner(1), Owner(2));
        assert!(reserves.has_room(one, 200), "into an empty one");
        reserves.take(one, 60);
        assert!(reserves.has_room(one, 40) && !reserves.has_room(one, 41) && reserves.has_room(two, 200));
        reserves.take(one, 40);
        reserves.take(two, 5);
        assert_eq!(reserves.on_loan(), 105);
        reserves.give_back(one, 60);
        assert!(reserves.has_room(one, 60) && !reserves.has_room(one, 61));
        reserves.give_back(one, 40);
        reserves.give_back(two, 5);
        assert_eq!((reserves.on_loan(), reserves.owners.len()), (0, 0));
    }

    #[test]
    fn a_reserve_that_nobody_reads_stands_still() {
        let (mut reserves, owner) = (Reserves::new(100), Owner(1));
        let now = Instant::now();
        assert_eq!(reserves.stands_still(owner, now + 2 * PATIENCE), None);
        reserves.take(owner, 60);
        assert_eq!(reserves.stands_still(owner, now), None);
        assert_eq!(reserves.stands_still(owner, now + 2 * PATIENCE), Some(60));
    }
}
