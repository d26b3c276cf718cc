//! The mistakes that a curriculum can have, and how they read.

use bandwise_choice::Mistakes;
use thiserror::Error;

use crate::{
    limits::{
        MAX_BASE, MAX_EPOCHS, MAX_MAGNITUDE, MAX_NAME_CHARS, MAX_REPLAY, MAX_REPLAY_BUFFER, MAX_STAGES,
        MIN_BANDWIDTH, SHARE_TOLERANCE,
    },
    presets::UnknownCurriculum,
};

/// One mistake in a curriculum. Stages count from 0.
#[derive(Debug, Clone, PartialEq, Error)]
#[allow(missing_docs, reason = "the fields are the offending values that the message shows")]
pub enum Problem {
    /// The name is empty, too long or not printable.
    #[error(
        "the name has {chars} characters; it must have 1 to {MAX_NAME_CHARS}, without control characters"
    )]
    Name { chars: usize },
    /// The base is odd or out of range.
    #[error("base {base} must be an even number from {MIN_BANDWIDTH} to {MAX_BASE}")]
    Base { base: u32 },
    /// There is nothing to run.
    #[error("there are no stages; write at least one [[stage]], or start from a `preset`")]
    NoStages,
    /// More stages than any training needs.
    #[error("{count} stages are too many; at most {MAX_STAGES} are allowed")]
    TooManyStages { count: usize },
    /// The file starts from a preset that does not exist.
    #[error(transparent)]
    UnknownPreset(#[from] UnknownCurriculum),
    /// The file starts from a preset and says what the preset says.
    #[error(
        "`{key}` cannot be combined with `preset` {preset:?}, which has its own; leave it out, or write the whole \
         curriculum"
    )]
    PresetAnd { preset: String, key: &'static str },
    /// Neither `share` nor `epochs` is given.
    #[error("stage {stage} needs `share` or `epochs`")]
    NoExtent { stage: usize },
    /// Both `share` and `epochs` are given.
    #[error("stage {stage} has both `share` {share} and `epochs` {epochs}; give only one")]
    TwoExtents { stage: usize, share: f64, epochs: f64 },
    /// The bandwidth is odd or out of range.
    #[error(
        "stage {stage}: bandwidth {bandwidth} must be an even number from {MIN_BANDWIDTH} to the base {base}"
    )]
    Bandwidth { stage: usize, bandwidth: u32, base: u32 },
    /// The magnitude is out of range.
    #[error("stage {stage}: magnitude {magnitude} must be a number from 0 to {MAX_MAGNITUDE}")]
    Magnitude { stage: usize, magnitude: f64 },
    /// The share is out of range.
    #[error("stage {stage}: share {share} must be a number above 0 and at most 1")]
    Share { stage: usize, share: f64 },
    /// The number of epochs is out of range.
    #[error("stage {stage}: epochs {epochs} must be a number above 0 and at most {MAX_EPOCHS}")]
    Epochs { stage: usize, epochs: f64 },
    /// A stage that ends with an epoch has parts of one.
    #[error(
        "stage {stage}: epochs {epochs} must be a whole number; `split = \"steps\"` accepts parts of an epoch"
    )]
    PartsOfEpochs { stage: usize, epochs: f64 },
    /// The model needs other bandwidths.
    #[error(
        "multiple_of {multiple_of} must divide every bandwidth, but does not divide {}",
        .offenders.iter().map(|(stage, bandwidth)| format!("bandwidth {bandwidth} of stage {stage}"))
            .collect::<Vec<_>>().join(", ")
    )]
    MultipleOf { multiple_of: u32, offenders: Vec<(usize, u32)> },
    /// Nothing is a multiple of 0.
    #[error("multiple_of 0 must be at least 1")]
    MultipleOfZero,
    /// The warm-up is out of range.
    #[error("warmup_epochs {epochs} must be a number from 0 to {MAX_EPOCHS}")]
    WarmupEpochs { epochs: f64 },
    /// The warm-up is no part of the training.
    #[error("warmup_share {share} must be a number from 0 to 1")]
    WarmupShare { share: f64 },
    /// Both `warmup_epochs` and `warmup_share` are given.
    #[error("`warmup_epochs` {epochs} and `warmup_share` {share} are both given; give only one")]
    TwoWarmups { epochs: f64, share: f64 },
    /// The replay times are out of range.
    #[error("stage {stage}: replay {replay} must be a number from 1 to {MAX_REPLAY}")]
    Replay { stage: usize, replay: u32 },
    /// The replay buffer is empty or too long.
    #[error(
        "stage {stage}: replay_buffer {replay_buffer} must be a number of steps from 1 to {MAX_REPLAY_BUFFER}"
    )]
    ReplayBuffer { stage: usize, replay_buffer: u32 },
    /// There is a replay buffer that nothing is taken from.
    #[error(
        "stage {stage}: replay_buffer {replay_buffer} needs a replay of at least 2; without replay, leave it out"
    )]
    UnusedReplayBuffer { stage: usize, replay_buffer: u32 },
    /// The stage has a global batch without rows.
    #[error("stage {stage}: batch 0 must be at least 1 row")]
    Batch { stage: usize },
    /// Some stages have shares, others epochs.
    #[error("stage {stage}: all stages must have `share`, or all `epochs`; it differs from stage 0")]
    MixedExtents { stage: usize },
    /// The shares do not make a whole.
    #[error("the shares sum to {sum}, not to 1 (within {SHARE_TOLERANCE})")]
    ShareSum { sum: f64 },
    /// Epochs are passes over the data, but the clock counts compute.
    #[error("stages with `epochs` need the clock of passes, not of 224-equivalents")]
    EpochsInEquivalents,
}

/// A curriculum that cannot be used, with everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("the curriculum has {problems}")]
pub struct InvalidCurriculum {
    /// At least one.
    pub problems: Mistakes<Problem>,
}
