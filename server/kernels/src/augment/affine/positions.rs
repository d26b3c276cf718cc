//! One coordinate of the source positions of a row of output: whole part, fraction, and what lies inside.

use std::ops::Range;

use super::super::per_level::per_level;
use super::super::truncate::whole_i32;
use super::padded::LOAD;
use crate::SimdLevel;

/// A coordinate along a row: `(slope * (x + 1/2) + shift) + offset`, in this order.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Line {
    pub(in super::super) slope: f64,
    pub(in super::super) shift: f64,
    pub(in super::super) offset: f64,
    /// The side of the picture: positions from 0 up to here, without it, lie inside.
    pub(in super::super) limit: usize,
    /// The origin of whole parts: 1 for the output pixel's own column, 0 for the picture's edge.
    pub(in super::super) origin: f64,
}

/// The coordinate of each element of a row.
#[derive(Debug, Default)]
pub(in super::super) struct Positions {
    centres: Vec<f64>,
    whole: Vec<i32>,
    fraction: Vec<f64>,
}

impl Positions {
    /// Prepares rows of `width` pixels with `each` elements per pixel.
    pub(in super::super) fn reset(&mut self, width: usize, each: usize) {
        self.centres.clear();
        self.centres.extend((0..width * each).map(|i| (i / each) as f64 + 0.5));
        self.whole.resize(width * each + LOAD, 0);
        self.fraction.resize(width * each + LOAD, 0.0);
    }

    /// Computes a row, and says which elements lie inside: the coordinate is monotone, even rounded.
    pub(in super::super) fn compute(&mut self, level: SimdLevel, line: Line) -> Range<usize> {
        let counts = compute(level, line, &self.centres, &mut self.whole, &mut self.fraction);
        let [before_edge, before_limit] = counts.map(|count| count as usize);
        if line.slope >= 0.0 {
            before_edge..before_limit
        } else {
            self.centres.len() - before_limit..self.centres.len() - before_edge
        }
    }

    /// The pixel at or before each position, counted from the line's origin; behind the row anything.
    pub(in super::super) fn whole(&self) -> &[i32] {
        &self.whole
    }

    /// The distance of each position after that pixel, 0..=1 (1 is what rounding makes of just below).
    pub(in super::super) fn fraction(&self) -> &[f64] {
        &self.fraction
    }
}

per_level! {
    /// Returns how many positions lie below 0, and how many below the limit.
    fn compute(line: Line, centres: &[f64], whole: &mut [i32], fraction: &mut [f64]) -> [u64; 2] {
        let (whole, fraction) = (&mut whole[..centres.len()], &mut fraction[..centres.len()]);
        let limit = line.limit as f64;
        let mut counts = [0; 2];
        for (i, &centre) in centres.iter().enumerate() {
            let position = line.slope * centre + line.shift + line.offset;
            counts[0] += u64::from(position < 0.0);
            counts[1] += u64::from(position < limit);
            let position = position - 0.5;
            let floor = position.floor();
            fraction[i] = position - floor;
            whole[i] = whole_i32(floor - line.origin * (centre - 0.5));
        }
        counts
    }
}
