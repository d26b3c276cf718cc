//! The bounds of the contract.

/// Bytes of tensor data in one `Part`: measured fastest for plain gRPC streams (256 KiB).
pub const PART_DATA_BYTES: usize = 256 * 1024;

/// No encoded `Part` exceeds this, so clients need no raised message limit (1 MiB).
pub const MAX_PART_BYTES: usize = 1024 * 1024;

/// Tensors of a batch in shared memory begin at multiples of this many bytes of its slot: a cache line, and enough for
/// every vector load.
pub const TENSOR_ALIGN: usize = 64;

/// Rows of the largest batch, so that a header (with a substitution in every row) stays below [`MAX_PART_BYTES`].
pub const MAX_BATCH_ROWS: u64 = 8192;

/// Bytes of the largest batch (2 GiB): clients accept no larger one, so daemons make none.
pub const MAX_BATCH_BYTES: u64 = 2 << 30;

/// Samples of one `SamplesRequest`: as many as the largest batch has rows.
pub const MAX_SAMPLE_IDS: usize = MAX_BATCH_ROWS as usize;

/// Bytes of the longest name in a request: of a dataset, a preset, or a file that a text was read from.
pub const MAX_NAME_BYTES: usize = 256;

/// Encoded bytes that a `SamplesResponse` does not exceed unless a single name does (1 MiB).
pub const MAX_SAMPLES_BYTES: usize = 1024 * 1024;
