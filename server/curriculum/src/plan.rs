//! A curriculum resolved for a dataset and a budget: the exact steps of every stage.
//!
//! Epochs are never reset: a stage begins at the start of an epoch and runs whole epochs, so the epoch of a
//! stage's first step is the number of epochs that ran before. The arithmetic of the reference's own clocks,
//! which do step back, is in `clock.rs`; where a single step lies, in `locate.rs`. Learning rates are left to
//! whoever has an optimiser.
//!
//! With replay times `r`, one row in `r` of a step is fresh. Epochs count what is decoded: a step takes `G / r`
//! samples of its epoch, so an epoch has `r` times the steps. Compute and progress count what is trained on. Which
//! rows of a step are replayed, and from where, is the business of the job.

use std::fmt;

use thiserror::Error;

use crate::check::MAX_EPOCHS;
use crate::clock::{self, Span};
use crate::curriculum::{Curriculum, CurriculumStage};

/// What becomes of the rows at the end of an epoch that do not fill a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// They are left out: `floor(N / G)` steps an epoch, all of them full.
    Drop,
    /// They make a last, shorter step: `ceil(N / G)` steps an epoch.
    Keep,
}

impl fmt::Display for Tail {
    /// `drop` or `keep`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Drop => "drop",
            Self::Keep => "keep",
        })
    }
}

/// What a curriculum is resolved for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlanRequest {
    /// Budget `E` in epochs of the curriculum's clock, above 0 and at most 1000000; parts of an epoch are
    /// accepted. A curriculum whose stages fix their epochs accepts their sum only.
    pub epochs: f64,
    /// Samples `N` in the dataset, at least 1.
    pub dataset_len: u64,
    /// Rows `G` of a step over all ranks, at least 1; stages with their own batch do not use it.
    pub global_batch: u64,
    /// What becomes of the rows at the end of an epoch.
    pub tail: Tail,
}

/// One stage with its exact steps. A stage whose share is too small for an epoch is kept, with no steps, so
/// that indices are those of the curriculum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StagePlan {
    /// Position in the curriculum, from 0.
    pub index: usize,
    /// Side in pixels of the shown image.
    pub bandwidth: u32,
    /// `RandAugment` strength, 0 to 10.
    pub magnitude: f64,
    /// `r`, how often a decoded sample is trained on; 1 without replay.
    pub replay_times: u32,
    /// Length of the replay buffer in steps; 0 without replay.
    pub replay_buffer: u32,
    /// Rows of a full step, replayed ones included: a multiple of `replay_times`.
    pub global_batch: u64,
    /// First step, counted over all stages.
    pub first_step: u64,
    /// Steps of the stage: `epochs * steps_per_epoch`.
    pub steps: u64,
    /// Epoch of the first step, counted over all stages.
    pub first_epoch: u64,
    /// Epochs that the stage runs: `clock_end - clock_start`, or 0 where that is negative.
    pub epochs: u64,
    /// Steps of an epoch, at least 1.
    pub steps_per_epoch: u64,
    /// Fresh rows of an epoch over all its steps: the dataset less the dropped tail.
    pub rows_per_epoch: u64,
    /// `T`, epochs of the stage's own clock. The clock of the whole training at this bandwidth.
    pub clock_epochs: u64,
    /// `W`, epochs of learning-rate warm-up in the stage's clock. Not cut to the length of short clocks.
    pub warmup_epochs: u64,
    /// First epoch of the stage in its own clock.
    pub clock_start: u64,
    /// Epoch of its own clock before which the stage stops.
    pub clock_end: u64,
    /// Cost of all earlier stages in shown pixels, trained rows times `bandwidth^2`.
    pub(crate) cost_before: u128,
}

impl StagePlan {
    /// Rows of a full step that are decoded for it, `global_batch / replay_times`; the others are replayed.
    pub fn fresh_rows(&self) -> u64 {
        self.global_batch / u64::from(self.replay_times)
    }

    /// Rows of the last step of an epoch: `global_batch`, or fewer where the tail is kept.
    pub fn last_step_rows(&self) -> u64 {
        let before = (self.steps_per_epoch - 1) * self.fresh_rows();
        (self.rows_per_epoch - before) * u64::from(self.replay_times)
    }

    /// Rows that are decoded over all steps of the stage.
    pub fn decoded_rows(&self) -> u64 {
        // Resolving has checked that the sum over all stages fits, of the trained rows too.
        self.epochs * self.rows_per_epoch
    }

    /// Rows that are trained on over all steps of the stage: decoded and replayed ones.
    pub fn trained_rows(&self) -> u64 {
        self.decoded_rows() * u64::from(self.replay_times)
    }

