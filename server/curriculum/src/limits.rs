//! The bounds of a curriculum's values.

/// Most stages of a curriculum.
pub const MAX_STAGES: usize = 256;
/// Largest side of the base image in pixels.
pub const MAX_BASE: u32 = 4096;
/// Smallest bandwidth in pixels; below it an image holds no more than a blur.
pub const MIN_BANDWIDTH: u32 = 8;
/// Largest budget, and longest stage, in epochs.
pub const MAX_EPOCHS: u32 = 1_000_000;
/// Most times that a decoded sample is trained on.
pub const MAX_REPLAY: u32 = 64;
/// Longest replay buffer in steps.
pub const MAX_REPLAY_BUFFER: u32 = 65_536;

pub(crate) const MAX_NAME_CHARS: usize = 100;
pub(crate) const MAX_MAGNITUDE: f64 = 10.0;
pub(crate) const SHARE_TOLERANCE: f64 = 1e-6;
