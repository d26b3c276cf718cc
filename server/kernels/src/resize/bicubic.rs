//! Bicubic weights of several outputs at a time.
//!
//! Crops come in ever new sizes, so the weights of their resize are computed for each image. Outputs lie side by side in
//! the lanes of vectors; each has the operations of the plain code in their order, so its weights have the same bits.

use super::filter::{self, PRECISION};
use crate::augment::{per_level::per_level, truncate::whole_i32};

/// Outputs of a block.
pub(super) const OUTPUTS: usize = 8;

/// The places of a block's outputs. Behind the last one all are 0.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Places {
    /// The middle of each output, in inputs.
    pub(super) centres: [f64; OUTPUTS],
    /// First input.
    pub(super) starts: [u32; OUTPUTS],
    /// Inputs.
    pub(super) counts: [u32; OUTPUTS],
}

per_level! {
    /// Computes the fixed-point weights of a block, `taps` of each output one behind the other, as far as `weights` goes.
    /// `inverse` is one over the widening of the filter; `values` is scratch memory.
    pub(super) fn weigh(
        places: &Places,
        inverse: f64,
        values: &mut [[f64; OUTPUTS]],
        weights: &mut [i32],
    ) {
        let Places { centres, starts, counts } = places;
        let taps = values.len();
        let mut sums = [0.0; OUTPUTS];
        for (tap, values) in (0_u32..).zip(values.iter_mut()) {
            for i in 0..OUTPUTS {
                let input = (starts[i] + tap).cast_signed();
                let value = filter::bicubic((f64::from(input) - centres[i] + 0.5) * inverse);
                values[i] = if tap < counts[i] { value } else { 0.0 };
                sums[i] += values[i];
            }
        }
        let divisors = sums.map(|sum| if sum == 0.0 { 1.0 } else { sum });
        for (tap, values) in values.iter().enumerate() {
            let mut whole = [0; OUTPUTS];
            for i in 0..OUTPUTS {
                let scaled = values[i] / divisors[i] * f64::from(1 << PRECISION);
                whole[i] = whole_i32((scaled + 0.5_f64.copysign(scaled)).trunc());
            }
            for (weight, whole) in weights.iter_mut().skip(tap).step_by(taps).zip(whole) {
                *weight = whole;
            }
        }
    }
}
