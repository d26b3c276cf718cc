//! Pixels through the table, one at a time.

use super::super::table::PixelTable;
use super::super::{Dtype, Layout};
use crate::RgbView;

/// The definition.
pub(super) fn write_pixels(
    table: &PixelTable,
    src: RgbView<'_>,
    dtype: Dtype,
    layout: Layout,
    out: &mut [u8],
) {
    match (dtype, layout) {
        (Dtype::U8, Layout::Nhwc) => copy(src, out),
        (Dtype::U8, Layout::Nchw) => planar(src, out, |_, v| v),
        (Dtype::F16, _) => write(src, layout, out, |c, v| table.f16()[c][usize::from(v)].to_le_bytes()),
        (Dtype::Bf16, _) => write(src, layout, out, |c, v| table.bf16()[c][usize::from(v)].to_le_bytes()),
        (Dtype::F32, _) => write(src, layout, out, |c, v| table.f32()[c][usize::from(v)].to_le_bytes()),
    }
}

/// The definition of the planes.
pub(super) fn float_planes(table: Option<&PixelTable>, src: RgbView<'_>, planes: &mut [f32]) {
    match table {
        Some(table) => planar(src, planes, |c, v| table.f32()[c][usize::from(v)]),
        None => planar(src, planes, |_, v| f32::from(v)),
    }
}

fn copy(src: RgbView<'_>, out: &mut [u8]) {
    for (y, out) in out.chunks_exact_mut(3 * src.width()).enumerate() {
        out.copy_from_slice(src.row(y));
    }
}

fn write<const SIZE: usize>(
    src: RgbView<'_>,
    layout: Layout,
    out: &mut [u8],
    value: impl Fn(usize, u8) -> [u8; SIZE],
) {
    let out = out.as_chunks_mut::<SIZE>().0;
    match layout {
        Layout::Nchw => planar(src, out, value),
        Layout::Nhwc => interleaved(src, out, value),
    }
}

/// Three planes of `T`, a row of each in turn: one stream of stores at a time.
fn planar<T>(src: RgbView<'_>, out: &mut [T], value: impl Fn(usize, u8) -> T) {
    let (width, size) = (src.width(), src.width() * src.height());
    for y in 0..src.height() {
        let pixels = src.row(y).as_chunks::<3>().0;
        for channel in 0..3 {
            let line = &mut out[channel * size + y * width..][..width];
            for (out, pixel) in line.iter_mut().zip(pixels) {
                *out = value(channel, pixel[channel]);
            }
        }
    }
}

fn interleaved<T>(src: RgbView<'_>, out: &mut [T], value: impl Fn(usize, u8) -> T) {
    for (y, out) in out.chunks_exact_mut(3 * src.width()).enumerate() {
        for (out, pixel) in out.as_chunks_mut::<3>().0.iter_mut().zip(src.row(y).as_chunks::<3>().0) {
            *out = [value(0, pixel[0]), value(1, pixel[1]), value(2, pixel[2])];
        }
    }
}
