//! Color: blends each pixel with its own grey. Source: Pillow, `ImageEnhance.Color`; blend and grey are in
//! `enhance`.

mod scalar;

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector instructions")]
mod avx2;

use super::enhance::factor;
use crate::SimdLevel;
use crate::level::Kind;

/// Moves every pixel away from its grey, or towards it.
pub(super) fn apply(level: SimdLevel, pixels: &mut [u8], by: f64) {
    let by = factor(by);
    if by == 1.0 {
        return;
    }
    match level.kind() {
        Kind::Scalar => scalar::blend_with_grey(pixels, by),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2(proof) => avx2::blend_with_grey(proof, pixels, by),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512(proof) => avx2::blend_with_grey(proof.avx2(), pixels, by),
    }
}
