//! Tables in plain Rust.

use super::Table;

/// Replaces each value of whole pixels by what its channel's table says.
pub(super) fn apply(pixels: &mut [u8], tables: &[Table; 3]) {
    for pixel in pixels.as_chunks_mut::<3>().0 {
        for (value, table) in pixel.iter_mut().zip(tables) {
            *value = table[usize::from(*value)];
        }
    }
}
