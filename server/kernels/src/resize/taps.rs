//! Float weights of one axis, and the weights of two resizes joined into one.
//!
//! A resize is linear before its rounding: every output sample is a sum of a few input samples. So two resizes in a row
//! are also such a sum, whose weights are sums of products of their weights. [`Taps::join`] computes them. The result
//! is the picture of both resizes, except for the rounding in between; no new filter is invented. The code uses only
//! multiplications and additions in a fixed order, so the bits are the same everywhere.

use super::filter::{self, Filter};
use crate::SimdLevel;
use crate::augment::per_level::per_level;

/// The positions of the output samples of an axis among its input samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sampling {
    pub(super) filter: Filter,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// Input samples from one output sample to the next; above 1 the filter is widened by it.
    pub(super) step: f64,
    /// Input samples before the first output sample's own stretch; it may also begin before them.
    pub(super) lead: f64,
}

impl Sampling {
    /// The resize of a whole axis.
    pub(super) fn whole(filter: Filter, inputs: usize, outputs: usize) -> Self {
        Self { filter, inputs, outputs, step: inputs as f64 / outputs as f64, lead: 0.0 }
    }

    /// The middle of an output's stretch, in inputs.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "must be compiled for its caller's SIMD level")]
    fn centre(self, output: usize) -> f64 {
        self.lead + (output as f64 + 0.5) * self.step
    }

    /// The widening of the filter.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "must be compiled for its caller's SIMD level")]
    fn widened(self) -> f64 {
        self.step.max(1.0)
    }
}

/// Weights are stored in vectors of so many. Rows are filled up with zeros, and have a vector of zeros on either side.
const VECTOR: usize = 8;

/// Weights of neighbouring inputs, for each output; they sum to 1.
#[derive(Debug, Default)]
pub(super) struct Taps {
    made_for: Option<Sampling>,
    /// First input of each output, and number of its weights.
    rows: Vec<(usize, usize)>,
    /// Vectors of an output, with those of zeros.
    vectors: usize,
    weights: Vec<[f64; VECTOR]>,
}

impl Taps {
    /// Number of outputs.
    pub(super) fn outputs(&self) -> usize {
        self.rows.len()
    }

    /// First input of an output, and the weights from there on.
    pub(super) fn row(&self, output: usize) -> (usize, &[f64]) {
        let (start, len) = self.rows[output];
        (start, &self.stored(output)[VECTOR..][..len])
    }

    /// The weights of an output with the zeros around them.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "must be compiled for its caller's SIMD level")]
    fn stored(&self, output: usize) -> &[f64] {
        self.weights[output * self.vectors..][..self.vectors].as_flattened()
    }

    /// Computes the weights of a sampling, unless they are there already.
    pub(super) fn fill(&mut self, level: SimdLevel, sampling: Sampling) {
        if self.made_for == Some(sampling) {
            return;
        }
        self.place(sampling);
        match sampling.filter {
            Filter::Bilinear => self.sample(sampling, filter::bilinear),
            Filter::Bicubic => sample_bicubic(level, sampling, &self.rows, self.vectors, &mut self.weights),
            Filter::Lanczos => self.sample(sampling, filter::lanczos),
        }
        self.made_for = Some(sampling);
    }

    /// Finds the inputs of all outputs and makes room for their weights.
    fn place(&mut self, sampling: Sampling) {
        self.rows.clear();
        let support = sampling.filter.support() * sampling.widened();
        for output in 0..sampling.outputs {
            let centre = sampling.centre(output);
            let start = ((centre - support + 0.5) as usize).min(sampling.inputs - 1);
            let end = ((centre + support + 0.5) as usize).clamp(start + 1, sampling.inputs);
            self.rows.push((start, end - start));
        }
        let longest = self.rows.iter().map(|&(_, len)| len).max().unwrap_or(1);
        self.make_room(longest);
    }

