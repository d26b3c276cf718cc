//! The integer weights of one axis of a resize.
//!
//! Pillow's 8-bit resize (`pipeline.md` c.3): every output sample is a sum of a few input samples times
//! weights with 22 fractional bits, rounded and clamped to 8 bits.

use super::bicubic::{self, OUTPUTS, Places};
use super::detour::{Detour, Joiner};
use super::filter::{self, Filter, PRECISION};
use super::spans::{BLOCK, Spans};
use super::taps::Taps;
use crate::SimdLevel;

/// Which axis: what a set of weights depends on, and the key under which it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct AxisKey {
    pub(super) filter: Filter,
    /// Input length in pixels, at least 1.
    pub(super) input: usize,
    /// Output length in pixels, at least 1.
    pub(super) output: usize,
    /// First output that is wanted, and how many from there on, at least 1.
    pub(super) first: usize,
    pub(super) wanted: usize,
    /// The additional work of the weights; all outputs are wanted then.
    pub(super) detour: Option<Detour>,
}

/// The weights of an axis. Its buffers are reused by [`Axis::rebuild`].
#[derive(Debug, Default)]
pub(super) struct Axis {
    pub(super) spans: Spans,
    weights: Vec<i32>,
    values: Vec<[f64; OUTPUTS]>,
    joiner: Joiner,
}

impl Axis {
    /// Computes the weights of `key`, reusing the memory of the weights before.
    pub(super) fn rebuild(&mut self, level: SimdLevel, key: AxisKey) {
        match (key.detour, key.filter) {
            (Some(detour), _) => self.fill_joined(level, key, detour),
            (None, Filter::Bilinear) => self.fill(key, filter::bilinear),
            (None, Filter::Bicubic) => self.fill_bicubic(level, key),
            (None, Filter::Lanczos) => self.fill(key, filter::lanczos),
        }
    }

    fn fill(&mut self, key: AxisKey, kernel: impl Fn(f64) -> f64) {
        let scale = Scale::of(key);
        let taps = self.place(key, scale);
        self.values.resize(self.values.len().max(taps), [0.0; OUTPUTS]);
        for (i, weights) in self.weights.chunks_exact_mut(taps).take(key.wanted).enumerate() {
            let start = self.spans.starts()[i];
            let values = &mut self.values.as_flattened_mut()[..self.spans.count(i)];
            for (j, value) in (start.cast_signed()..).zip(values.iter_mut()) {
                *value = kernel((f64::from(j) - scale.centre(key.first + i) + 0.5) * scale.inverse);
            }
            normalize(values, weights);
        }
    }

    /// As [`Axis::fill`], for several outputs at a time.
    fn fill_bicubic(&mut self, level: SimdLevel, key: AxisKey) {
        let scale = Scale::of(key);
        let taps = self.place(key, scale);
        self.values.resize(self.values.len().max(taps), [0.0; OUTPUTS]);
        for (block, weights) in self.weights.chunks_mut(taps * OUTPUTS).enumerate() {
            let first = block * OUTPUTS;
            let mut places = Places::default();
            for i in 0..OUTPUTS.min(key.wanted.saturating_sub(first)) {
                places.centres[i] = scale.centre(key.first + first + i);
                places.starts[i] = self.spans.starts()[first + i];
                places.counts[i] = self.spans.count(first + i) as u32;
            }
            bicubic::weigh(level, &places, scale.inverse, &mut self.values[..taps], weights);
        }
    }

    /// Finds the inputs of each output and makes room for their weights; gives the stored taps per output.
    fn place(&mut self, key: AxisKey, scale: Scale) -> usize {
        self.spans.clear();
        for i in 0..key.wanted {
            let centre = scale.centre(key.first + i);
            let start = ((centre - scale.support + 0.5) as usize).min(key.input - 1);
            let end = ((centre + scale.support + 0.5) as usize).clamp(start + 1, key.input);
            self.spans.push(start, end - start);
        }
        self.clear_weights()
    }

    fn fill_joined(&mut self, level: SimdLevel, key: AxisKey, detour: Detour) {
        let mut joiner = std::mem::take(&mut self.joiner);
        self.take(joiner.join(level, key.filter, key.input, key.output, detour));
        self.joiner = joiner;
    }

    /// Takes weights over from elsewhere.
    fn take(&mut self, from: &Taps) {
        let rows = || (0..from.outputs()).map(|output| from.row(output));
        self.spans.clear();
        for (start, values) in rows() {
            self.spans.push(start, values.len());
        }
        let taps = self.clear_weights();
        for ((_, values), weights) in rows().zip(self.weights.chunks_exact_mut(taps)) {
            normalize(values, weights);
        }
    }

    /// Makes room for zeros in the place of the weights before, once all outputs are there; gives the stored taps of each.
    fn clear_weights(&mut self) -> usize {
        self.spans.finish();
        let taps = self.spans.taps();
        self.weights.clear();
        self.weights.resize(self.spans.outputs().next_multiple_of(BLOCK) * taps, 0);
        taps
    }

    /// The real weights of an output.
    pub(super) fn weights(&self, output: usize) -> &[i32] {
        &self.weights[output * self.spans.taps()..][..self.spans.count(output)]
    }

    /// The weights of all outputs, [`Spans::taps`] each, with those of zero that pad them.
    pub(super) fn padded_weights(&self) -> &[i32] {
        &self.weights
    }
}

/// The scale of an axis without a detour.
#[derive(Clone, Copy)]
struct Scale {
    /// Inputs from one output to the next.
    step: f64,
    /// Half the width of the filter in inputs.
    support: f64,
    /// One over the widening of the filter.
    inverse: f64,
}

impl Scale {
    fn of(key: AxisKey) -> Self {
        let step = key.input as f64 / key.output as f64;
        let widened = step.max(1.0);
        Self { step, support: key.filter.support() * widened, inverse: 1.0 / widened }
    }

    /// The middle of an output, in inputs.
    fn centre(self, output: usize) -> f64 {
        (output as f64 + 0.5) * self.step
    }
}

/// Divides by the sum, and rounds to fixed point, half away from zero as Pillow does.
fn normalize(values: &[f64], weights: &mut [i32]) {
    let sum = values.iter().fold(0.0, |sum, value| sum + value);
    let divisor = if sum == 0.0 { 1.0 } else { sum };
    for (weight, value) in weights.iter_mut().zip(values) {
        let scaled = value / divisor * f64::from(1 << PRECISION);
        *weight = (scaled + 0.5f64.copysign(scaled)) as i32;
    }
}

#[cfg(test)]
#[path = "axis_tests.rs"]
pub(super) mod tests;
