//! Reasons why a curriculum does not suit a dataset, a batch or a budget.

use thiserror::Error;

use crate::limits::MAX_EPOCHS;

/// The reason why a curriculum cannot be resolved for a request.
#[derive(Debug, Clone, PartialEq, Error)]
#[allow(missing_docs, reason = "the fields are the offending values that the message shows")]
pub enum PlanError {
    /// The budget is not a usable number.
    #[error("the budget of {epochs} epochs must be above 0 and at most {MAX_EPOCHS}")]
    Epochs { epochs: f64 },
    /// The stages say how many epochs they run, and the request says something else.
    #[error(
        "the stages of the curriculum {curriculum:?} run {fixed} epochs, so the budget cannot be {epochs}; give {fixed} \
         epochs, or stages with `share`"
    )]
    FixedEpochs { curriculum: String, fixed: f64, epochs: f64 },
    /// There is nothing to show.
    #[error("the dataset has no samples")]
    EmptyDataset,
    /// A step would have no rows.
    #[error("the global batch of 0 rows must be at least 1")]
    EmptyBatch,
    /// An epoch has no full step and the tail is dropped.
    #[error(
        "stage {stage}: a step of {fresh_rows} fresh rows is larger than the dataset of {dataset_len} samples, so \
         that an epoch has no full step; at most {dataset_len} rows fit, or keep the tail"
    )]
    BatchTooLarge { stage: usize, fresh_rows: u64, dataset_len: u64 },
    /// A step cannot be shared between fresh and replayed rows.
    #[error(
        "stage {stage}: replay {replay} does not divide a global batch of {global_batch} rows: one row in \
         {replay} is fresh, so take a multiple of {replay}"
    )]
    Replay { stage: usize, replay: u32, global_batch: u64 },
    /// The tail is kept where a short step could not have its share of replayed rows.
    #[error(
        "stage {stage}: replay {replay} and a kept tail: an epoch with {rows} samples left ends with a step of \
         fewer than {fresh_rows} fresh rows; drop the tail, or take a global batch of {replay} times a divisor \
         of {rows}"
    )]
    ReplayTail { stage: usize, replay: u32, fresh_rows: u64, rows: u64 },
    /// The budget is too small for a single epoch, or step.
    #[error(
        "a budget of {epochs} epochs is less than one whole {unit} of the curriculum {curriculum:?}; give more epochs"
    )]
    NoSteps { curriculum: String, epochs: f64, unit: &'static str },
    /// The steps or rows of the training do not fit 64 bits.
    #[error(
        "stage {stage}: {epochs} epochs of {rows_per_epoch} rows bring the training above 2^64 steps or rows"
    )]
    TooLong { stage: usize, epochs: f64, rows_per_epoch: u64 },
}
