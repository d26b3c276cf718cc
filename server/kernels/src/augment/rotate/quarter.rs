//! Turns that move whole pixels: by 180 degrees, and by 90 or 270 on square pictures.

use super::super::Picture;

/// By 180 degrees, at any size: the last pixel becomes the first.
pub(super) fn half_turn(picture: Picture<'_>) {
    picture.pixels.as_chunks_mut::<3>().0.reverse();
}

/// By 90 degrees counter-clockwise, or clockwise, from `source` into `out`, both `side` x `side` pixels.
pub(super) fn quarter_turn(source: &[u8], side: usize, counter_clockwise: bool, out: &mut [u8]) {
    let source = source.as_chunks::<3>().0;
    for (i, pixel) in out.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        let (x, y) = (i % side, i / side);
        *pixel = if counter_clockwise {
            source[x * side + side - 1 - y]
        } else {
            source[(side - 1 - x) * side + y]
        };
    }
}