    /// Cost of `rows` trained rows of this stage in shown pixels.
    pub(crate) fn cost(&self, rows: u64) -> u128 {
        u128::from(rows) * u128::from(self.bandwidth).pow(2)
    }
}

/// A curriculum resolved for a dataset and a budget. Two plans are equal when they show the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    stages: Vec<StagePlan>,
    base: u32,
    dataset_len: u64,
    tail: Tail,
}

/// Why a curriculum cannot be resolved for a request.
#[derive(Debug, Clone, PartialEq, Error)]
#[allow(missing_docs, reason = "the fields are the offending values that the message shows")]
pub enum PlanError {
    /// The budget is not a usable number.
    #[error("a budget of {epochs} epochs: it must be a number above 0 and at most {MAX_EPOCHS}")]
    Epochs { epochs: f64 },
    /// The stages say how many epochs they run, and the request says something else.
    #[error(
        "the stages of the curriculum {curriculum:?} run {fixed} epochs, so the budget cannot be {epochs}"
    )]
    FixedEpochs { curriculum: String, fixed: f64, epochs: f64 },
    /// There is nothing to show.
    #[error("the dataset has no samples")]
    EmptyDataset,
    /// A step would have no rows.
    #[error("a global batch of 0 rows: it must be at least 1")]
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
        "stage {stage}: replay {replay} and a kept tail: an epoch of {dataset_len} samples ends with a step of \
         fewer than {fresh_rows} fresh rows; drop the tail, or take a global batch of {replay} times a divisor \
         of {dataset_len}"
    )]
    ReplayTail { stage: usize, replay: u32, fresh_rows: u64, dataset_len: u64 },
    /// The budget is too small for a single epoch.
    #[error("a budget of {epochs} epochs gives the curriculum {curriculum:?} not one whole epoch")]
    NoSteps { curriculum: String, epochs: f64 },
    /// The steps or rows of the training do not fit 64 bits.
    #[error(
        "stage {stage}: {epochs} epochs of {rows_per_epoch} rows bring the training above 2^64 steps or rows"
    )]
    TooLong { stage: usize, epochs: u64, rows_per_epoch: u64 },
}

impl Plan {
    /// Resolves a curriculum, in time proportional to its stages.
    ///
    /// # Errors
    ///
    /// [`PlanError`], with the values that do not fit together.
    pub fn resolve(curriculum: &Curriculum, request: &PlanRequest) -> Result<Self, PlanError> {
        check_request(curriculum, request)?;
        let mut builder = Builder::new(request);
        for (stage, span) in curriculum.stages.iter().zip(clock::spans(curriculum, request.epochs)) {
            builder.push(stage, span)?;
        }
        if builder.step == 0 {
            let curriculum = curriculum.name.clone();
            return Err(PlanError::NoSteps { curriculum, epochs: request.epochs });
        }
        let &PlanRequest { dataset_len, tail, .. } = request;
        Ok(Self { stages: builder.stages, base: curriculum.base, dataset_len, tail })
    }

    /// All stages of the curriculum in order, those without steps included; at least one has steps.
    pub fn stages(&self) -> &[StagePlan] {
        &self.stages
    }

    /// Side of the base image in pixels.
    pub fn base(&self) -> u32 {
        self.base
    }

    /// Samples of the dataset that the plan was resolved for.
    pub fn dataset_len(&self) -> u64 {
        self.dataset_len
    }

    /// What becomes of the rows at the end of an epoch.
    pub fn tail(&self) -> Tail {
        self.tail
    }

    /// Steps of the whole training, at least 1.
    pub fn steps(&self) -> u64 {
        self.stages.iter().map(|stage| stage.steps).sum()
    }

    /// Epochs of the whole training: how often every sample is decoded.
    pub fn epochs(&self) -> u64 {
        self.stages.iter().map(|stage| stage.epochs).sum()
    }

    /// How often every sample is trained on: the epochs, each counted as often as it is replayed.
    pub fn training_passes(&self) -> u64 {
        self.stages.iter().map(|stage| stage.epochs * u64::from(stage.replay_times)).sum()
    }

    /// Rows (images) that the whole training decodes.
    pub fn decoded_rows(&self) -> u64 {
        self.stages.iter().map(StagePlan::decoded_rows).sum()
    }

    /// Rows (images) that the whole training trains on.
    pub fn trained_rows(&self) -> u64 {
        self.stages.iter().map(StagePlan::trained_rows).sum()
    }

