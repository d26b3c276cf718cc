//! Moves pixels along their rows: `ShearX` and `TranslateX`. `X = (x + 1/2) + shear * (y + 1/2) + offset`, and Y stays.
//!
//! All pixels of a row move by the same distance, so that one set of weights is enough for a row. Float64 rounds the
//! position of each pixel by itself; that matters only for the edges and for the bytes that are computed again.

use std::ops::Range;

use super::super::Picture;
use super::super::truncate::truncate_f64;
use super::padded::{MARGIN, repeat_ends};
use super::taps::{SPARE, interpolate};
use super::{Shift, Workspace, cubic_of_bytes, paint};
use crate::SimdLevel;

/// Moves the rows of a picture.
pub(in super::super) fn move_in_rows(
    level: SimdLevel,
    work: &mut Workspace,
    picture: Picture<'_>,
    shift: Shift,
    fill: [u8; 3],
) {
    let Some(picture) = shift.within_reach(picture, fill) else { return };
    let width = picture.width;
    let (padded, unsure) = (&mut work.row, &mut work.unsure);
    padded.resize(3 * (width + 2 * MARGIN) + SPARE, 0);
    for (y, out) in picture.pixels.chunks_exact_mut(3 * width).enumerate() {
        let distance = Distance { shift: shift.shear * (y as f64 + 0.5), offset: shift.offset };
        let inside = distance.inside(width);
        repeat_ends(out, &mut padded[..3 * (width + 2 * MARGIN)]);
        paint(&mut out[..3 * inside.start], fill);
        paint(&mut out[3 * inside.end..], fill);
        if inside.is_empty() {
            continue;
        }
        let whole = distance.sum().floor();
        // From the pixel before the position's own.
        let taps = &padded[3 * (inside.start as isize + whole as isize - 1 + MARGIN as isize) as usize..];
        let taps = [taps, &taps[3..], &taps[6..], &taps[9..]];
        let out = &mut out[3 * inside.start..3 * inside.end];
        interpolate(level, taps, distance.sum() - whole, out, unsure);
        for &at in unsure.iter() {
            out[at] = distance.exact(padded, 3 * inside.start + at);
        }
    }
}

/// The distance by which the pixels of a row move, in the two parts that are added one after the other.
#[derive(Clone, Copy, Debug)]
struct Distance {
    shift: f64,
    offset: f64,
}

impl Distance {
    /// One of the parts is 0.
    fn sum(self) -> f64 {
        self.shift + self.offset
    }

    /// The source position of pixel `x` as float64 rounds it: monotone in `x`.
    fn position(self, x: usize) -> f64 {
        (x as f64 + 0.5) + self.shift + self.offset
    }

    /// The pixels that come from inside the row.
    fn inside(self, width: usize) -> Range<usize> {
        let start = self.count_below(0.0, width);
        start..self.count_below(width as f64, width).max(start)
    }

    /// The number of the `width` positions that lie below `limit`.
    fn count_below(self, limit: f64, width: usize) -> usize {
        // The cast stops at 0. The guess is right but for roundings.
        let mut count = ((limit - self.sum() + 0.5) as usize).min(width);
        while count > 0 && self.position(count - 1) >= limit {
            count -= 1;
        }
        while count < width && self.position(count) < limit {
            count += 1;
        }
        count
    }

    /// A byte as Pillow computes it: `at` counts from the start of the unpadded row.
    fn exact(self, padded: &[u8], at: usize) -> u8 {
        let position = self.position(at / 3) - 0.5;
        let whole = position.floor();
        let taps = &padded[3 * (whole as isize - 1 + MARGIN as isize) as usize + at % 3..];
        truncate_f64(cubic_of_bytes([taps[0], taps[3], taps[6], taps[9]], position - whole))
    }
}
