//! The identity of a stream, which batches, loans and rows carry.

/// Identity of a stream within the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StreamId(pub(crate) u64);
