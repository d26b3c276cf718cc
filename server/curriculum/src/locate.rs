//! The position of a step in a plan: its stage, its epoch, its rows, and the progress of the training.
//!
//! Random access, without a walk over earlier steps. Which samples the rows hold is the order's business.

use thiserror::Error;

use crate::{
    lr::MIN_LR_FACTOR,
    plan::{Plan, StagePlan},
};

/// Everything that a step's number decides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    /// The step itself.
    pub step: u64,
    /// Index of its stage in [`Plan::stages`].
    pub stage: usize,
    /// Side in pixels of the shown images.
    pub bandwidth: u32,
    /// `RandAugment` strength, 0 to 10.
    pub magnitude: f64,
    /// The number of passes over the data since step 0; orders and draws are keyed by it.
    pub epoch: u64,
    /// Steps of this epoch before this one, those of earlier stages included.
    pub step_in_epoch: u64,
    /// Steps of this stage before this one.
    pub step_in_stage: u64,
    /// Rows of this step over all ranks: the stage's global batch, or fewer in the last step of an epoch
    /// whose tail is kept; at least 1.
    pub rows: u64,
    /// The number of fresh ones, which are decoded for this step: all without replay, else one in `replay_times`.
    pub fresh_rows: u64,
    /// Position of the first fresh row in the epoch's order: the fresh rows stand there one after the other.
    /// Without replay, row `i` stands at this plus `i`.
    pub first_row_in_epoch: u64,
    /// Share of the compute budget spent before this step, in `[0, 1)`, growing from step to step (as far as
    /// `f64` can tell them apart).
    pub progress: f64,
    /// Epoch of the stage's own clock, which steps back where the bandwidth grows; for reports only.
    pub schedule_epoch: u64,
    /// Position in the learning-rate schedule: the stage's own clock, parts of an epoch included, as a share
    /// of its length. It may step back where the bandwidth grows.
    pub schedule_position: f64,
    /// Learning rate of the papers as a factor of its peak, in [0, 1], with the lowest rate
    /// [`MIN_LR_FACTOR`](crate::MIN_LR_FACTOR).
    pub lr_factor: f64,
}

/// The plan ends before this step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("step {step} is out of range: the plan has {steps} steps, counted from 0")]
pub struct StepOutOfRange {
    /// The step that was asked for.
    pub step: u64,
    /// Steps of the plan.
    pub steps: u64,
}

impl Plan {
    /// The position of a step, in time proportional to the number of stages.
    ///
    /// # Errors
    ///
    /// [`StepOutOfRange`] from [`Plan::steps`] on.
    pub fn locate(&self, step: u64) -> Result<Moment, StepOutOfRange> {
        let out_of_range = || StepOutOfRange { step, steps: self.steps() };
        let stage = self.stage_of(step).ok_or_else(out_of_range)?;
        Ok(self.moment(stage, step))
    }

    fn stage_of(&self, step: u64) -> Option<&StagePlan> {
        self.stages().iter().find(|stage| stage.first_step <= step && step - stage.first_step < stage.steps)
    }

    /// The moment of a step that lies in `stage`.
    fn moment(&self, stage: &StagePlan, step: u64) -> Moment {
        let step_in_stage = step - stage.first_step;
        let position = stage.position_after(step_in_stage);
        let rows = stage.step_rows(position.row);
        let replay_times = u64::from(stage.replay_times);
        // The trained rows of the whole training fit 64 bits.
        let trained = stage.decoded_before(step_in_stage) as u64 * replay_times;
        Moment {
            step,
            stage: stage.index,
            bandwidth: stage.bandwidth,
            magnitude: stage.magnitude,
            epoch: position.epoch,
            step_in_epoch: position.step,
            step_in_stage,
            rows,
            fresh_rows: rows / replay_times,
            first_row_in_epoch: position.row,
            progress: self.progress(stage.cost_before + stage.cost(trained)),
            schedule_epoch: schedule_epoch(stage, step_in_stage),
            schedule_position: schedule_position(stage, step_in_stage),
            lr_factor: stage.lr_factor(step_in_stage, MIN_LR_FACTOR),
        }
    }