    /// Zeros for all rows, each of up to `longest` weights.
    fn make_room(&mut self, longest: usize) {
        self.vectors = longest.div_ceil(VECTOR) + 2;
        self.weights.clear();
        self.weights.resize(self.rows.len() * self.vectors, [0.0; VECTOR]);
    }

    fn sample(&mut self, sampling: Sampling, kernel: impl Fn(f64) -> f64) {
        let rows = self.weights.chunks_exact_mut(self.vectors);
        for (output, (row, &(start, len))) in rows.zip(&self.rows).enumerate() {
            let row = &mut row.as_flattened_mut()[VECTOR..][..len];
            for (weight, input) in row.iter_mut().zip(start..) {
                *weight = kernel((input as f64 - sampling.centre(output) + 0.5) / sampling.widened());
            }
            let sum: f64 = row.iter().sum();
            for weight in row {
                *weight /= sum;
            }
        }
    }

    /// Replaces these weights by those of `first`, then `then`.
    pub(super) fn join(&mut self, level: SimdLevel, first: &Self, then: &Self) {
        self.made_for = None;
        self.rows.clear();
        for &(middle, shares) in &then.rows {
            let (start, _) = first.rows[middle];
            let (last_start, last) = first.rows[middle + shares - 1];
            self.rows.push((start, last_start + last - start));
        }
        let longest = self.rows.iter().map(|&(_, len)| len).max().unwrap_or(1);
        self.make_room(longest);
        let inner = 1..self.vectors - 1;
        for (output, row) in self.weights.chunks_exact_mut(self.vectors).enumerate() {
            let (middle, shares) = then.row(output);
            let samples = Samples { first, middle, start: self.rows[output].0 };
            add_samples(level, samples, shares, &mut row[inner.clone()]);
        }
    }
}

/// Neighbouring outputs of a first resize, from `middle` on, and the input at which their sum begins.
#[derive(Clone, Copy)]
struct Samples<'a> {
    first: &'a Taps,
    middle: usize,
    start: usize,
}

per_level! {
    /// As [`Taps::sample`], a vector of inputs at a time.
    fn sample_bicubic(
        sampling: Sampling,
        rows: &[(usize, usize)],
        vectors: usize,
        weights: &mut [[f64; VECTOR]],
    ) {
        for (output, (row, &(start, len))) in weights.chunks_exact_mut(vectors).zip(rows).enumerate() {
            let (centre, widened) = (sampling.centre(output), sampling.widened());
            let inner = 1..row.len() - 1;
            let row = &mut row[inner];
            for (number, weights) in row.iter_mut().enumerate() {
                for (i, weight) in weights.iter_mut().enumerate() {
                    let place = (VECTOR * number + i) as u32;
                    // Inputs are below 2^31.
                    let input = f64::from((start as u32 + place).cast_signed());
                    let value = filter::bicubic((input - centre + 0.5) / widened);
                    *weight = if place < len as u32 { value } else { 0.0 };
                }
            }
            let sum: f64 = row.as_flattened()[..len].iter().sum();
            for weight in row.as_flattened_mut() {
                *weight /= sum;
            }
        }
    }
}

