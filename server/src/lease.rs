//! Leases: the slots that a trainer holds after its stream has ended.
//!
//! A process that has mapped a file of slots can read it, and keeps its memory, for as long as it likes. Nothing can
//! take a descriptor or a mapping from a process, but the daemon can take the memory: it punches a hole into the file
//! (`Slot::empty`), after which every mapping shows zeros. So a trainer keeps the connection over which the descriptor
//! came until nothing is mapped any more. When its stream ends, slots that it does not hold are emptied at once. The
//! others stay as they are, byte for byte, and stay counted in the budget and in the trainer's share of it until the
//! trainer releases them or the connection ends; then they are emptied too, even if a process has kept the descriptor.
//!
//! ```text
//! end of the stream ──> Lease: slots that the trainer holds are kept, the others emptied
//! lease: "I hold these", or its end <── a batch is dropped, nothing is mapped ──> kept slots are emptied
//! ```
//!
//! A lease is a connection, not a message: the system closes it however a trainer ends, and it costs nothing for each
//! batch, because slots travel over the stream while it runs. After its stream a client names the slots that it still
//! holds (a mask of 64 bits, so that messages may come in any order), not those that it gives back: an announcement
//! that it never read leaves no slot behind.
//!
//! Two other ways were left out. A shrunk file would free the memory too, and kill an honest trainer with SIGBUS.
//! Memory that the client makes would be charged to the daemon anyway, whose workers touch it first.
//!
//! Emptying a gigabyte takes a tenth of a second; the next stream to open waits for it, a second at most. The daemon
//! waits for no lease when it ends, and empties nothing then: memory of an earlier daemon belongs to its trainers. A
//! process that touches an emptied slot again, even by reading, gets new memory, which the system charges to that
//! process's control group and not to the daemon's. Memory that a client has pinned in the kernel (`io_uring`,
//! `vmsplice`, a GPU driver) becomes free only when it is unpinned, which no daemon sees: the limits of those
//! interfaces bound it.

use std::{collections::HashMap, io, mem, sync::Arc};

use bandwise_pipeline::{LentSlot, Owner};
use bandwise_shm::{HELD_BYTES, held};
use parking_lot::Mutex;
use tokio::{io::AsyncReadExt as _, net::UnixStream, sync::Notify};

/// From so many leases on, a quarter is kept for other owners than the one that has most.
const SHARED_FROM: usize = 16;

/// The slots of a stream that the trainer has, by number.
type Slots = HashMap<u32, LentSlot>;

/// The lease on the memory of one stream.
#[derive(Debug, Default)]
pub(crate) struct Lease {
    state: Mutex<State>,
    /// Told when nothing is left of it.
    over: Notify,
}

#[derive(Debug, Default)]
enum State {
    /// Nobody has fetched the memory yet.
    #[default]
    Offered,
    /// The memory is mapped and the stream runs. Of its slots the trainer has at most these, bit by bit; while it runs,
    /// only the stream says which.
    Running(u64),
    /// The stream has ended.
    Kept(Slots),
    /// Nothing is mapped, or nothing is left.
    Over,
}

impl Lease {
    /// The trainer maps the memory from now on. False if the stream has ended already.
    fn begin(&self) -> bool {
        let mut state = self.state.lock();
        let offered = matches!(*state, State::Offered);
        if offered {
            *state = State::Running(u64::MAX);
        }
        offered
    }

    /// The trainer says that it has no slots but these.
    fn has_only(&self, mask: u64) {
        let mut state = self.state.lock();
        let (returned, left) = match &mut *state {
            State::Offered | State::Over => return,
            State::Running(has) => {
                *has &= mask;
                return;
            }
            State::Kept(slots) => {
                let returned = slots.extract_if(|&slot, _| !has(mask, slot)).map(|(_, slot)| slot);
                (returned.collect::<Vec<_>>(), slots.len())
            }
        };
        if left == 0 {
            self.finish(&mut state);
        }
        drop(state);
        LentSlot::take_back(returned);
    }

    /// The trainer maps nothing any more.
    fn end(&self) {
        let before = self.finish(&mut self.state.lock());
        if let State::Kept(slots) = before {
            LentSlot::take_back(slots.into_values());
        }
    }

    /// The stream has ended, and the trainer has these slots of it.
    fn stream_is_over(&self, slots: Slots) {
        let mut state = self.state.lock();
        let mask = if let State::Running(mask) = *state { mask } else { 0 };
        let (mut kept, returned): (Slots, Slots) = slots.into_iter().partition(|&(slot, _)| has(mask, slot));
        if kept.is_empty() {
            self.finish(&mut state);
        } else {
            kept.values_mut().for_each(LentSlot::outlive_stream);
            *state = State::Kept(kept);
        }
        drop(state);
        LentSlot::take_back(returned.into_values());
    }

    fn finish(&self, state: &mut State) -> State {
        self.over.notify_one();
        mem::replace(state, State::Over)
    }

    /// Listens to the trainer until nothing is left of the lease.
    async fn attend(&self, mut connection: UnixStream) {
        let mut message = [0; HELD_BYTES];
        loop {
            tokio::select! {
                read = connection.read_exact(&mut message) => match read {
                    Ok(_) => self.has_only(held(message)),
                    Err(_) => break,
                },
                () = self.over.notified() => break,
            }
        }
        self.end();
    }
}

