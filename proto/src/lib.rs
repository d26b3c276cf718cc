//! The wire contract of Bandwise, package `bandwise.v1`, generated from `bandwise/v1/loader.proto`.
//!
//! The comments of the `.proto` file are the documentation of every message and field: shapes, units, ranges,
//! defaults and errors. This crate adds to them only what both sides must agree on: numbers and how addresses are
//! written.

#![forbid(unsafe_code)]

mod address;
mod choice;
mod detail;

pub use address::{Address, AddressError};
pub use choice::WireChoice;
pub use detail::{detail_of, status_with_detail};

/// The generated messages, client and server of `bandwise.v1`.
#[allow(missing_docs, clippy::pedantic, reason = "generated code; its documentation is the .proto file")]
pub mod v1 {
    tonic::include_proto!("bandwise.v1");
}

/// The encoded file descriptor set of the contract, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// Bytes of tensor data in one [`v1::Part`]: measured fastest for plain gRPC streams (256 KiB).
pub const PART_DATA_BYTES: usize = 256 * 1024;

/// No encoded [`v1::Part`] exceeds this, so clients need no raised message limit (1 MiB).
pub const MAX_PART_BYTES: usize = 1024 * 1024;

/// Tensors of a batch in shared memory begin at multiples of this many bytes of its slot.
pub const TENSOR_ALIGN: usize = 64;

/// Rows of the largest batch, so that a header (with a substitution in every row) stays below [`MAX_PART_BYTES`].
pub const MAX_BATCH_ROWS: u64 = 8192;

/// Samples of one [`v1::SamplesRequest`]: as many as the largest batch has rows.
pub const MAX_SAMPLE_IDS: usize = MAX_BATCH_ROWS as usize;

/// Encoded bytes that a [`v1::SamplesResponse`] does not exceed unless a single name does (1 MiB).
pub const MAX_SAMPLES_BYTES: usize = 1024 * 1024;
