//! Contrast: blends with the mean grey, `trunc(mean + 0.5)` of the grey picture.
//!
//! The mean is a quotient of whole numbers in float64. Source: Pillow, `ImageEnhance.Contrast` and
//! `ImageStat`; blend and grey are in `enhance`.

use super::enhance::{blend, factor, grey};
use super::lookup;
use super::per_level::per_level;
use crate::SimdLevel;

/// Moves every value away from the mean grey, or towards it.
pub(super) fn apply(level: SimdLevel, pixels: &mut [u8], by: f64) {
    let by = factor(by);
    if by != 1.0 {
        let mean = sum_of_greys(level, pixels) as f64 / (pixels.len() / 3) as f64;
        let mean = (mean + 0.5) as i32;
        let table = std::array::from_fn(|value| blend(mean, value as i32, by));
        lookup::apply(level, pixels, &[table; 3]);
    }
}

per_level! {
    fn sum_of_greys(pixels: &[u8]) -> u64 {
        // 2^16 greys cannot overflow the inner sum.
        let parts = pixels.as_chunks::<3>().0.chunks(1 << 16);
        parts.map(|part| part.iter().map(|&pixel| grey(pixel) as u32).sum::<u32>()).map(u64::from).sum()
    }
}
