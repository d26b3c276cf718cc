//! `ShearY`: bicubic; the pivot is the top left corner. `Y = shear * (x + 1/2) + (y + 1/2)`.
//!
//! Sources: timm 0.4.12, `shear_y`; Pillow, `Geometry.c`.

use super::Picture;
use super::affine::{Shift, Workspace, move_in_columns};
use crate::SimdLevel;

/// Shears the picture; 0 changes nothing.
pub(super) fn apply(level: SimdLevel, work: &mut Workspace, picture: Picture<'_>, shear: f64, fill: [u8; 3]) {
    move_in_columns(level, work, picture, Shift { shear, offset: 0.0 }, fill);
}
