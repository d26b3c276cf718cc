//! A copy of the picture with two pixels repeated beyond each edge: what taps outside the picture read.

use super::super::Picture;
use super::taps::SPARE;

/// Pixels beyond each edge: positions inside the picture reach no further.
pub(super) const MARGIN: usize = 2;

/// Bytes that kernels load or compute at once, and may read or write beyond what they need.
pub(in super::super) const LOAD: usize = 16;

/// The copy; lives in memory that is reused.
#[derive(Clone, Copy)]
pub(in super::super) struct Padded<'a> {
    bytes: &'a [u8],
    stride: usize,
    /// The last row below the picture.
    last: isize,
}

impl<'a> Padded<'a> {
    /// Copies a picture into `memory`.
    pub(super) fn new(memory: &'a mut Vec<u8>, picture: &Picture<'_>) -> Self {
        let stride = 3 * (picture.width + 2 * MARGIN);
        memory.resize(stride * (picture.height + 2 * MARGIN) + SPARE, 0);
        for (y, row) in memory.chunks_exact_mut(stride).enumerate() {
            let y = y.saturating_sub(MARGIN).min(picture.height - 1);
            repeat_ends(&picture.pixels[3 * picture.width * y..][..3 * picture.width], row);
        }
        Self { bytes: memory, stride, last: (picture.height - 1 + MARGIN) as isize }
    }

    /// The bytes of row `y` from its first own pixel on.
    ///
    /// # Panics
    ///
    /// If it is more than two rows beyond the picture.
    pub(super) fn row(&self, y: isize) -> &'a [u8] {
        &self.bytes[(y + MARGIN as isize) as usize * self.stride + 3 * MARGIN..]
    }

    /// The row, from two before to two behind the picture, that is nearest to `y`.
    pub(super) fn nearest(&self, y: isize) -> isize {
        y.clamp(-(MARGIN as isize), self.last)
    }

    /// All bytes, with some to spare behind the last row.
    pub(in super::super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Bytes from one row to the next.
    pub(in super::super) fn stride(&self) -> usize {
        self.stride
    }

    /// The bytes from the first tap on of a position between pixels (`x`, `y`) and (`x + 1`, `y + 1`), which
    /// is one pixel up and left of that.
    ///
    /// # Panics
    ///
    /// If `x` is not in -1..width or `y` not in -1..height, as far as it matters.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "a call for each pixel would cost as much as the pixel")]
    pub(in super::super) fn taps(&self, x: i32, y: i32) -> &'a [u8] {
        let column = (x + MARGIN as i32 - 1) as usize;
        let row = (y + MARGIN as i32 - 1) as usize;
        &self.bytes[row * self.stride + 3 * column..]
    }

    /// As [`Padded::taps`], exactly the bytes up to a whole load of the last of the four rows.
    ///
    /// # Panics
    ///
    /// As there.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "a call for each pixel would cost as much as the pixel")]
    pub(in super::super) fn four_rows(&self, x: i32, y: i32) -> &'a [u8] {
        &self.taps(x, y)[..3 * self.stride + LOAD]
    }
}

/// Copies a row of pixels into the middle of a longer one, and repeats its first and last pixel before and behind.
pub(super) fn repeat_ends(from: &[u8], to: &mut [u8]) {
    let (left, rest) = to.split_at_mut(3 * MARGIN);
    let (middle, right) = rest.split_at_mut(from.len());
    left.as_chunks_mut::<3>().0.fill([from[0], from[1], from[2]]);
    middle.copy_from_slice(from);
    let [.., red, green, blue] = from else { return };
    right.as_chunks_mut::<3>().0.fill([*red, *green, *blue]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_are_repeated_twice() {
        let mut pixels = [1, 2, 3, 4, 5, 6];
        let mut memory = Vec::new();
        let padded = Padded::new(&mut memory, &Picture { pixels: &mut pixels, width: 2, height: 1 });
        let row = [1, 2, 3, 1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6, 4, 5, 6];
        for y in -1..=3 {
            assert_eq!(padded.taps(-1, y)[..18], row);
        }
        assert_eq!(padded.taps(1, 2)[..12], row[6..]);
        assert_eq!(padded.taps(-1, -1).len(), 18 * 5 + SPARE);
    }
}
