//! Mistakes that keep a job from being resolved.

use bandwise_curriculum::PlanError;
use bandwise_recipe::{ProgramError, RecipeError};
use thiserror::Error;

/// A job that cannot be resolved.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JobError {
    /// The plan cannot be made.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The recipe does not exist in this form.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// A recipe file says its method itself.
    #[error("low_frequency cannot be combined with a recipe file, which names its own method")]
    MethodTwice,
    /// The fresh rows of a step cannot be cut into chunks.
    #[error(
        "stage {stage}: replay_chunk {chunk} x replay_lanes {lanes} must divide the {rows} fresh rows of a step (a \
         global batch of {} rows at replay {times})", .rows * .times
    )]
    ReplayChunk {
        /// Index of the stage.
        stage: usize,
        /// Rows of a chunk.
        chunk: u32,
        /// Number of buffers.
        lanes: u32,
        /// Replay times.
        times: u64,
        /// Fresh rows of a step.
        rows: u64,
    },
    /// Chunks would part the views of a sample.
    #[error("stage {stage}: replay_chunk {chunk} must be a multiple of the {views} views of a sample")]
    ReplayViews {
        /// Index of the stage.
        stage: usize,
        /// Rows of a chunk.
        chunk: u32,
        /// Views of a sample.
        views: u32,
    },
    /// Rows that belong together do not fill the steps of a stage.
    #[error("stage {stage}: a {what} of {size} does not divide a step of {rows} rows")]
    Groups {
        /// Index of the stage.
        stage: usize,
        /// The number that does not divide.
        what: &'static str,
        /// Its size.
        size: u64,
        /// Rows of the step.
        rows: u64,
    },
    /// The recipe does not suit a stage.
    #[error("stage {stage}: {source}")]
    Stage {
        /// Index of the stage.
        stage: usize,
        /// The reason.
        source: ProgramError,
    },
}
