//! The integer weights of one axis of a resize, and the forms in which the SIMD kernels read them.
//!
//! Pillow's 8-bit resize (`pipeline.md` c.3): every output sample is a sum of a few input samples times
//! weights with 22 fractional bits, rounded and clamped to 8 bits. The vector kernels want products of
//! narrower numbers, so a weight `q` is also stored split, without any loss:
//!
//! - as `high * 2^11 + low` with `low` in `0..2^11`: both are 16-bit numbers, and two of them at a time go
//!   through `pmaddwd` (the pairs);
//! - as `b2 * 2^16 + b1 * 2^8 + b0` with signed bytes: four at a time go through `vpdpbusd` (the quads).
//!
//! All sums are taken modulo 2^32, where shifting and adding the partial sums gives exactly the plain sum.
//! The splits fit because a normalised weight is below 1.5: the kernels are at most 1 and the sum that
//! divides them is at least 0.47 (the two taps that Lanczos keeps at the edge of two pixels). Joined weights
//! (`detour`) stay below 2; tests try the sizes that occur.
#![cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "only x86-64 kernels read split weights"))]

use super::bicubic::{self, OUTPUTS, Places};
use super::detour::{Detour, Joiner};
use super::filter::{self, Filter, PRECISION};
use super::taps::Taps;
use crate::SimdLevel;

/// One half in weight units: the start of every sum, so that the final shift rounds.
pub(super) const HALF: i32 = 1 << (PRECISION - 1);

/// Bits of the low part of a pair weight.
pub(super) const PAIR_SHIFT: i32 = 11;

/// Taps that one table entry of the quads (or two of the pairs) covers; all tables are padded to it.
pub(super) const GROUP: usize = 4;

/// Output pixels that the AVX2 kernel makes at once; tables are padded to it.
pub(super) const BLOCK: usize = 4;

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

/// Two taps: the 16-bit high parts in one word, the 11-bit low parts in another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Pair {
    pub(super) high: i32,
    pub(super) low: i32,
}

/// Four taps: their signed bytes, least significant part first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Quad(pub(super) [i32; 3]);

/// The weights of an axis. Its buffers are reused by [`Axis::rebuild`].
#[derive(Debug, Default)]
pub(super) struct Axis {
    outputs: usize,
    groups: usize,
    starts: Vec<u32>,
    counts: Vec<u32>,
    weights: Vec<i32>,
    pairs: Vec<Pair>,
    quads: Vec<Quad>,
    values: Vec<[f64; OUTPUTS]>,
}

