//! `ShearX`: bicubic; the pivot is the top left corner. `X = (x + 1/2) + shear * (y + 1/2)`.
//!
//! Sources: timm 0.4.12, `shear_x`; Pillow, `Geometry.c`.

use super::Picture;
use super::affine::{Shift, Workspace, move_in_rows};
use crate::SimdLevel;

/// Shears the picture; 0 changes nothing.
pub(super) fn apply(level: SimdLevel, work: &mut Workspace, picture: Picture<'_>, shear: f64, fill: [u8; 3]) {
    move_in_rows(level, work, picture, Shift { shear, offset: 0.0 }, fill);
}
