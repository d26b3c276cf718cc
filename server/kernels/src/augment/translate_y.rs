//! `TranslateY`: bicubic, by any number of pixels. `Y = (y + 1/2) + pixels`.
//!
//! Sources: timm 0.4.12, `translate_y_rel`; Pillow, `Geometry.c`.

use super::Picture;
use super::affine::{Shift, Workspace, move_in_columns};
use crate::SimdLevel;

/// Moves the picture; 0 changes nothing.
pub(super) fn apply(
    level: SimdLevel,
    work: &mut Workspace,
    picture: Picture<'_>,
    pixels: f64,
    fill: [u8; 3],
) {
    move_in_columns(level, work, picture, Shift { shear: 0.0, offset: pixels }, fill);
}