per_level! {
    /// Puts the sum of all samples' weights, each times its share, into a row: a vector of the row after the other, since
    /// sums in memory would be read before they are there.
    fn add_samples(samples: Samples<'_>, shares: &[f64], row: &mut [[f64; VECTOR]]) {
        let Samples { first, middle, start } = samples;
        for (number, sums) in row.iter_mut().enumerate() {
            let mut total = [0.0; VECTOR];
            for (sample, share) in (middle..).zip(shares) {
                // Samples begin further and further behind.
                let behind = first.rows[sample].0 - start;
                let Some(from) = (VECTOR * (number + 1)).checked_sub(behind) else { break };
                let Some(weights) = first.stored(sample).get(from..from + VECTOR) else { continue };
                for (total, weight) in total.iter_mut().zip(weights) {
                    *total += share * weight;
                }
            }
            *sums = total;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taps(sampling: Sampling) -> Taps {
        let mut taps = Taps::default();
        taps.fill(SimdLevel::detect(), sampling);
        taps
    }

    fn apply(taps: &Taps, input: &[f64]) -> Vec<f64> {
        let sum = |(start, weights): (usize, &[f64])| {
            weights.iter().zip(&input[start..]).map(|(weight, value)| weight * value).sum()
        };
        (0..taps.outputs()).map(|output| sum(taps.row(output))).collect()
    }

    #[test]
    fn joined_weights_do_what_the_two_do_one_after_the_other() {
        for (inputs, middle, outputs) in
            [(350, 224, 96), (91, 224, 160), (1, 224, 96), (3, 5, 2), (500, 7, 7)]
        {
            let input: Vec<f64> = (0..inputs).map(|i| f64::from(i * 37 % 101)).collect();
            let first = taps(Sampling::whole(Filter::Bicubic, inputs as usize, middle));
            let then = taps(Sampling::whole(Filter::Lanczos, middle, outputs));
            let mut joined = Taps::default();
            joined.join(SimdLevel::detect(), &first, &then);
            let expected = apply(&then, &apply(&first, &input));
            for (joined, expected) in apply(&joined, &input).iter().zip(expected) {
                assert!((joined - expected).abs() < 1e-9, "{inputs} -> {middle} -> {outputs}");
            }
        }
    }

    #[test]
    fn every_level_has_the_bits_of_the_plain_code() {
        for (inputs, outputs, lead) in
            [(350, 224, 0.0), (91, 224, 0.5), (3, 40, 0.25), (1999, 31, 0.0), (1, 1, 0.0)]
        {
            let sampling = Sampling { lead, ..Sampling::whole(Filter::Bicubic, inputs, outputs) };
            let mut plain = Taps::default();
            plain.place(sampling);
            plain.sample(sampling, filter::bicubic);
            let then = taps(Sampling::whole(Filter::Lanczos, outputs, outputs.div_ceil(3)));
            let naive = |output: usize| {
                let (middle, shares) = then.row(output);
                let mut sums = vec![0.0; inputs];
                for (sample, share) in (middle..).zip(shares) {
                    let (at, weights) = plain.row(sample);
                    for (sum, weight) in sums[at..].iter_mut().zip(weights) {
                        *sum += share * weight;
                    }
                }
                sums
            };
            for level in SimdLevel::available() {
                let mut filled = Taps::default();
                filled.fill(level, sampling);
                for output in 0..outputs {
                    assert_eq!(
                        filled.row(output),
                        plain.row(output),
                        "{level} {inputs} -> {outputs}: {output}"
                    );
                }
                let mut joined = Taps::default();
                joined.join(level, &filled, &then);
                for output in 0..then.outputs() {
                    let (start, weights) = joined.row(output);
                    assert_eq!(
                        weights,
                        &naive(output)[start..][..weights.len()],
                        "{level} {inputs} {output}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_lead_shifts_and_a_step_below_one_interpolates() {
        // Pixels of a picture at half its size, from its second original pixel on: quarters between samples.
        let half = Sampling { filter: Filter::Bilinear, inputs: 10, outputs: 8, step: 0.5, lead: 0.5 };
        let ramp: Vec<f64> = (0..10).map(f64::from).collect();
        let values = apply(&taps(half), &ramp);
        assert_eq!(values, [0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.25, 3.75]);
    }

    #[test]
    fn weights_are_kept_for_the_same_sampling() {
        let mut taps = Taps::default();
        let sampling = Sampling::whole(Filter::Lanczos, 224, 96);
        taps.fill(SimdLevel::detect(), sampling);
        taps.weights[1][0] = 7.0;
        taps.fill(SimdLevel::detect(), sampling);
        assert_eq!(taps.row(0).1[0], 7.0);
        taps.fill(SimdLevel::detect(), Sampling::whole(Filter::Lanczos, 224, 160));
        assert_eq!(taps.outputs(), 160);
        assert!(taps.row(0).1[0] < 1.0);
    }
}