impl Axis {
    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        size_of::<u32>() * (self.starts.capacity() + self.counts.capacity() + self.weights.capacity())
            + size_of::<Pair>() * self.pairs.capacity()
            + size_of::<Quad>() * self.quads.capacity()
            + size_of::<[f64; OUTPUTS]>() * self.values.capacity()
    }

    /// Computes the weights of `key`, reusing the memory of the weights before.
    pub(super) fn rebuild(&mut self, level: SimdLevel, key: AxisKey, joiner: &mut Joiner) {
        match (key.detour, key.filter) {
            (Some(detour), _) => self.take(joiner.join(level, key.filter, key.input, key.output, detour)),
            (None, Filter::Bilinear) => self.fill(key, filter::bilinear),
            (None, Filter::Bicubic) => self.fill_bicubic(level, key),
            (None, Filter::Lanczos) => self.fill(key, filter::lanczos),
        }
        self.pad_outputs();
    }

    fn fill(&mut self, key: AxisKey, kernel: impl Fn(f64) -> f64) {
        let scale = Scale::of(key);
        let taps = self.place(key, scale);
        self.values.resize(self.values.len().max(taps), [0.0; OUTPUTS]);
        for (i, weights) in self.weights.chunks_exact_mut(taps).take(key.wanted).enumerate() {
            let start = self.starts[i];
            let values = &mut self.values.as_flattened_mut()[..self.counts[i] as usize];
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
                places.starts[i] = self.starts[first + i];
                places.counts[i] = self.counts[first + i];
            }
            bicubic::weigh(level, &places, scale.inverse, &mut self.values[..taps], weights);
        }
    }

    /// Finds the inputs of each output and makes room for their weights; gives the stored taps per output.
    fn place(&mut self, key: AxisKey, scale: Scale) -> usize {
        self.starts.clear();
        self.counts.clear();
        for i in 0..key.wanted {
            let centre = scale.centre(key.first + i);
            let start = ((centre - scale.support + 0.5) as usize).min(key.input - 1);
            let end = ((centre + scale.support + 0.5) as usize).clamp(start + 1, key.input);
            self.starts.push(start as u32);
            self.counts.push((end - start) as u32);
        }
        // The bound that follows from the support is often a whole group more.
        let longest = self.counts.iter().max().map_or(1, |&count| count as usize);
        self.clear_weights(key.wanted, longest)
    }

    /// Takes weights over from elsewhere.
    fn take(&mut self, from: &Taps) {
        let rows = || (0..from.outputs()).map(|output| from.row(output));
        let longest = rows().map(|(_, weights)| weights.len()).max().unwrap_or(1);
        self.starts.clear();
        self.counts.clear();
        let taps = self.clear_weights(from.outputs(), longest);
        for ((start, values), weights) in rows().zip(self.weights.chunks_exact_mut(taps)) {
            normalize(values, weights);
            self.starts.push(start as u32);
            self.counts.push(values.len() as u32);
        }
    }

    /// Forgets the weights before and makes room for zeros; gives the stored taps per output, at least `longest`.
    fn clear_weights(&mut self, outputs: usize, longest: usize) -> usize {
        self.outputs = outputs;
        self.groups = longest.div_ceil(GROUP);
        self.pairs.clear();
        self.quads.clear();
        self.weights.clear();
        self.weights.resize(outputs.next_multiple_of(BLOCK) * self.taps(), 0);
        self.taps()
    }

    /// Repeats the last output, without weight, until whole blocks are full.
    fn pad_outputs(&mut self) {
        let padded = self.outputs.next_multiple_of(BLOCK);
        let last = self.starts[self.outputs - 1];
        self.starts.resize(padded, last);
        self.counts.resize(padded, 1);
    }

    /// Makes [`Axis::pairs`], if they are not there.
    pub(super) fn split_pairs(&mut self) {
        if self.pairs.is_empty() {
            self.pairs.extend(self.weights.as_chunks().0.iter().map(|&taps| Pair::new(taps)));
        }
    }

    /// Makes [`Axis::quads`], if they are not there.
    pub(super) fn split_quads(&mut self) {
        if self.quads.is_empty() {
            self.quads.extend(self.weights.as_chunks().0.iter().map(Quad::new));
        }
    }

    /// Number of outputs that are wanted, without padding.
    pub(super) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Stored taps per output: a multiple of [`GROUP`], padded with zero weights.
    pub(super) fn taps(&self) -> usize {
        self.groups * GROUP
    }

    /// Stored groups of [`GROUP`] taps per output.
    pub(super) fn groups(&self) -> usize {
        self.groups
    }

    /// First input of each output; repeated up to a multiple of [`BLOCK`] outputs. Never falls.
    pub(super) fn starts(&self) -> &[u32] {
        &self.starts
    }

    /// First input of an output.
    pub(super) fn start(&self, output: usize) -> usize {
        self.starts[output] as usize
    }

    /// Inputs that an output really reads, at least 1; all of them exist.
    pub(super) fn count(&self, output: usize) -> usize {
        self.counts[output] as usize
    }

    /// The real weights of an output.
    pub(super) fn weights(&self, output: usize) -> &[i32] {
        &self.weights[output * self.taps()..][..self.count(output)]
    }

    /// All pairs, `2 * groups` per output; empty unless they were split.
    pub(super) fn pairs(&self) -> &[Pair] {
        &self.pairs
    }

    /// All quads, `groups` per output; empty unless they were split.
    pub(super) fn quads(&self) -> &[Quad] {
        &self.quads
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

impl Pair {
    fn new([a, b]: [i32; 2]) -> Self {
        let mask = (1 << PAIR_SHIFT) - 1;
        let high = u32::from((a >> PAIR_SHIFT) as u16) | u32::from((b >> PAIR_SHIFT) as u16) << 16;
        Self { high: high as i32, low: (a & mask) | (b & mask) << 16 }
    }
}

impl Quad {
    pub(super) fn new(weights: &[i32; GROUP]) -> Self {
        let [a, b, c, d] = weights.map(signed_digits);
        let part = |shift: u32| {
            let byte = |digits: u32| digits >> shift & 0xff;
            (byte(a) | byte(b) << 8 | byte(c) << 16 | byte(d) << 24) as i32
        };
        Self([part(0), part(8), part(16)])
    }
}

/// The three digits of a weight in base 256 with digits of -128..=127, as the low bytes of a word.
///
/// With 128 added to every digit they are the plain bytes of a sum; flipping the upper bits takes it off.
fn signed_digits(weight: i32) -> u32 {
    const BIAS: u32 = 0x80_8080;
    (weight as u32).wrapping_add(BIAS) ^ BIAS
}

#[cfg(test)]
#[path = "axis_tests.rs"]
mod tests;
