//! Rotate: counter-clockwise around the centre, bicubic, at the same size; what comes from outside is filled.
//!
//! Degrees are taken modulo 360. 0, 180, and on square pictures 90 and 270, move whole pixels. Otherwise,
//! with t = -degrees * (pi / 180), the cosine and sine of t are rounded to 15 decimals and turn positions
//! around (width / 2, height / 2). Sources: Pillow, `Image.rotate` and `Geometry.c`.

mod quarter;
mod scalar;
mod sine;

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector instructions")]
mod avx2;
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector instructions")]
mod avx512;

use super::Picture;
use super::affine::{Line, Padded, Workspace, finish_row, is_near, paint};
use crate::SimdLevel;
use crate::level::Kind;

/// Turns the picture.
pub(super) fn apply(
    level: SimdLevel,
    work: &mut Workspace,
    picture: Picture<'_>,
    degrees: f64,
    fill: [u8; 3],
) {
    let degrees = degrees.rem_euclid(360.0);
    let square = picture.width == picture.height;
    if degrees == 0.0 {
        return;
    }
    if degrees == 180.0 {
        return quarter::half_turn(picture);
    }
    if square && (degrees == 90.0 || degrees == 270.0) {
        return quarter::quarter_turn(
            work.copied(picture.pixels),
            picture.width,
            degrees == 90.0,
            picture.pixels,
        );
    }
    let matrix = matrix(degrees, picture.width, picture.height);
    if is_near(&matrix) {
        turn(level, work, picture, matrix, fill);
    } else {
        paint(picture.pixels, fill);
    }
}

/// From output to source: a, b, c of X, then d, e, f of Y.
fn matrix(degrees: f64, width: usize, height: usize) -> [f64; 6] {
    let radians = -(degrees * (std::f64::consts::PI / 180.0));
    let (sine, cosine) = sine::rounded(radians);
    let (x, y) = (width as f64 / 2.0, height as f64 / 2.0);
    [cosine, sine, cosine * -x + sine * -y + x, -sine, cosine, -sine * -x + cosine * -y + y]
}

fn turn(level: SimdLevel, work: &mut Workspace, picture: Picture<'_>, matrix: [f64; 6], fill: [u8; 3]) {
    let [a, b, c, d, e, f] = matrix;
    let (width, height) = (picture.width, picture.height);
    let parts = work.parts(&picture);
    parts.horizontal.reset(width, 1);
    parts.vertical.reset(width, 1);
    for (y, out) in picture.pixels.chunks_exact_mut(3 * width).enumerate() {
        let centre = y as f64 + 0.5;
        let line = |slope, shift, offset, limit| Line { slope, shift, offset, limit, origin: 0.0 };
        let columns = parts.horizontal.compute(level, line(a, b * centre, c, width));
        let rows = parts.vertical.compute(level, line(d, e * centre, f, height));
        let (start, end) = (columns.start.max(rows.start), columns.end.min(rows.end));
        if start < end {
            let positions = Targets {
                x: &parts.horizontal.whole()[start..end],
                y: &parts.vertical.whole()[start..end],
                x_fraction: &parts.horizontal.fraction()[start..end],
                y_fraction: &parts.vertical.fraction()[start..end],
            };
            interpolate(level, parts.source, positions, &mut parts.row[3 * start..]);
        }
        finish_row(out, parts.row, 3 * start..3 * end, fill);
    }
}

/// The source positions of some neighbouring output pixels, all inside the picture; four slices of one length.
#[derive(Clone, Copy)]
struct Targets<'a> {
    x: &'a [i32],
    y: &'a [i32],
    x_fraction: &'a [f64],
    y_fraction: &'a [f64],
}

impl Targets<'_> {
    fn len(&self) -> usize {
        self.x.len()
    }
}

/// Interpolates 16 taps per pixel into `out`, which is a vector longer than the pixels.
fn interpolate(level: SimdLevel, source: Padded<'_>, targets: Targets<'_>, out: &mut [u8]) {
    match level.kind() {
        Kind::Scalar => scalar::interpolate(source, targets, out),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2(proof) => avx2::interpolate(proof, source, targets, out),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512(proof) => avx512::interpolate(proof, source, targets, out),
    }
}
