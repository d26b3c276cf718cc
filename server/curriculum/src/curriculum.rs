//! The data of a curriculum: stages, their extents, and the clock of the budget.
//!
//! Nothing here knows the size of a dataset or a number of steps; that is the plan's business.

use thiserror::Error;

use crate::limits::MAX_REPLAY_BUFFER;

/// The unit of an epoch of the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// A pass over the data, at whatever bandwidth. Shares are shares of the passes (`EfficientTrain`).
    Passes,
    /// The compute of one pass at the base size, where a pass at bandwidth `B` costs `(B / base)^2`. Shares
    /// are shares of the compute (`EfficientTrain++`).
    Equivalents,
}

/// The length of a stage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Extent {
    /// Share of the budget, above 0 and at most 1. The shares of a curriculum sum to 1 within 1e-6, and are
    /// divided by their sum before use.
    Share(f64),
    /// Passes over the data that the stage trains on, of which it decodes one in `replay`: a whole number from 1,
    /// or any number above 0 where the curriculum is split in steps.
    Epochs(f64),
}

/// One stage as its author writes it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurriculumStage {
    /// The length of the stage.
    pub extent: Extent,
    /// Side in pixels of the shown image: even, from 8 to the base.
    pub bandwidth: u32,
    /// `RandAugment` strength, 0 to 10.
    pub magnitude: f64,
    /// The number of times that a decoded sample is trained on: of the rows of a step one in `replay` is fresh, the
    /// others come from the replay buffer. 1, no replay, to [`MAX_REPLAY`](crate::MAX_REPLAY).
    pub replay: u32,
    /// Length of the replay buffer in steps, whose fresh rows it holds: 1 to
    /// [`MAX_REPLAY_BUFFER`](crate::MAX_REPLAY_BUFFER) where `replay` is above 1, else 0.
    pub replay_buffer: u32,
    /// Global batch in rows, where the stage differs from the rest of the training; at least 1.
    pub batch: Option<u64>,
}

impl CurriculumStage {
    /// A stage without replay that takes the global batch of the training.
    pub fn new(extent: Extent, bandwidth: u32, magnitude: f64) -> Self {
        Self { extent, bandwidth, magnitude, replay: 1, replay_buffer: 0, batch: None }
    }
}

/// The points at which stages may end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Split {
    /// At the end of an epoch, with the truncations and roundings of the reference.
    #[default]
    Epochs,
    /// At any step: the budget is met to half a step, and an epoch may begin in one stage and end in the next.
    Steps,
}

/// Warm-up of the learning rate, as the reference counts it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Warmup {
    /// A fixed number of epochs of the stage's own clock, whatever its length: 0 to [`MAX_EPOCHS`](crate::MAX_EPOCHS).
    Epochs(f64),
    /// A share of the stage's own clock, 0 to 1.
    Share(f64),
}

impl Default for Warmup {
    /// The values of both papers.
    fn default() -> Self {
        Self::Epochs(20.0)
    }
}

/// A curriculum as its author writes it, not checked yet.
#[derive(Debug, Clone, PartialEq)]
pub struct CurriculumSpec {
    /// Name for people: 1 to 100 printable characters.
    pub name: String,
    /// Side of the base image in pixels: even, 8 to 4096.
    pub base: u32,
    /// The unit of an epoch of the budget.
    pub clock: Clock,
    /// The points at which stages may end.
    pub split: Split,
    /// Warm-up of the learning rate.
    pub warmup: Warmup,
    /// Every bandwidth must be a multiple of so many pixels, as some models need; at least 1.
    pub multiple_of: u32,
    /// The stages in the order in which they run: 1 to 256.
    pub stages: Vec<CurriculumStage>,
}

impl CurriculumSpec {
    /// Stages that end with epochs, the papers' warm-up, and any even bandwidths.
    pub fn new(name: impl Into<String>, base: u32, clock: Clock, stages: Vec<CurriculumStage>) -> Self {
        let (split, warmup) = (Split::default(), Warmup::default());
        Self { name: name.into(), base, clock, split, warmup, multiple_of: 1, stages }
    }
}

/// A replay buffer of an impossible length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("replay_buffer {steps} must be a number of steps from 1 to {MAX_REPLAY_BUFFER}")]
pub struct InvalidReplayBuffer {
    /// The length that was given.
    pub steps: u32,
}

/// A checked list of stages: its values need no further check.
#[derive(Debug, Clone, PartialEq)]
pub struct Curriculum {
    pub(crate) name: String,
    pub(crate) preset: Option<&'static str>,
    pub(crate) base: u32,
    pub(crate) clock: Clock,
    pub(crate) split: Split,
    pub(crate) warmup: Warmup,
    pub(crate) stages: Vec<CurriculumStage>,
}

impl Curriculum {
    /// Name for people; it never enters a fingerprint.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The preset that it is, or that its file starts from.
    pub fn preset_name(&self) -> Option<&'static str> {
        self.preset
    }

    /// Side of the base image in pixels.
    pub fn base(&self) -> u32 {
        self.base
    }

    /// The unit of the epochs of its budget.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// The points at which its stages may end.
    pub fn split(&self) -> Split {
        self.split
    }

    /// Its learning-rate warm-up.
    pub fn warmup(&self) -> Warmup {
        self.warmup
    }

    /// The stages in the order in which they run; at least one.
    pub fn stages(&self) -> &[CurriculumStage] {
        &self.stages
    }

    /// The same curriculum with replay buffers of at most `steps` steps; stages without replay stay as they are.
    ///
    /// # Errors
    ///
    /// If `steps` is not from 1 to [`MAX_REPLAY_BUFFER`](crate::MAX_REPLAY_BUFFER).
    pub fn with_replay_buffer_up_to(mut self, steps: u32) -> Result<Self, InvalidReplayBuffer> {
        if !(1..=MAX_REPLAY_BUFFER).contains(&steps) {
            return Err(InvalidReplayBuffer { steps });
        }
        for stage in &mut self.stages {
            stage.replay_buffer = stage.replay_buffer.min(steps);
        }
        Ok(self)
    }

    /// Passes that the stages fix themselves, or `None` where they are shares of a budget that the request
    /// brings.
    pub fn fixed_epochs(&self) -> Option<f64> {
        self.stages.iter().map(|stage| stage.extent.epochs()).sum()
    }
}

impl Extent {
    fn epochs(self) -> Option<f64> {
        match self {
            Self::Epochs(epochs) => Some(epochs),
            Self::Share(_) => None,
        }
    }

    /// Length of the stage relative to the sum over all stages.
    pub(crate) fn weight(self) -> f64 {
        match self {
            Self::Share(weight) | Self::Epochs(weight) => weight,
        }
    }

    pub(crate) fn is_share(self) -> bool {
        matches!(self, Self::Share(_))
    }
}
