//! The learning rate of the papers, as a factor of its peak.
//!
//! Each stage has its own clock (`clock.rs`, `split.rs`). With `n` steps an epoch, `w = W n` steps of warm-up and a
//! clock of `L = T n` steps, at step `t` of the clock (`EfficientTrain++`, TPAMI 2024, and its code):
//!
//! ```text
//! t <  w:  t / (w - 1)
//! t >= w:  m + (1 - m) / 2 * (1 + cos(pi * (t - w) / (L - w)))        m = lowest / peak
//! ```
//!
//! The first step has the factor 0, the last of the warm-up has 1, and the last of the training comes close to `m`
//! without reaching it. Where the bandwidth grows, the factor may jump up a little, since the warm-up is the same
//! number of epochs on clocks of different lengths. The trainer multiplies it by its peak.

use std::f64::consts::PI;

use crate::plan::StagePlan;

/// The papers' lowest learning rate, 1e-6, as a factor of their usual peak, 4e-3.
pub const MIN_LR_FACTOR: f64 = 1e-6 / 4e-3;

impl StagePlan {
    /// Learning rate of a step, from 0 in this stage, as a factor of the peak: in [0, 1]. `min_factor` is the
    /// lowest rate as a factor of the peak, usually [`MIN_LR_FACTOR`].
    pub fn lr_factor(&self, step_in_stage: u64, min_factor: f64) -> f64 {
        let steps_per_epoch = self.steps_per_epoch as f64;
        let [start, warmup, length] =
            [self.clock_start, self.warmup_epochs, self.clock_epochs].map(|epochs| epochs * steps_per_epoch);
        let step = start + step_in_stage as f64;
        if step >= warmup {
            cosine(step - warmup, length - warmup, min_factor)
        } else if warmup > 1.0 {
            (step / (warmup - 1.0)).min(1.0)
        } else {
            0.0
        }
    }

    /// The same at a point of the stage's clock, in epochs: the limit for many steps an epoch. For tables and
    /// plots, which show the borders of stages.
    pub fn lr_factor_at(&self, clock_epoch: f64, min_factor: f64) -> f64 {
        if clock_epoch < self.warmup_epochs {
            clock_epoch / self.warmup_epochs
        } else {
            cosine(clock_epoch - self.warmup_epochs, self.clock_epochs - self.warmup_epochs, min_factor)
        }
    }
}

/// Half a cosine wave from 1 down to `min_factor`.
fn cosine(at: f64, length: f64, min_factor: f64) -> f64 {
    // The last step can lie half a step behind the end of a clock, and a clock can end with its warm-up.
    let phase = if length > 0.0 { (at / length).min(1.0) } else { 0.0 };
    min_factor + 0.5 * (1.0 - min_factor) * (1.0 + libm::cos(PI * phase))
}
