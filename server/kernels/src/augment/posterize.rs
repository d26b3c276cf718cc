//! Posterize: keeps the upper `bits` bits of each value, `v & (255 << (8 - bits))`.
//!
//! Sources: Pillow, `ImageOps.posterize`; that 8 and more change nothing is timm's rule. 0 bits give black,
//! as in Pillow up to 12.3.0 (13.0.0 refuses them).

use super::per_level::per_level;

/// Keeps the upper `bits` bits.
pub(super) fn apply(level: crate::SimdLevel, pixels: &mut [u8], bits: u32) {
    if bits < 8 {
        keep(level, pixels, (0xff00_u32 >> bits) as u8);
    }
}

per_level! {
    fn keep(pixels: &mut [u8], mask: u8) {
        for value in pixels {
            *value &= mask;
        }
    }
}
