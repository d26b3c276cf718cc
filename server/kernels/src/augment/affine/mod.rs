//! The common parts of the geometric operations: source positions, taps and bicubic interpolation.
//!
//! An output pixel (x, y) takes the source position, in float64 and evaluated for each pixel by itself,
//!
//! ```text
//! X = a * (x + 1/2) + b * (y + 1/2) + c          Y = d * (x + 1/2) + e * (y + 1/2) + f
//! ```
//!
//! A position outside the picture gets the fill colour, without any blending. Inside, the 4 x 4 pixels around
//! it are interpolated (`cubic`), first along x, then along y; pixels beyond an edge repeat it. Source:
//! Pillow, `Geometry.c`.
//!
//! Shears and translations leave one of the coordinates at the pixels' centres. Its fraction is then exactly
//! 0, the polynomial is its second tap exactly, and only four taps remain ([`taps`]). Rotations need all 16.
//! There is no antialiasing and no other filter.
//!
//! Only the truncated values count, so most are found with less than float64 (`taps`, `rotate/quick`), each with a bound
//! of its error; where that leaves a doubt, the value is computed again in Pillow's order of float64 operations.

mod columns;
mod cubic;
mod padded;
mod rows;
mod shift;
mod taps;

pub(super) use columns::move_in_columns;
pub(super) use cubic::{cubic, cubic_of_bytes};
pub(super) use padded::{LOAD, Padded};
pub(super) use rows::move_in_rows;
pub(super) use shift::Shift;

use super::Picture;

/// Coefficients from here on move every pixel of every picture outside: as exact as to compute it, and no
/// number overflows.
const FAR: f64 = 1e9;

/// Scratch memory of the operations that cannot work in place.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    copy: Vec<u8>,
    row: Vec<u8>,
    columns: columns::Columns,
    /// Bytes of a row that are computed again.
    unsure: Vec<usize>,
}

/// The parts of the workspace of a geometric operation.
pub(super) struct Buffers<'a> {
    pub(super) source: Padded<'a>,
    /// A row of output bytes with a vector's length to spare.
    pub(super) row: &'a mut [u8],
    pub(super) unsure: &'a mut Vec<usize>,
}

impl Workspace {
    /// A plain copy of `pixels`.
    pub(super) fn copied(&mut self, pixels: &[u8]) -> &[u8] {
        self.copy.clear();
        self.copy.extend_from_slice(pixels);
        &self.copy
    }

    /// Copies the picture with its edges repeated, and lends everything that a geometric operation needs.
    pub(super) fn parts(&mut self, picture: &Picture<'_>) -> Buffers<'_> {
        self.row.resize(3 * picture.width + LOAD, 0);
        Buffers { source: Padded::new(&mut self.copy, picture), row: &mut self.row, unsure: &mut self.unsure }
    }
}

/// Whether a map with these coefficients is computed; otherwise it shows only fill colour.
pub(super) fn is_near(coefficients: &[f64]) -> bool {
    coefficients.iter().all(|coefficient| coefficient.abs() < FAR)
}

/// Paints whole pixels.
pub(super) fn paint(pixels: &mut [u8], colour: [u8; 3]) {
    const AT_ONCE: usize = 16;
    let pattern = [colour; AT_ONCE];
    let pattern = pattern.as_flattened();
    for pixels in pixels.chunks_mut(3 * AT_ONCE) {
        // A copy of known length needs no call.
        if pixels.len() == pattern.len() {
            pixels.copy_from_slice(pattern);
        } else {
            pixels.copy_from_slice(&pattern[..pixels.len()]);
        }
    }
}
