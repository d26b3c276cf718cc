//! Float planes into a tensor row.
#![allow(clippy::inline_always, reason = "the AVX2 twin compiles these bodies again, with its instructions")]

use super::convert::{to_bf16, to_f16, to_f32, to_u8};
use super::{Dtype, Layout, check_output};
use crate::SimdLevel;
use crate::level::Kind;

/// Writes three float planes (R, G, B) of `width` x `height` as one tensor row of `dtype` in `layout`.
///
/// The half formats round half to even; `u8` rounds half to even and clamps to 0..255 (a NaN becomes 0).
/// `out` needs no alignment.
///
/// # Panics
///
/// If `planes` is not exactly `3 * width * height` floats, or `out` not that many elements of `dtype`.
pub fn write_planes(
    level: SimdLevel,
    planes: &[f32],
    width: usize,
    height: usize,
    dtype: Dtype,
    layout: Layout,
    out: &mut [u8],
) {
    assert_eq!(planes.len(), 3 * width * height, "three planes of {width} x {height}");
    check_output(out, width, height, dtype);
    match level.kind() {
        Kind::Scalar => scalar(planes, dtype, layout, out),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2(proof) => super::avx2::write_planes(proof, planes, dtype, layout, out),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512(proof) => super::avx2::write_planes(proof.avx2(), planes, dtype, layout, out),
    }
}

/// The definition. It is inlined into the AVX2 twin too, where the compiler makes vectors of its loops.
#[inline(always)]
pub(super) fn scalar(planes: &[f32], dtype: Dtype, layout: Layout, out: &mut [u8]) {
    match dtype {
        Dtype::U8 => write(planes, layout, out, to_u8),
        Dtype::F16 => write(planes, layout, out, to_f16),
        Dtype::Bf16 => write(planes, layout, out, to_bf16),
        Dtype::F32 => write(planes, layout, out, to_f32),
    }
}

#[inline(always)]
pub(super) fn write<const SIZE: usize>(
    planes: &[f32],
    layout: Layout,
    out: &mut [u8],
    element: impl Fn(f32) -> [u8; SIZE],
) {
    let out = out.as_chunks_mut::<SIZE>().0;
    match layout {
        Layout::Nchw => {
            for (out, &value) in out.iter_mut().zip(planes) {
                *out = element(value);
            }
        }
        Layout::Nhwc => interleave(planes, out, element),
    }
}

#[inline(always)]
fn interleave<T>(planes: &[f32], out: &mut [T], element: impl Fn(f32) -> T) {
    let (red, rest) = planes.split_at(planes.len() / 3);
    let (green, blue) = rest.split_at(rest.len() / 2);
    for (out, ((&red, &green), &blue)) in
        out.as_chunks_mut::<3>().0.iter_mut().zip(red.iter().zip(green).zip(blue))
    {
        *out = [element(red), element(green), element(blue)];
    }
}
