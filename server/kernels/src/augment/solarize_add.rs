//! `SolarizeAdd`: `min(255, v + add)` below 128, `v` from there on. Source: timm 0.4.12, `solarize_add`.

use super::per_level::per_level;

/// The first value that stays as it is: timm's default, which `RandAugment` never changes.
const THRESHOLD: u8 = 128;

/// Adds to the values below 128.
pub(super) fn apply(level: crate::SimdLevel, pixels: &mut [u8], add: u32) {
    add_below(level, pixels, add.min(255) as u8);
}

per_level! {
    fn add_below(pixels: &mut [u8], add: u8) {
        for value in pixels {
            *value = if *value < THRESHOLD { value.saturating_add(add) } else { *value };
        }
    }
}
