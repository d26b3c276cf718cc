//! Sixteen taps in plain Rust.

use super::super::affine::{Padded, cubic, cubic_of_bytes};
use super::Targets;

/// Interpolates every target's pixel.
pub(super) fn interpolate(source: Padded<'_>, targets: Targets<'_>, out: &mut [u8]) {
    for (i, pixel) in out.as_chunks_mut::<3>().0.iter_mut().take(targets.len()).enumerate() {
        let taps = source.taps(targets.x[i], targets.y[i]);
        for (channel, value) in pixel.iter_mut().enumerate() {
            let rows = [0, 1, 2, 3].map(|row| {
                let taps = &taps[row * source.stride() + channel..];
                cubic_of_bytes([taps[0], taps[3], taps[6], taps[9]], targets.x_fraction[i])
            });
            *value = cubic(rows, targets.y_fraction[i]) as u8;
        }
    }
}
