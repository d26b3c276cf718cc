//! The blend with grey in plain Rust.

use super::super::enhance::{blend, grey};

/// Blends each whole pixel.
pub(super) fn blend_with_grey(pixels: &mut [u8], by: f32) {
    for pixel in pixels.as_chunks_mut::<3>().0 {
        let grey = grey(*pixel);
        *pixel = pixel.map(|value| blend(grey, i32::from(value), by));
    }
}
