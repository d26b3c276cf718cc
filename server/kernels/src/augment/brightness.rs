//! Brightness: blends with black. Source: Pillow, `ImageEnhance.Brightness`; the blend is in `enhance`.

use super::enhance::{blend, factor};
use super::lookup;
use crate::SimdLevel;

/// Multiplies every value by the factor.
pub(super) fn apply(level: SimdLevel, pixels: &mut [u8], by: f64) {
    let by = factor(by);
    if by != 1.0 {
        let table = std::array::from_fn(|value| blend(0, value as i32, by));
        lookup::apply(level, pixels, &[table; 3]);
    }
}
