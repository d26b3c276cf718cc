//! The distances by which a shear or a translation moves pixels along their rows or along their columns.

use super::super::Picture;
use super::{is_near, paint};

/// The distance by which pixels move: `shear` times the distance across, plus `offset`.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Shift {
    pub(in super::super) shear: f64,
    pub(in super::super) offset: f64,
}

impl Shift {
    /// No movement: every fraction is 0, every pixel its own second tap.
    fn is_nothing(self) -> bool {
        self.shear == 0.0 && self.offset == 0.0
    }

    /// The picture, if its pixels are to be computed: not where nothing moves, nor where everything comes from outside,
    /// which is painted here.
    pub(super) fn within_reach(self, picture: Picture<'_>, fill: [u8; 3]) -> Option<Picture<'_>> {
        if self.is_nothing() {
            return None;
        }
        if !is_near(&[self.shear, self.offset]) {
            paint(picture.pixels, fill);
            return None;
        }
        Some(picture)
    }
}
