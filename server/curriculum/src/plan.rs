//! A curriculum resolved for a dataset and a budget: the exact steps of every stage.
//!
//! Epochs are never reset, and in each of them every sample has its turn once (except for a dropped tail): a stage
//! continues where the one before it stopped, with the next epoch if that one had ended. There are two rules for where
//! stages end:
//!
//! - `split = "epochs"` (`clock.rs`) is the reference: whole epochs with its truncations, so that all published tables
//!   hold and every stage begins with an epoch. The reference's own clocks step back at borders; epochs here do not.
//! - `split = "steps"` (`split.rs`) spends the budget to half a step: a stage takes the steps that bring the training
//!   closest to its cumulative share.
//!
//! `plan/lay.rs` lays the stages one after another; `locate.rs` finds a single step.
//!
//! With replay times `r`, one row in `r` of a step is fresh. Epochs and positions count what is decoded: a step takes
//! `G / r` samples of its epoch, so an epoch has `r` times the steps. Compute and progress count what is trained on.
//! The job decides which rows of a step are replayed, and from where. A budget is counted in epochs as a stage shows
//! them (`steps_per_epoch` steps), so `none` for 90 epochs is 90 whole epochs under both rules.

mod error;
mod lay;

use bandwise_choice::choices;

pub use error::PlanError;

use crate::curriculum::Curriculum;

choices! {
    /// The fate of rows at the end of an epoch that do not fill a step.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Tail: "tail" {
        /// They are left out: `floor(N / G)` steps an epoch, all of them full.
        Drop = "drop",
        /// They make a last, shorter step: `ceil(N / G)` steps an epoch.
        Keep = "keep",
    }
}

/// The request for which a curriculum is resolved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlanRequest {
    /// Budget `E` in epochs of the curriculum's clock, above 0 and at most 1000000; parts of an epoch are
    /// accepted. A curriculum whose stages fix their epochs accepts their sum only.
    pub epochs: f64,
    /// Samples `N` in the dataset, at least 1.
    pub dataset_len: u64,
    /// Rows `G` of a step over all ranks, at least 1; stages with their own batch do not use it.
    pub global_batch: u64,
    /// Treatment of the rows at the end of an epoch.
    pub tail: Tail,
}

/// One stage with its exact steps. A stage whose share is too small for an epoch (or a step) is kept, with no
/// steps, so that indices are those of the curriculum.
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
    /// Steps of the stage.
    pub steps: u64,
    /// Epoch of the first step, counted over all stages.
    pub first_epoch: u64,
    /// Samples of that epoch that earlier stages have shown, and in how many steps: 0 unless a stage stopped in
    /// the middle of an epoch.
    pub first_epoch_row: u64,
    /// See `first_epoch_row`.
    pub first_epoch_step: u64,
    /// Steps that fit into the rest of that epoch, at least 1; the stage may end before them.
    pub first_epoch_steps: u64,
    /// Passes over the data that the stage decodes: `steps / steps_per_epoch`, a whole number where the
    /// curriculum is split in epochs.
    pub epochs: f64,
    /// Steps of a whole epoch, at least 1.
    pub steps_per_epoch: u64,
    /// Fresh rows of a whole epoch over all its steps: the dataset less the dropped tail.
    pub rows_per_epoch: u64,
    /// `T`, epochs of the stage's own clock, which is as long as the whole training at this bandwidth and replay.
    /// This and the next three are whole numbers where the curriculum is split in epochs.
    pub clock_epochs: f64,
    /// `W`, epochs of learning-rate warm-up in the stage's clock. Not cut to the length of short clocks.
    pub warmup_epochs: f64,
    /// Epoch of its own clock at which the stage begins.
    pub clock_start: f64,
    /// Epoch of its own clock before which the stage stops.
    pub clock_end: f64,
    /// Samples of the dataset.
    pub(crate) dataset_len: u64,
    /// Cost of all earlier stages in shown pixels, trained rows times `bandwidth^2`.
    pub(crate) cost_before: u128,
}

/// A point between two steps of an epoch.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EpochPosition {
    /// The epoch, counted over all stages.
    pub(crate) epoch: u64,
    /// Its steps so far.
    pub(crate) step: u64,
    /// Its samples so far: the position of the next one.
    pub(crate) row: u64,
}

