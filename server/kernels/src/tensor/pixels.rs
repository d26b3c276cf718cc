//! 8-bit pixels through a table into a tensor row, or into float planes.
//!
//! A look-up per value is the same on every CPU, so there is nothing to twin here.

use super::table::PixelTable;
use super::{Dtype, Layout, check_output};
use crate::RgbView;

/// Writes `src` as one tensor row: `3 * width * height` elements of `dtype`, in the order of `layout`.
///
/// Float formats hold normalised values, `u8` the raw pixels. `out` needs no alignment.
///
/// # Panics
///
/// If `out` is not exactly `3 * width * height * dtype.size_in_bytes()` bytes.
pub fn write_pixels(table: &PixelTable, src: RgbView<'_>, dtype: Dtype, layout: Layout, out: &mut [u8]) {
    check_output(out, src.width(), src.height(), dtype);
    match dtype {
        Dtype::U8 => write(src, layout, out, |_, v| [v]),
        Dtype::F16 => write(src, layout, out, |c, v| table.f16()[c][usize::from(v)].to_le_bytes()),
        Dtype::Bf16 => write(src, layout, out, |c, v| table.bf16()[c][usize::from(v)].to_le_bytes()),
        Dtype::F32 => write(src, layout, out, |c, v| table.f32()[c][usize::from(v)].to_le_bytes()),
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

/// Writes `src` as three float planes (R, G, B), each `width * height`, row-major: normalised through
/// `table`, or the plain pixel values 0..255 without one.
///
/// # Panics
///
/// If `planes` is not exactly `3 * width * height` long.
pub fn rgb_to_planes_f32(table: Option<&PixelTable>, src: RgbView<'_>, planes: &mut [f32]) {
    assert_eq!(
        planes.len(),
        3 * src.width() * src.height(),
        "three planes of {} x {}",
        src.width(),
        src.height()
    );
    match table {
        Some(table) => planar(src, planes, |c, v| table.f32()[c][usize::from(v)]),
        None => planar(src, planes, |_, v| f32::from(v)),
    }
}