fn has(mask: u64, slot: u32) -> bool {
    mask.checked_shr(slot).is_some_and(|bits| bits & 1 == 1)
}

/// The right to the lease of the client that sends the token. If it is dropped before the memory was sent, nothing is
/// mapped.
#[derive(Debug)]
pub(crate) struct Claim {
    lease: Option<Arc<Lease>>,
    permit: Option<LeasePermit>,
}

impl Claim {
    /// Claims the lease; `None` if its stream has ended.
    pub(crate) fn new(lease: Arc<Lease>, permit: LeasePermit) -> Option<Self> {
        lease.begin().then(|| Self { lease: Some(lease), permit: Some(permit) })
    }

    /// The memory was sent over this connection. Nobody waits for the end of the lease: a daemon that stops leaves
    /// trainers what they have.
    pub(crate) fn sent(mut self, connection: UnixStream) {
        if let (Some(lease), permit) = (self.lease.take(), self.permit.take()) {
            tokio::spawn(async move {
                lease.attend(connection).await;
                drop(permit);
            });
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(lease) = &self.lease {
            lease.end();
        }
    }
}

/// The slots that the trainer of a stream has. They go to the lease when the stream ends.
#[derive(Debug, Default)]
pub(crate) struct HandedOut {
    slots: Slots,
    lease: Option<Arc<Lease>>,
}

impl HandedOut {
    /// None yet, of a stream with a lease.
    pub(crate) fn new(lease: Arc<Lease>) -> Self {
        Self { slots: HashMap::new(), lease: Some(lease) }
    }

    /// The trainer has a slot from now on.
    pub(crate) fn give(&mut self, number: u32, slot: LentSlot) {
        self.slots.insert(number, slot);
    }

    /// The trainer has done with a slot; false if it does not have it.
    pub(crate) fn take_back(&mut self, number: u32) -> bool {
        let slot = self.slots.remove(&number);
        let had = slot.is_some();
        LentSlot::take_back(slot);
        had
    }
}

impl Drop for HandedOut {
    fn drop(&mut self) {
        if let Some(lease) = &self.lease {
            lease.stream_is_over(mem::take(&mut self.slots));
        }
    }
}

/// All leases, and who has how many.
#[derive(Debug)]
pub(crate) struct Leases {
    most: usize,
    owners: Mutex<HashMap<Owner, usize>>,
}

/// A permit among them, given back on drop.
#[derive(Debug)]
pub(crate) struct LeasePermit {
    leases: Arc<Leases>,
    owner: Owner,
}

impl Leases {
    /// At most `most` at a time, offered ones among them.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, owners: Mutex::default() })
    }

    /// Takes a permit.
    ///
    /// # Errors
    ///
    /// If none is free, or the owner has its share.
    pub(crate) fn take(self: &Arc<Self>, owner: Owner) -> io::Result<LeasePermit> {
        let of_one = if self.most < SHARED_FROM { self.most } else { self.most - self.most / 4 };
        let mut owners = self.owners.lock();
        let (taken, all) = (owners.get(&owner).copied().unwrap_or(0), owners.values().sum::<usize>());
        if all >= self.most || taken >= of_one {
            return Err(io::Error::other(format!(
                "{taken} leases on shared memory are this client's and {} others'; {of_one} of {} may be one client's",
                all - taken,
                self.most
            )));
        }
        owners.insert(owner, taken + 1);
        Ok(LeasePermit { leases: Arc::clone(self), owner })
    }
}

impl Drop for LeasePermit {
    fn drop(&mut self) {
        let mut owners = self.leases.owners.lock();
        if let Some(taken) = owners.get_mut(&self.owner) {
            *taken -= 1;
            if *taken == 0 {
                owners.remove(&self.owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_owner_leaves_leases_to_others() {
        let leases = Leases::new(16);
        let take = |owner| (0..100).map_while(|_| leases.take(Owner(owner)).ok()).collect::<Vec<_>>();
        let (first, second) = (take(1), take(2));
        assert_eq!((first.len(), second.len()), (12, 4));
        let error = leases.take(Owner(2)).unwrap_err().to_string();
        assert!(error.contains("4 leases") && error.contains("12 others'") && error.contains("12 of 16"));
        drop((first, second));
        assert!(leases.owners.lock().is_empty());
        let few = Leases::new(3);
        let taken: Vec<_> = (0..9).map_while(|_| few.take(Owner(1)).ok()).collect();
        assert_eq!(taken.len(), 3, "few are one owner's if it wants them");
    }

    #[test]
    fn slots_are_bits() {
        assert!(has(1, 0) && !has(1, 1) && has(u64::MAX, 63) && has(1 << 63, 63));
        assert!(!has(u64::MAX, 64) && !has(u64::MAX, u32::MAX));
    }

    #[test]
    fn memory_is_fetched_once_and_only_while_the_stream_runs() {
        let leases = Leases::new(9);
        let claim = |lease: &Arc<Lease>| Claim::new(Arc::clone(lease), leases.take(Owner(1)).unwrap());
        let lease = Arc::new(Lease::default());
        let first = claim(&lease);
        assert!(first.is_some() && claim(&lease).is_none());
        drop(first);
        assert!(matches!(*lease.state.lock(), State::Over));
        let lease = Arc::new(Lease::default());
        drop(HandedOut::new(Arc::clone(&lease)));
        assert!(claim(&lease).is_none());
        assert!(leases.owners.lock().is_empty());
    }
}
