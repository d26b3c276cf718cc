//! 8-bit pixels into a tensor row, or into float planes.
//!
//! Normalised values come from a table of 256 numbers per channel, whose bits are torch's. The scalar level looks them
//! up. The other levels write planes:
//!
//! - AVX-512 looks up the bytes of the numbers with permutations, 64 pixels at a time.
//! - AVX2 has no look-up that beats plain loads, so it calculates the numbers again, without divisions. A table offers
//!   that only after it has compared all 768 numbers; otherwise the plain look-up runs.
//!
//! Raw pixels that stay interleaved are copied; normalised ones that stay interleaved are looked up on every level.

mod scalar;

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector instructions")]
mod avx2;

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector instructions")]
mod avx512;

use super::table::PixelTable;
use super::{Dtype, Layout, check_output};
use crate::level::Kind;
use crate::{RgbView, SimdLevel};

/// Writes `src` as one tensor row: `3 * width * height` elements of `dtype`, in the order of `layout`.
///
/// Float formats hold normalised values, `u8` the raw pixels. `out` needs no alignment.
///
/// # Panics
///
/// If `out` is not exactly `3 * width * height * dtype.size_in_bytes()` bytes.
pub fn write_pixels(
    level: SimdLevel,
    table: &PixelTable,
    src: RgbView<'_>,
    dtype: Dtype,
    layout: Layout,
    out: &mut [u8],
) {
    check_output(out, src.width(), src.height(), dtype);
    match (level.kind(), layout) {
        #[cfg(target_arch = "x86_64")]
        (Kind::Avx512(proof), Layout::Nchw) => avx512::write_planes(proof, table, src, dtype, out),
        #[cfg(target_arch = "x86_64")]
        (Kind::Avx2(proof), Layout::Nchw) => avx2::write_planes(proof, table, src, dtype, out),
        (_, layout) => scalar::write_pixels(table, src, dtype, layout, out),
    }
}

/// Writes `src` as three float planes (R, G, B), each `width * height`, row-major: normalised through
/// `table`, or the plain pixel values 0..255 without one.
///
/// # Panics
///
/// If `planes` is not exactly `3 * width * height` long.
pub fn rgb_to_planes_f32(level: SimdLevel, table: Option<&PixelTable>, src: RgbView<'_>, planes: &mut [f32]) {
    let (width, height) = (src.width(), src.height());
    assert_eq!(planes.len(), 3 * width * height, "three planes of {width} x {height}");
    match level.kind() {
        Kind::Scalar => scalar::float_planes(table, src, planes),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2(proof) => avx2::float_planes(proof, table, src, planes),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512(proof) => avx512::float_planes(proof, table, src, planes),
    }
}

/// Runs of whole pixels without gaps, each with the number of its first pixel: the whole picture if its rows
/// lie close, else row by row. None is longer than [`RUN`].
#[cfg(target_arch = "x86_64")]
fn runs(src: RgbView<'_>) -> impl Iterator<Item = (usize, &[u8])> {
    let (width, height) = (src.width(), src.height());
    let (count, length) = if src.stride() == 3 * width { (1, width * height) } else { (height, width) };
    (0..count).flat_map(move |y| {
        let pixels = &src.tail(y)[..3 * length];
        pixels.chunks(3 * RUN).enumerate().map(move |(part, run)| (y * length + part * RUN, run))
    })
}

/// Pixels of a run: few enough to stay in the nearest cache while one channel after the other is taken out.
#[cfg(target_arch = "x86_64")]
const RUN: usize = 4096;
