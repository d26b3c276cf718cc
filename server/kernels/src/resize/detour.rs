//! A resize in the place of several: from a part of a reduced picture, through a size in between.
//!
//! What it replaces: the picture in full, the part cut out of it, `filter` to the size in between, `last` to the
//! output. What is left out is the rounding to 8 bits in between, and what the reduction has lost. A reduced
//! picture's samples stand for `shrink` original ones; the original samples between them are interpolated with
//! the bicubic filter, which hardly damps what the reduction has kept.

use super::Place;
use super::axis::AxisKey;
use super::filter::Filter;
use super::taps::{Sampling, Taps};

/// One axis of such a resize; the rest of it is in its [`AxisKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Detour {
    /// Original samples of one input sample, at least 1.
    pub(super) shrink: usize,
    /// Original samples of the first input sample before the part, below `shrink`.
    pub(super) lead: usize,
    /// Original samples of the part, at least 1; the inputs cover them.
    pub(super) length: usize,
    /// Samples in between; the output's length for none.
    pub(super) between: usize,
    /// The filter from there to the output, and where it takes its samples.
    pub(super) last: Filter,
    pub(super) place: Place,
}

/// The memory of the joining, reused.
#[derive(Debug, Default)]
pub(super) struct Joiner {
    original: Taps,
    between: Taps,
    output: Taps,
    to_between: Taps,
    to_output: Taps,
}

impl Joiner {
    /// The weights from the inputs of `key` to its outputs.
    pub(super) fn join(&mut self, key: AxisKey, detour: Detour) -> &Taps {
        let Detour { shrink, lead, length, between, last, place } = detour;
        self.between.fill(Sampling::whole(key.filter, length, between));
        let to_between = if shrink == 1 {
            &self.between
        } else {
            self.original.fill(Sampling {
                filter: Filter::Bicubic,
                inputs: key.input,
                outputs: length,
                step: 1.0 / shrink as f64,
                lead: lead as f64 / shrink as f64,
            });
            self.to_between.join(&self.original, &self.between);
            &self.to_between
        };
        if between == key.output {
            return to_between;
        }
        let whole = Sampling::whole(last, between, key.output);
        // From the middle of the first output's stretch to that of the first input, which is shorter.
        let inwards = 0.5 * (whole.step - 1.0);
        let lead = match place {
            Place::Ends => 0.0,
            Place::First => -inwards,
            Place::Last => inwards,
        };
        self.output.fill(Sampling { lead, ..whole });
        self.to_output.join(to_between, &self.output);
        &self.to_output
    }
}
