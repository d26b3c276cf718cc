//! Sharpness: blends with the smoothed picture; the outermost pixels stay as they are.
//!
//! Smoothing is a 3 x 3 mean with weight 5 in the centre, `S / 13` with `S` the weighted sum, plus 1/2,
//! truncated. Pillow sums in float32, but `S / 13 + 1/2` is an odd number of 26ths, so it stays at least
//! 1/26 away from where truncation jumps: far more than float32 errs. Whole numbers give the same,
//! `(S + 6) / 13`.
//!
//! Sources: Pillow, `ImageFilter.SMOOTH`, `Filter.c`, `ImageEnhance.Sharpness`; the blend is in `enhance`.

use super::Picture;
use super::affine::Workspace;
use super::enhance::{blend, factor};
use super::per_level::per_level;
use crate::SimdLevel;

/// Moves every pixel away from its neighbours, or towards them.
pub(super) fn apply(level: SimdLevel, work: &mut Workspace, picture: Picture<'_>, by: f64) {
    let by = factor(by);
    if by == 1.0 || picture.width < 3 || picture.height < 3 {
        return;
    }
    let stride = 3 * picture.width;
    let copy = work.copied(picture.pixels);
    let windows = copy.windows(3 * stride).step_by(stride);
    for (row, window) in picture.pixels.chunks_exact_mut(stride).skip(1).zip(windows) {
        let (above, rest) = window.split_at(stride);
        let (middle, below) = rest.split_at(stride);
        blend_row(level, [above, middle, below], by, &mut row[3..stride - 3]);
    }
}

/// `sum / 13` for sums up to 3321, all that nine bytes of weight 13 and the rounding can reach.
#[inline(always)]
#[allow(clippy::inline_always, reason = "must be compiled for its caller's SIMD level")]
fn thirteenth(sum: u16) -> u16 {
    ((u32::from(sum) * 5042) >> 16) as u16
}

per_level! {
    /// The inner pixels of a row, from the row itself and those above and below.
    fn blend_row(rows: [&[u8]; 3], by: f32, out: &mut [u8]) {
        let length = out.len();
        // The columns to the left, the same, and those to the right.
        let [above, middle, below] = rows.map(|row| [&row[..length], &row[3..][..length], &row[6..][..length]]);
        for (i, out) in out.iter_mut().enumerate() {
            let sum = |row: [&[u8]; 3]| u16::from(row[0][i]) + u16::from(row[1][i]) + u16::from(row[2][i]);
            let centre = u16::from(middle[1][i]);
            let smooth = thirteenth(sum(above) + sum(middle) + sum(below) + 4 * centre + 6);
            *out = blend(i32::from(smooth), i32::from(centre), by);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_give_what_float32_gives_for_every_sum() {
        for sum in 0..=13 * 255_u16 {
            let whole = thirteenth(sum + 6);
            assert_eq!(whole, (sum + 6) / 13);
            // The largest error that nine float32 roundings below 256 can leave, taken either way.
            let exact = f64::from(sum) / 13.0 + 0.5;
            assert_eq!((exact - 2e-4) as u16, whole);
            assert_eq!((exact + 2e-4) as u16, whole);
        }
    }
}
