//! The terms that both ends of the wire compute with, each in one place.
//!
//! - `words`: reasons, causes and limits that a daemon names and a client matches.
//! - `tensors`: the tensors of a batch, and where they lie in its memory.
//! - `fields`: how the canonical fields of two jobs differ.
//! - `sizes`: the bounds of the contract.
//!
//! Everything here is plain data and arithmetic, so that every layer may use it. `bandwise-proto` re-exports all of it
//! beside the messages. Numbers that come from a peer are computed with checks: whatever it sends gives `None` and no
//! panic.

#![forbid(unsafe_code)]

mod fields;
mod sizes;
mod tensors;
mod words;

pub use fields::differing;
pub use sizes::{
    MAX_BATCH_BYTES, MAX_BATCH_ROWS, MAX_NAME_BYTES, MAX_PART_BYTES, MAX_SAMPLE_IDS, MAX_SAMPLES_BYTES,
    PART_DATA_BYTES, TENSOR_ALIGN,
};
pub use tensors::{BatchPlaces, BatchShape, CHANNELS, Packer, Tensor, image_bytes};
pub use words::{Cause, Limit, Reason, SharingRefusal, is_unreadable};
