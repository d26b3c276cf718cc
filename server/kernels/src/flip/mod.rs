//! Horizontal flip of packed RGB pixels, in place.
//!
//! Rows are mirrored independently; channels keep their order.

mod scalar;

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector instructions")]
mod avx2;

use crate::SimdLevel;
use crate::level::Kind;

/// Mirrors every row of packed RGB8 rows of `width` pixels: left becomes right.
///
/// # Panics
///
/// If `width` is 0 or `pixels` does not hold whole rows.
pub fn flip_horizontal(level: SimdLevel, pixels: &mut [u8], width: usize) {
    assert!(
        width > 0 && pixels.len().is_multiple_of(3 * width),
        "{} bytes in rows of {width} pixels",
        pixels.len()
    );
    for row in pixels.chunks_exact_mut(3 * width) {
        match level.kind() {
            Kind::Scalar => scalar::flip(row),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(proof) => avx2::flip(proof, row),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(proof) => avx2::flip(proof.avx2(), row),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_mirrors_every_width() {
        for width in 1..80 {
            let pixels: Vec<u8> = (0..3 * width * 3).map(|i| (i * 7 % 251) as u8).collect();
            let mirrored =
                |row: &[u8]| row.as_chunks::<3>().0.iter().rev().flatten().copied().collect::<Vec<_>>();
            let expected: Vec<u8> = pixels.chunks(3 * width).flat_map(mirrored).collect();
            for level in SimdLevel::available() {
                let mut flipped = pixels.clone();
                flip_horizontal(level, &mut flipped, width);
                assert_eq!(flipped, expected, "{level} {width}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "8 bytes in rows of 2 pixels")]
    fn partial_rows_are_refused() {
        flip_horizontal(SimdLevel::SCALAR, &mut [0; 8], 2);
    }
}
