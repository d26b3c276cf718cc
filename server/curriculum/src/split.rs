//! Stages that end at exact steps instead of whole epochs: how the budget is spent on them.
//!
//! The borders of the stages are marks on the budget: the cumulative shares of it. A step of a stage costs
//! `r / (S n)` epochs of the budget, with replay times `r`, `n` steps in an epoch of fresh samples, and `S` the
//! passes at the stage's bandwidth that cost a pass at the base (1 where the budget counts passes). Each stage
//! runs as many steps as bring the training closest to its mark, so what one stage has too much, the next has
//! less: the borders stay within half a step of their marks, and no step is lost.
//!
//! The clocks of the learning rate are those of `clock.rs` without their roundings: the schedule position is the
//! share of the budget that was spent, and never steps back.

use crate::{
    clock::{Span, stretch, warmup_length},
    curriculum::{Curriculum, CurriculumStage},
};

/// Spends a budget on one stage after the other.
pub(crate) struct Spender<'a> {
    curriculum: &'a Curriculum,
    budget: f64,
    /// Sum of all weights, and of those of the stages so far.
    weights: (f64, f64),
    /// Epochs of the budget that the stages so far have used.
    spent: f64,
}

impl<'a> Spender<'a> {
    pub(crate) fn new(curriculum: &'a Curriculum, budget: f64) -> Self {
        let total = curriculum.stages.iter().map(|stage| stage.extent.weight()).sum();
        Self { curriculum, budget, weights: (total, 0.0), spent: 0.0 }
    }

    /// The span of the next stage, in epochs of its own clock, and its steps. These are beyond `u64` where the
    /// training is.
    pub(crate) fn next(&mut self, stage: &CurriculumStage, steps_per_epoch: u64) -> (Span, u128) {
        // Epochs of the stage's clock for each epoch of the budget.
        let rate = stretch(self.curriculum, stage) / f64::from(stage.replay);
        let step = 1.0 / (rate * steps_per_epoch as f64);
        self.weights.1 += stage.extent.weight();
        let mark = self.budget * (self.weights.1 / self.weights.0);
        // A mark that the stage before has passed already leaves nothing to run; floats never wrap here.
        let steps = ((mark - self.spent) / step).round().max(0.0);
        let start = self.spent;
        self.spent += steps * step;
        let span = Span {
            clock_epochs: self.budget * rate,
            warmup_epochs: warmup_length(self.curriculum, stage, self.budget),
            start: start * rate,
            end: self.spent * rate,
        };
        (span, steps as u128)
    }
}
