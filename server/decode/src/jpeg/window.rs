//! Which part of a frame has to be decoded so that a region's pixels come out as in a whole decode.
//!
//! Chroma is upsampled with a triangle filter that looks one chroma sample to each side, and libjpeg repeats the
//! last sample at the border of what it decodes. So the region is widened by two chroma samples (one to look
//! at, one so that no border rule reaches the region) and then to iMCU borders, where libjpeg-turbo can start.

use bandwise_kernels::Rect;

/// Pixels around the region that a part must contain, for the widest of the usual iMCUs (4 pixels a chroma
/// sample).
const CONTEXT: u32 = 8;

/// The part of `whole` to decode for `region`, on borders of iMCUs of `unit` pixels or of the image.
pub(super) fn around(region: Rect, unit: (u32, u32), whole: Rect) -> Rect {
    let (x, width) = widen(region.x, region.width, unit.0, whole.width);
    let (y, height) = widen(region.y, region.height, unit.1, whole.height);
    Rect { x, y, width, height }
}

/// Start and length of `[start, start + len)` after widening it, within `[0, whole)`.
fn widen(start: u32, len: u32, unit: u32, whole: u32) -> (u32, u32) {
    let context = if unit == 8 { 0 } else { CONTEXT };
    let from = start.saturating_sub(context) / unit * unit;
    let to = (start + len + context).next_multiple_of(unit).min(whole);
    (from, to - from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widens_to_the_borders_of_units() {
        assert_eq!(widen(100, 50, 16, 500), (80, 80));
        assert_eq!(widen(104, 50, 16, 500), (96, 80));
        assert_eq!(widen(100, 50, 8, 500), (96, 56));
        assert_eq!(widen(3, 490, 16, 500), (0, 500));
        assert_eq!(widen(499, 1, 32, 500), (480, 20));
    }
}
