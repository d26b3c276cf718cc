//! The lines of a plane that a pass reads and writes, and steps over them.

#![allow(clippy::inline_always, reason = "what is not inlined loses the caller's instructions")]

/// Lines that lie side by side.
#[derive(Clone, Copy)]
pub(super) struct Lines<'a> {
    pub(super) values: &'a [f32],
    pub(super) count: usize,
    /// Distance between the numbers of a line.
    pub(super) stride: usize,
    /// Subtracted from all numbers.
    pub(super) offset: f32,
}

/// Lines that lie one below the other.
pub(super) struct LinesMut<'a> {
    pub(super) values: &'a mut [f32],
    /// Distance between lines.
    pub(super) stride: usize,
}

/// Starts of steps of `size` that cover `count`; the last may overlap the one before.
#[inline(always)]
pub(super) fn starts(count: usize, size: usize) -> impl Iterator<Item = usize> {
    (0..count.div_ceil(size)).map(move |step| (step * size).min(count - size))
}

#[inline(always)]
pub(super) fn chunk<const L: usize>(values: &[f32], at: usize) -> &[f32; L] {
    &values[at..at + L].as_chunks().0[0]
}

#[inline(always)]
pub(super) fn chunk_mut<const L: usize>(values: &mut [f32], at: usize) -> &mut [f32; L] {
    &mut values[at..at + L].as_chunks_mut().0[0]
}