    /// Compute of the whole training in passes at the base size: the sum of
    /// `epochs * replay_times * (bandwidth / base)^2` over the stages.
    pub fn equivalent_epochs(&self) -> f64 {
        let pixels = |stage: &StagePlan| {
            u128::from(stage.epochs) * u128::from(stage.replay_times) * u128::from(stage.bandwidth).pow(2)
        };
        let sum: u128 = self.stages.iter().map(pixels).sum();
        sum as f64 / f64::from(self.base).powi(2)
    }

    /// Cost of the whole training in shown pixels; not 0.
    pub(crate) fn cost(&self) -> u128 {
        self.stages.last().map_or(0, |last| last.cost_before + last.cost(last.trained_rows()))
    }
}

fn check_request(curriculum: &Curriculum, request: &PlanRequest) -> Result<(), PlanError> {
    let epochs = request.epochs;
    // A budget that is not a number fails the comparison.
    if !(epochs > 0.0 && epochs <= f64::from(MAX_EPOCHS)) {
        return Err(PlanError::Epochs { epochs });
    }
    if request.dataset_len == 0 {
        return Err(PlanError::EmptyDataset);
    }
    if request.global_batch == 0 {
        return Err(PlanError::EmptyBatch);
    }
    match curriculum.fixed_epochs() {
        Some(fixed) if fixed != epochs => {
            Err(PlanError::FixedEpochs { curriculum: curriculum.name.clone(), fixed, epochs })
        }
        _ => Ok(()),
    }
}

/// Lays stage after stage, and counts what has been laid.
struct Builder<'a> {
    request: &'a PlanRequest,
    stages: Vec<StagePlan>,
    step: u64,
    epoch: u64,
    /// Trained rows.
    rows: u64,
    cost: u128,
}

impl<'a> Builder<'a> {
    fn new(request: &'a PlanRequest) -> Self {
        Self { request, stages: Vec::new(), step: 0, epoch: 0, rows: 0, cost: 0 }
    }

    fn push(&mut self, stage: &CurriculumStage, span: Span) -> Result<(), PlanError> {
        let global_batch = stage.batch.unwrap_or(self.request.global_batch);
        let (steps_per_epoch, rows_per_epoch) = self.epoch_shape(global_batch, stage.replay)?;
        let epochs = span.end.saturating_sub(span.start);
        let index = self.stages.len();
        let trained = epochs.checked_mul(rows_per_epoch).and_then(|r| r.checked_mul(u64::from(stage.replay)));
        let rows = trained.and_then(|rows| self.rows.checked_add(rows));
        let rows = rows.ok_or(PlanError::TooLong { stage: index, epochs, rows_per_epoch })?;
        let plan = StagePlan {
            index,
            bandwidth: stage.bandwidth,
            magnitude: stage.magnitude,
            replay_times: stage.replay,
            replay_buffer: stage.replay_buffer,
            global_batch,
            first_step: self.step,
            // A step has at least one row, so steps and epochs fit where the rows do.
            steps: epochs * steps_per_epoch,
            first_epoch: self.epoch,
            epochs,
            steps_per_epoch,
            rows_per_epoch,
            clock_epochs: span.clock_epochs,
            warmup_epochs: span.warmup_epochs,
            clock_start: span.start,
            clock_end: span.end,
            cost_before: self.cost,
        };
        self.count(&plan, rows);
        self.stages.push(plan);
        Ok(())
    }

    /// Moves behind a stage, to which the training has `rows` rows.
    fn count(&mut self, stage: &StagePlan, rows: u64) {
        self.step += stage.steps;
        self.epoch += stage.epochs;
        self.rows = rows;
        self.cost += stage.cost(stage.trained_rows());
    }

    /// Steps and fresh rows of an epoch with this batch.
    fn epoch_shape(&self, global_batch: u64, replay: u32) -> Result<(u64, u64), PlanError> {
        let (dataset_len, stage) = (self.request.dataset_len, self.stages.len());
        if !global_batch.is_multiple_of(u64::from(replay)) {
            return Err(PlanError::Replay { stage, replay, global_batch });
        }
        let fresh_rows = global_batch / u64::from(replay);
        let tail_rows = dataset_len % fresh_rows;
        match self.request.tail {
            Tail::Keep if replay > 1 && tail_rows > 0 => {
                Err(PlanError::ReplayTail { stage, replay, fresh_rows, dataset_len })
            }
            Tail::Keep => Ok((dataset_len.div_ceil(fresh_rows), dataset_len)),
            Tail::Drop if dataset_len < fresh_rows => {
                Err(PlanError::BatchTooLarge { stage, fresh_rows, dataset_len })
            }
            Tail::Drop => Ok((dataset_len / fresh_rows, dataset_len - tail_rows)),
        }
    }
}

#[cfg(test)]
mod tests;
