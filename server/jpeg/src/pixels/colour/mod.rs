//! Samples of three components, or one, to packed RGB: luma and chroma are converted (jdcolor.c; JFIF 1.02), with the
//! rounding of libjpeg-turbo.

mod scalar;

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector instructions")]
mod avx2;
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector instructions")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod rows;

use crate::level::{Kind, SimdLevel};

/// Writes a row of packed RGB pixels from luma and chroma.
///
/// # Panics
/// If the rows have different lengths, in pixels.
pub(crate) fn to_rgb(level: SimdLevel, luma: &[u8], blue: &[u8], red: &[u8], out: &mut [u8]) {
    assert!(3 * luma.len() == out.len() && blue.len() == luma.len() && red.len() == luma.len());
    match level.kind() {
        Kind::Scalar => scalar::to_rgb(luma, blue, red, out),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2(proof) => avx2::rows::<true>(proof, [luma, blue, red], out),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512(proof) => avx512::rows::<true>(proof, [luma, blue, red], out),
    }
}

/// Writes a row of packed RGB pixels whose three samples are stored as they are. Three times the same row is grey.
///
/// # Panics
/// If the rows have different lengths, in pixels.
pub(crate) fn interleave(level: SimdLevel, red: &[u8], green: &[u8], blue: &[u8], out: &mut [u8]) {
    assert!(3 * red.len() == out.len() && green.len() == red.len() && blue.len() == red.len());
    match level.kind() {
        Kind::Scalar => scalar::interleave(red, green, blue, out),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2(proof) => avx2::rows::<false>(proof, [red, green, blue], out),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512(proof) => avx512::rows::<false>(proof, [red, green, blue], out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_converts_every_colour() {
        let red: Vec<u8> = (0..=255).collect();
        let luma: Vec<Vec<u8>> =
            (0..4).map(|seed| (0..=255_u8).map(|at| at.wrapping_mul(37 + 2 * seed)).collect()).collect();
        for blue in 0..=255 {
            for luma in luma.iter().chain([&vec![0; 256], &vec![128; 256], &vec![255; 256]]) {
                let (blue, mut expected) = (vec![blue; 256], vec![0; 768]);
                scalar::to_rgb(luma, &blue, &red, &mut expected);
                for level in SimdLevel::available() {
                    let mut out = vec![1; 768];
                    to_rgb(level, luma, &blue, &red, &mut out);
                    assert_eq!(out, expected, "{level}");
                }
            }
        }
    }

    #[test]
    fn every_level_writes_every_width() {
        for width in 0..200 {
            let [a, b, c] =
                [17, 29, 101].map(|step| (0..width).map(|at| (at * step + step) as u8).collect::<Vec<_>>());
            let (mut converted, mut stored) = (vec![0; 3 * width], vec![0; 3 * width]);
            scalar::to_rgb(&a, &b, &c, &mut converted);
            scalar::interleave(&a, &b, &c, &mut stored);
            for level in SimdLevel::available() {
                let mut out = vec![1; 3 * width];
                to_rgb(level, &a, &b, &c, &mut out);
                assert_eq!(out, converted, "{level} {width}");
                interleave(level, &a, &b, &c, &mut out);
                assert_eq!(out, stored, "{level} {width}");
            }
        }
    }
}
