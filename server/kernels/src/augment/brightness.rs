//! Brightness: blends with black. Source: Pillow, `ImageEnhance.Brightness`; the blend is in `enhance`.

use super::enhance::{blend, factor};
use super::per_level::per_level;
use crate::SimdLevel;

/// Multiplies every value by the factor.
pub(super) fn apply(level: SimdLevel, pixels: &mut [u8], by: f64) {
    let by = factor(by);
    if by != 1.0 {
        multiply(level, pixels, by);
    }
}

per_level! {
    fn multiply(pixels: &mut [u8], by: f32) {
        for value in pixels {
            *value = blend(0, i32::from(*value), by);
        }
    }
}
