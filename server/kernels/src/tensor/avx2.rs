//! Float planes into a tensor row with AVX2 and F16C.
//!
//! Only the conversion to half precision needs instructions of its own; everything else is the scalar body,
//! compiled for AVX2. Rust never fuses or reorders float operations, so the bits stay.

use std::arch::x86_64::{
    _MM_FROUND_TO_NEAREST_INT, _mm_cvtps_ph, _mm_cvtsi128_si32, _mm_set_ss, _mm_storeu_si128,
    _mm256_cvtps_ph, _mm256_loadu_ps,
};

use super::{Dtype, Layout, scalar};
use crate::level::Avx2;

/// Round half to even, whatever the control register says.
const ROUNDING: i32 = _MM_FROUND_TO_NEAREST_INT;

pub(super) fn write_planes(_: Avx2, planes: &[f32], dtype: Dtype, layout: Layout, out: &mut [u8]) {
    // SAFETY: the token proves AVX2 and F16C.
    unsafe {
        match (dtype, layout) {
            (Dtype::F16, Layout::Nchw) => half_planes(planes, out),
            (Dtype::F16, Layout::Nhwc) => half_pixels(planes, out),
            _ => others(planes, dtype, layout, out),
        }
    }
}

#[target_feature(enable = "avx2")]
fn others(planes: &[f32], dtype: Dtype, layout: Layout, out: &mut [u8]) {
    scalar::write_planes(planes, dtype, layout, out);
}

#[target_feature(enable = "avx2,f16c")]
fn half_pixels(planes: &[f32], out: &mut [u8]) {
    scalar::write(planes, Layout::Nhwc, out, |value| half(value));
}

#[target_feature(enable = "avx2,f16c")]
fn half_planes(planes: &[f32], out: &mut [u8]) {
    let (inputs, rest) = planes.as_chunks::<8>();
    let (outputs, out_rest) = out.split_at_mut(16 * inputs.len());
    for (input, output) in inputs.iter().zip(outputs.as_chunks_mut::<16>().0) {
        // SAFETY: eight floats are read and sixteen bytes written, both unaligned.
        unsafe {
            let halves = _mm256_cvtps_ph::<ROUNDING>(_mm256_loadu_ps(input.as_ptr()));
            _mm_storeu_si128(output.as_mut_ptr().cast(), halves);
        }
    }
    for (output, &value) in out_rest.as_chunks_mut::<2>().0.iter_mut().zip(rest) {
        *output = half(value);
    }
}

#[inline]
#[target_feature(enable = "avx2,f16c")]
fn half(value: f32) -> [u8; 2] {
    (_mm_cvtsi128_si32(_mm_cvtps_ph::<ROUNDING>(_mm_set_ss(value))) as u16).to_le_bytes()
}
