//! Solarize: `v` below the threshold, `255 - v` from there on. Source: Pillow, `ImageOps.solarize`.

use super::per_level::per_level;

/// Inverts the values that are at least `threshold`.
pub(super) fn apply(level: crate::SimdLevel, pixels: &mut [u8], threshold: u32) {
    if let Ok(threshold) = u8::try_from(threshold) {
        invert_from(level, pixels, threshold);
    }
}

per_level! {
    fn invert_from(pixels: &mut [u8], threshold: u8) {
        for value in pixels {
            *value = if *value < threshold { *value } else { 255 - *value };
        }
    }
}
