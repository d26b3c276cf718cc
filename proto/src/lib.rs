//! The wire contract of Bandwise, package `bandwise.v1`, generated from `bandwise/v1/loader.proto`.
//!
//! The comments of the `.proto` file are the documentation of every message and field: shapes, units, ranges,
//! defaults and errors. This crate adds to them only what both ends compute, each in one place:
//!
//! - `address`: how addresses are written.
//! - `choice`: the enums of the contract, by the names of their options.
//! - `detail`: error details in a gRPC status.
//! - `dtype`: element types of tensors and their sizes.
//! - `framing`: parts whose tensor bytes go past protobuf's encoder and decoder.
//! - `bandwise-terms`, re-exported: the words of refusals, the places of tensors, the bounds. It is a crate of its own so
//!   that the pipeline, which knows no gRPC, uses the same.

#![forbid(unsafe_code)]

mod address;
mod choice;
mod detail;
mod dtype;
mod framing;

pub use address::{Address, AddressError};
pub use bandwise_terms::{
    BatchPlaces, BatchShape, CHANNELS, Cause, Limit, MAX_BATCH_BYTES, MAX_BATCH_ROWS, MAX_NAME_BYTES,
    MAX_PART_BYTES, MAX_SAMPLE_IDS, MAX_SAMPLES_BYTES, PART_DATA_BYTES, Packer, Reason, SharingRefusal,
    TENSOR_ALIGN, Tensor, differing, image_bytes, is_unreadable,
};
pub use choice::WireChoice;
pub use detail::{detail_of, status_with_detail};
pub use dtype::{element_bytes, tensor_dtype};
pub use framing::{
    DataPosition, MESSAGE_PREFIX_BYTES, PART_DATA_FIELD, STREAM_BATCHES_PATH, message_len, message_prefix,
    split_part,
};

/// The generated messages, client and server of `bandwise.v1`.
#[allow(missing_docs, clippy::pedantic, reason = "generated code; its documentation is the .proto file")]
pub mod v1 {
    tonic::include_proto!("bandwise.v1");
}

/// The encoded file descriptor set of the contract, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
