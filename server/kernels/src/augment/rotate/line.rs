//! One coordinate of the source positions of a row of output, as float64 rounds it.

use std::ops::Range;

use super::super::per_level::per_level;
use super::super::truncate::whole_i32;

/// A coordinate along a row: `(slope * (x + 1/2) + shift) + offset`, in this order. It is monotone in `x`, even rounded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) slope: f64,
    pub(super) shift: f64,
    pub(super) offset: f64,
}

impl Line {
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "must be compiled for its caller's SIMD level")]
    pub(super) fn position(self, x: usize) -> f64 {
        self.slope * (x as f64 + 0.5) + self.shift + self.offset
    }

    /// Which of the first `width` positions lie from 0 up to `limit`, without it.
    pub(super) fn inside(self, width: usize, limit: usize) -> Range<usize> {
        let (first, second) = if self.slope >= 0.0 { (0.0, limit as f64) } else { (limit as f64, 0.0) };
        self.count_before(first, width)..self.count_before(second, width)
    }

    /// The number of the first `width` positions that lie before the crossing of `limit`: below it if the line rises, and else
    /// not below.
    fn count_before(self, limit: f64, width: usize) -> usize {
        let is_before = |x: usize| (self.position(x) < limit) == (self.slope >= 0.0);
        // Right but for roundings; the cast makes any number one of the row's.
        let guess = (((limit - self.shift - self.offset) / self.slope + 0.5) as usize).min(width);
        if (guess == 0 || is_before(guess - 1)) && (guess == width || !is_before(guess)) {
            return guess;
        }
        let (mut low, mut high) = (0, width);
        while low < high {
            let middle = low.midpoint(high);
            if is_before(middle) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

per_level! {
    /// From pixel `first` on, the pixel at or before each position, and the distance of the position after that pixel,
    /// 0..=1 (1 is what rounding makes of just below).
    pub(super) fn split(line: Line, first: usize, whole: &mut [i32], fraction: &mut [f64]) {
        for (i, (whole, fraction)) in whole.iter_mut().zip(fraction).enumerate() {
            let position = line.position(first + i) - 0.5;
            let floor = position.floor();
            *whole = whole_i32(floor);
            *fraction = position - floor;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inside_is_what_each_position_says() {
        let slopes = [0.0, -0.0, 1.0, -1.0, 0.3, -0.7, 1e-15, -1e-15, 0.999_999, 1e-300];
        let offsets = [0.0, 0.5, -0.5, 3.0, -3.0, 7.25, 1e-17, -1e-17, 40.0, -40.0, 1e8, 11.3];
        for slope in slopes {
            for (shift, offset) in offsets.into_iter().flat_map(|a| offsets.map(|b| (a, b))) {
                let line = Line { slope, shift, offset };
                for width in [1, 2, 17, 40] {
                    let inside = line.inside(width, 11);
                    for x in 0..width {
                        let is_inside = line.position(x) >= 0.0 && line.position(x) < 11.0;
                        assert_eq!(inside.contains(&x), is_inside, "{line:?} {width} {x}");
                    }
                }
            }
        }
    }
}