impl StagePlan {
    /// Rows of a full step that are decoded for it, `global_batch / replay_times`; the others are replayed.
    pub fn fresh_rows(&self) -> u64 {
        self.global_batch / u64::from(self.replay_times)
    }

    /// Rows of the last step of a whole epoch: `global_batch`, or fewer where the tail is kept.
    pub fn last_step_rows(&self) -> u64 {
        self.step_rows((self.steps_per_epoch - 1) * self.fresh_rows())
    }

    /// Rows of the last step in the epoch in which the stage begins. It differs from
    /// [`StagePlan::last_step_rows`] only where that is not at the epoch's start.
    pub fn first_epoch_last_step_rows(&self) -> u64 {
        self.step_rows(self.first_epoch_row + (self.first_epoch_steps - 1) * self.fresh_rows())
    }

    /// Rows of a step whose first fresh row stands at `position` of its epoch.
    pub(crate) fn step_rows(&self, position: u64) -> u64 {
        self.fresh_rows().min(self.dataset_len - position) * u64::from(self.replay_times)
    }

    /// Rows that are decoded over all steps of the stage.
    pub fn decoded_rows(&self) -> u64 {
        // Laying has checked that the trained rows of all stages fit.
        self.decoded_before(self.steps) as u64
    }

    /// Rows that are trained on over all steps of the stage: decoded and replayed ones.
    pub fn trained_rows(&self) -> u64 {
        self.decoded_rows() * u64::from(self.replay_times)
    }

    /// The position of the stage after its first `steps` steps; at the end of an epoch that is the start of the next.
    pub(crate) fn position_after(&self, steps: u64) -> EpochPosition {
        match steps.checked_sub(self.first_epoch_steps) {
            None => EpochPosition {
                epoch: self.first_epoch,
                step: self.first_epoch_step + steps,
                row: self.first_epoch_row + steps * self.fresh_rows(),
            },
            Some(after) => {
                let step = after % self.steps_per_epoch;
                let epoch = self.first_epoch + 1 + after / self.steps_per_epoch;
                EpochPosition { epoch, step, row: step * self.fresh_rows() }
            }
        }
    }

    /// Rows that the first `steps` steps of the stage decode.
    pub(crate) fn decoded_before(&self, steps: u64) -> u128 {
        let in_first = steps.min(self.first_epoch_steps);
        let rest_of_first = self.dataset_len - self.first_epoch_row;
        let first = (u128::from(in_first) * u128::from(self.fresh_rows())).min(u128::from(rest_of_first));
        let [whole, part] =
            [(steps - in_first) / self.steps_per_epoch, (steps - in_first) % self.steps_per_epoch];
        first
            + u128::from(whole) * u128::from(self.rows_per_epoch)
            + u128::from(part) * u128::from(self.fresh_rows())
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

impl Plan {
    /// Resolves a curriculum, in time proportional to its stages.
    ///
    /// # Errors
    ///
    /// [`PlanError`], with the values that do not fit together.
    pub fn resolve(curriculum: &Curriculum, request: &PlanRequest) -> Result<Self, PlanError> {
        let stages = lay::stages(curriculum, request)?;
        let &PlanRequest { dataset_len, tail, .. } = request;
        Ok(Self { stages, base: curriculum.base, dataset_len, tail })
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

    /// Treatment of the rows at the end of an epoch.
    pub fn tail(&self) -> Tail {
        self.tail
    }

    /// Steps of the whole training, at least 1.
    pub fn steps(&self) -> u64 {
        self.stages.iter().map(|stage| stage.steps).sum()
    }

    /// Passes over the data that are decoded: how often every sample is.
    pub fn decode_passes(&self) -> f64 {
        self.stages.iter().map(|stage| stage.epochs).sum()
    }

    /// Passes over the data that are trained on: the decoded ones, each as often as it is replayed.
    pub fn training_passes(&self) -> f64 {
        self.stages.iter().map(|stage| stage.epochs * f64::from(stage.replay_times)).sum()
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
            stage.epochs * f64::from(stage.replay_times) * f64::from(stage.bandwidth).powi(2)
        };
        let sum: f64 = self.stages.iter().map(pixels).sum();
        sum / f64::from(self.base).powi(2)
    }

    /// Cost of the whole training in shown pixels; not 0.
    pub(crate) fn cost(&self) -> u128 {
        self.stages.last().map_or(0, |last| last.cost_before + last.cost(last.trained_rows()))
    }
}

#[cfg(test)]
mod tests;
