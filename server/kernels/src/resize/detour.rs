//! A resize in the place of several: from a part of a reduced picture, through a size in between.
//!
//! It replaces several steps: the picture in full, the part cut out of it, `filter` to the size in between, `last` to
//! the output. What is left out is the rounding to 8 bits in between, and what the reduction has lost. A reduced
//! picture's samples stand for `shrink` original ones; the original samples between them are interpolated with the
//! bicubic filter, which hardly damps what the reduction has kept.

use super::Anchor;
use super::filter::Filter;
use super::taps::{Sampling, Taps};
use crate::SimdLevel;

/// One axis of such a resize, without its filter, its inputs and its outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Detour {
    /// Original samples of one input sample, at least 1.
    pub(super) shrink: usize,
    /// Original samples of the first input sample before the part, below `shrink`.
    pub(super) lead: usize,
    /// Original samples of the part, at least 1; the inputs cover them.
    pub(super) length: usize,
    /// Samples in between; the output's length for none.
    pub(super) between: usize,
    /// The filter from there to the output, and the sample that it keeps in its position.
    pub(super) last: Filter,
    pub(super) anchor: Anchor,
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
    /// The weights from `inputs` samples to `outputs`, with `filter` to the size in between.
    pub(super) fn join(
        &mut self,
        level: SimdLevel,
        filter: Filter,
        inputs: usize,
        outputs: usize,
        detour: Detour,
    ) -> &Taps {
        let Detour { shrink, lead, length, between, last, anchor } = detour;
        self.between.fill(level, Sampling::whole(filter, length, between));
        let to_between = if shrink == 1 {
            &self.between
        } else {
            self.original.fill(
                level,
                Sampling {
                    filter: Filter::Bicubic,
                    inputs,
                    outputs: length,
                    step: 1.0 / shrink as f64,
                    lead: lead as f64 / shrink as f64,
                },
            );
            self.to_between.join(level, &self.original, &self.between);
            &self.to_between
        };
        if between == outputs {
            return to_between;
        }
        let whole = Sampling::whole(last, between, outputs);
        // From the middle of the first output's stretch to that of the first input, which is shorter.
        let inwards = 0.5 * (whole.step - 1.0);
        let lead = match anchor {
            Anchor::Ends => 0.0,
            Anchor::First => -inwards,
            Anchor::Last => inwards,
        };
        self.output.fill(level, Sampling { lead, ..whole });
        self.to_output.join(level, to_between, &self.output);
        &self.to_output
    }
}
