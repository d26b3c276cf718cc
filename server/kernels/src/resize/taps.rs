//! Float weights of one axis, and the weights of two resizes joined into one.
//!
//! A resize is linear before its rounding: every output sample is a sum of a few input samples. So two resizes in a row
//! are also such a sum, whose weights are sums of products of their weights. [`Taps::join`] computes them. The result
//! is the picture of both resizes, except for the rounding in between; no new filter is invented. The code uses only
//! multiplications and additions in a fixed order, so the bits are the same everywhere.

use super::filter::{self, Filter};

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
}

/// Weights of neighbouring inputs, for each output; they sum to 1.
#[derive(Debug, Default)]
pub(super) struct Taps {
    made_for: Option<Sampling>,
    /// First input and first weight of each output, and of one output more.
    rows: Vec<(usize, usize)>,
    weights: Vec<f64>,
}

impl Taps {
    /// Forgets all outputs.
    pub(super) fn clear(&mut self) {
        self.made_for = None;
        self.rows.clear();
        self.rows.push((0, 0));
        self.weights.clear();
    }

    /// Number of outputs.
    pub(super) fn outputs(&self) -> usize {
        self.rows.len() - 1
    }

    /// First input of an output, and the weights from there on.
    pub(super) fn row(&self, output: usize) -> (usize, &[f64]) {
        let (start, from) = self.rows[output];
        (start, &self.weights[from..self.rows[output + 1].1])
    }

    /// Computes the weights of a sampling, unless they are there already.
    pub(super) fn fill(&mut self, sampling: Sampling) {
        if self.made_for == Some(sampling) {
            return;
        }
        self.clear();
        match sampling.filter {
            Filter::Bilinear => self.sample(sampling, filter::bilinear),
            Filter::Bicubic => self.sample(sampling, filter::bicubic),
            Filter::Lanczos => self.sample(sampling, filter::lanczos),
        }
        self.made_for = Some(sampling);
    }

    fn sample(&mut self, sampling: Sampling, kernel: impl Fn(f64) -> f64) {
        let widened = sampling.step.max(1.0);
        let support = sampling.filter.support() * widened;
        for output in 0..sampling.outputs {
            let centre = sampling.lead + (output as f64 + 0.5) * sampling.step;
            let start = ((centre - support + 0.5) as usize).min(sampling.inputs - 1);
            let end = ((centre + support + 0.5) as usize).clamp(start + 1, sampling.inputs);
            let row = self.add_row(start, end - start);
            for (weight, input) in row.iter_mut().zip(start..) {
                *weight = kernel((input as f64 - centre + 0.5) / widened);
            }
            let sum: f64 = row.iter().sum();
            for weight in row {
                *weight /= sum;
            }
        }
    }

    /// Replaces these weights by those of `first`, then `then`.
    pub(super) fn join(&mut self, first: &Self, then: &Self) {
        self.clear();
        for output in 0..then.outputs() {
            let (middle, shares) = then.row(output);
            let (start, _) = first.row(middle);
            let (last_start, last) = first.row(middle + shares.len() - 1);
            let row = self.add_row(start, last_start + last.len() - start);
            for (sample, share) in (middle..).zip(shares) {
                let (at, weights) = first.row(sample);
                for (sum, weight) in row[at - start..].iter_mut().zip(weights) {
                    *sum += share * weight;
                }
            }
        }
    }

    /// Appends an output with zero weights for `len` inputs from `start` on.
    fn add_row(&mut self, start: usize, len: usize) -> &mut [f64] {
        let from = self.weights.len();
        self.weights.resize(from + len, 0.0);
        if let Some(row) = self.rows.last_mut() {
            *row = (start, from);
        }
        self.rows.push((0, from + len));
        &mut self.weights[from..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taps(sampling: Sampling) -> Taps {
        let mut taps = Taps::default();
        taps.fill(sampling);
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
            joined.join(&first, &then);
            let expected = apply(&then, &apply(&first, &input));
            for (joined, expected) in apply(&joined, &input).iter().zip(expected) {
                assert!((joined - expected).abs() < 1e-9, "{inputs} -> {middle} -> {outputs}");
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
        taps.fill(sampling);
        taps.weights[0] = 7.0;
        taps.fill(sampling);
        assert_eq!(taps.row(0).1[0], 7.0);
        taps.fill(Sampling::whole(Filter::Lanczos, 224, 160));
        assert_eq!(taps.outputs(), 160);
        assert!(taps.row(0).1[0] < 1.0);
    }
}
