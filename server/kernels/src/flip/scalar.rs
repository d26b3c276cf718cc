//! The flip in plain Rust.

/// Mirrors a row of whole RGB pixels.
pub(super) fn flip(row: &mut [u8]) {
    row.as_chunks_mut::<3>().0.reverse();
}
