//! Invert: `255 - v`. Source: Pillow, `ImageOps.invert`.

use super::per_level::per_level;

per_level! {
    /// Inverts every value.
    pub(super) fn apply(pixels: &mut [u8]) {
        for value in pixels {
            *value = 255 - *value;
        }
    }
}
