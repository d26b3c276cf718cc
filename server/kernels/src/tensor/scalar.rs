//! Float planes into a tensor row, element by element.
#![allow(clippy::inline_always, reason = "the AVX2 twin compiles these bodies again, with its instructions")]

use super::convert::{to_bf16, to_f16, to_f32, to_u8};
use super::{Dtype, Layout};

/// The definition. It is inlined into the AVX2 twin too, where the compiler makes vectors of its loops.
#[inline(always)]
pub(super) fn write_planes(planes: &[f32], dtype: Dtype, layout: Layout, out: &mut [u8]) {
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
