//! Shared memory between a daemon and a trainer on the same host: what both sides must agree on.
//!
//! - `slots`: an anonymous, sealed file cut into slots, mapped here; a slot has one holder at a time. The only unsafe
//!   code.
//! - `handover`: the descriptor of that file, on its way over a Unix socket.
//! - `lease`: that socket afterwards, over which the trainer reports which slots it still uses.
//!
//! Nothing here waits, knows the wire, or decides how much each client may have. The daemon reads nothing back from a
//! slot except for mixing, which computes with whatever it finds: a trainer that writes where it should not spoils its
//! own batches.

#![deny(unsafe_code)]

mod handover;
mod lease;
#[allow(unsafe_code, reason = "maps memory that two processes share")]
mod slots;

pub use handover::{TOKEN_BYTES, Token, door_of, fresh_token, receive_descriptor, send_descriptor};
pub use lease::{HELD_BYTES, Lease, MAX_SLOTS, held};
pub use slots::{OpenError, PAGE, Slot, Slots};
