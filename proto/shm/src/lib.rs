//! Shared memory between a daemon and a trainer on the same host: what both sides must agree on.
//!
//! - `slots`: an anonymous, sealed file cut into slots, mapped here; a slot is held by one owner at a time. The only
//!   unsafe code.
//! - `handover`: the descriptor of that file, on its way over a Unix socket.
//! - `lease`: that socket afterwards, which says until when and what of the file the trainer uses.
//!
//! Nothing here waits, knows the wire, or decides who may have what.

#![deny(unsafe_code)]

mod handover;
mod lease;
#[allow(unsafe_code, reason = "maps memory that two processes share")]
mod slots;

pub use handover::{TOKEN_BYTES, Token, door_of, fresh_token, receive_descriptor, send_descriptor};
pub use lease::{HELD_BYTES, Lease, MAX_SLOTS, held};
pub use slots::{OpenError, PAGE, Slot, Slots};
