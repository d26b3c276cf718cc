//! The lease of a trainer on shared memory: its connection to the daemon's second socket, kept until nothing is mapped.
//!
//! The system closes it however a process ends, so the daemon always learns when the memory is no longer mapped. While
//! it lives, a trainer whose stream has ended reports which slots it still holds, so that the daemon reclaims the
//! others.

use std::os::fd::OwnedFd;

use rustix::net::{SendFlags, send};

/// Most slots of a file: as many as a message can name.
pub const MAX_SLOTS: u32 = u64::BITS;

/// Bytes of a message of a lease.
pub const HELD_BYTES: usize = 8;

/// The slots that a message names as held: slot `n` is the bit of the value `1 << n`.
pub fn held(message: [u8; HELD_BYTES]) -> u64 {
    u64::from_le_bytes(message)
}

/// The trainer's end. Dropping it says that the memory is not mapped any more.
#[derive(Debug)]
pub struct Lease(OwnedFd);

impl Lease {
    /// The connection over which the descriptor came.
    pub fn new(connection: OwnedFd) -> Self {
        Self(connection)
    }

    /// Reports which slots are held. The daemon reclaims the others once the stream has ended, so a slot that was not
    /// seen yet must not be missing.
    pub(crate) fn tell_held(&self, slots: u64) {
        // If the daemon has ended, or has closed the lease because nothing is held, the report is not needed. There is
        // room for more messages than there are slots.
        let _ = send(&self.0, &slots.to_le_bytes(), SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
    }
}