    fn progress(&self, cost: u128) -> f64 {
        // The cost of a step left to run can be below the resolution of a float.
        (cost as f64 / self.cost() as f64).min(1.0_f64.next_down())
    }
}

fn schedule_epoch(stage: &StagePlan, step_in_stage: u64) -> u64 {
    let part = (step_in_stage % stage.steps_per_epoch) as f64 / stage.steps_per_epoch as f64;
    let over = u64::from(stage.clock_start.fract() + part >= 1.0);
    stage.clock_start as u64 + step_in_stage / stage.steps_per_epoch + over
}

fn schedule_position(stage: &StagePlan, step_in_stage: u64) -> f64 {
    let epochs_done = step_in_stage as f64 / stage.steps_per_epoch as f64;
    (stage.clock_start + epochs_done) / stage.clock_epochs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Curriculum, PlanRequest, Tail};

    fn plan(tail: Tail) -> Plan {
        let text = "name = 'small'\n\
            [[stage]]\nepochs = 2\nbandwidth = 112\nmagnitude = 3\n\
            [[stage]]\nepochs = 1\nbandwidth = 224\nmagnitude = 9\nbatch = 6\n";
        let curriculum = Curriculum::from_toml("small", text).expect("valid");
        let request = PlanRequest { epochs: 3.0, dataset_len: 10, global_batch: 4, tail };
        Plan::resolve(&curriculum, &request).expect("resolves")
    }

    #[test]
    fn a_kept_tail_is_a_short_step() {
        let plan = plan(Tail::Keep);
        let moments: Vec<_> = (0..8).map(|step| plan.locate(step).expect("in range")).collect();
        let of = |m: &Moment| (m.stage, m.epoch, m.step_in_epoch, m.first_row_in_epoch, m.rows);
        assert_eq!(
            moments.iter().map(of).collect::<Vec<_>>(),
            [
                (0, 0, 0, 0, 4),
                (0, 0, 1, 4, 4),
                (0, 0, 2, 8, 2),
                (0, 1, 0, 0, 4),
                (0, 1, 1, 4, 4),
                (0, 1, 2, 8, 2),
                (1, 2, 0, 0, 6),
                (1, 2, 1, 6, 4),
            ]
        );
        // 20 rows at a quarter of the cost, then 10 at the full cost: 15 in all.
        let progress = [0.0, 1.0, 2.0, 2.5, 3.5, 4.5, 5.0, 11.0].map(|cost| cost / 15.0);
        assert_eq!(moments.iter().map(|m| m.progress).collect::<Vec<_>>(), progress);
    }

    #[test]
    fn a_dropped_tail_leaves_full_steps_only() {
        let plan = plan(Tail::Drop);
        let of = |step| plan.locate(step).map(|m| (m.stage, m.epoch, m.first_row_in_epoch, m.rows));
        let expected = [(0, 0, 0, 4), (0, 0, 4, 4), (0, 1, 0, 4), (0, 1, 4, 4), (1, 2, 0, 6)];
        assert_eq!([0, 1, 2, 3, 4].map(of), expected.map(Ok));
    }

    #[test]
    fn the_schedule_counts_in_the_stages_clock() {
        let plan = plan(Tail::Keep);
        let moment = plan.locate(4).expect("in range");
        assert_eq!(moment.schedule_epoch, 1);
        assert_eq!(moment.schedule_position, (1.0 + 1.0 / 3.0) / 3.0);
        assert_eq!((moment.bandwidth, moment.magnitude, moment.step), (112, 3.0, 4));
    }

    #[test]
    fn steps_behind_the_end_are_refused() {
        let error = plan(Tail::Keep).locate(8).expect_err("the plan has 8 steps");
        assert_eq!(error.to_string(), "step 8 is out of range: the plan has 8 steps, counted from 0");
        assert!(plan(Tail::Drop).locate(u64::MAX).is_err());
    }
}
