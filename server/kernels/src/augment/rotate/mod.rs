//! Rotate: counter-clockwise around the centre, bicubic, at the same size; what comes from outside is filled.
//!
//! Degrees are taken modulo 360. 0, 180, and on square pictures 90 and 270, move whole pixels. Otherwise,
//! with t = -degrees * (pi / 180), the cosine and sine of t are rounded to 15 decimals and turn positions
//! around (width / 2, height / 2). Sources: Pillow, `Image.rotate` and `Geometry.c`.

mod line;
mod quarter;
#[cfg_attr(
    not(target_arch = "x86_64"),
    allow(dead_code, unused_variables, reason = "the scalar level has no quick way")
)]
mod quick;
mod scalar;
mod sine;

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector instructions")]
mod avx2;
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector instructions")]
mod avx512;

use std::ops::Range;

use super::Picture;
use super::affine::{LOAD, Padded, Workspace, is_near, paint};
use crate::SimdLevel;
use crate::level::Kind;
use line::Line;
use quick::{CHUNK, Chunk, Walk};

/// More pixels are computed again only where all of a chunk are.
const FEW: usize = 4;

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
    let mut chunk = Chunk::new();
    for (y, out) in picture.pixels.chunks_exact_mut(3 * width).enumerate() {
        let centre = y as f64 + 0.5;
        let lines = [
            Line { slope: a, shift: b * centre, offset: c },
            Line { slope: d, shift: e * centre, offset: f },
        ];
        let (columns, rows) = (lines[0].inside(width, width), lines[1].inside(width, height));
        let start = columns.start.max(rows.start);
        let end = columns.end.min(rows.end).max(start);
        for first in (start..end).step_by(CHUNK) {
            let count = CHUNK.min(end - first);
            let walk = Walk::new(lines.map(|line| line.position(first) - 0.5), [a, d]);
            let out = &mut parts.row[3 * first..];
            parts.unsure.clear();
            let step = chunk.interpolate(level, parts.source, walk, count, out, parts.unsure);
            for &at in parts.unsure.iter() {
                let pixels = first + at..first + count.min(at + step);
                let bytes = 3 * at..3 * (at + pixels.len());
                if pixels.len() <= FEW {
                    let mut few = [0; 3 * FEW + LOAD];
                    again::<FEW>(level, parts.source, lines, pixels, &mut few);
                    out[bytes.clone()].copy_from_slice(&few[..bytes.len()]);
                } else {
                    again::<CHUNK>(level, parts.source, lines, pixels, out);
                }
            }
        }
        let inside = 3 * start..3 * end;
        out[inside.clone()].copy_from_slice(&parts.row[inside.clone()]);
        paint(&mut out[..inside.start], fill);
        paint(&mut out[inside.end..], fill);
    }
}

/// Interpolates `N` pixels at most as Pillow does.
fn again<const N: usize>(
    level: SimdLevel,
    source: Padded<'_>,
    lines: [Line; 2],
    pixels: Range<usize>,
    out: &mut [u8],
) {
    let (mut x, mut y) = ([0; N], [0; N]);
    let (mut x_fraction, mut y_fraction) = ([0.0; N], [0.0; N]);
    let count = pixels.len();
    line::split(level, lines[0], pixels.start, &mut x[..count], &mut x_fraction);
    line::split(level, lines[1], pixels.start, &mut y[..count], &mut y_fraction);
    let targets = Targets {
        x: &x[..count],
        y: &y[..count],
        x_fraction: &x_fraction[..count],
        y_fraction: &y_fraction[..count],
    };
    interpolate(level, source, targets, out);
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

#[cfg(test)]
mod tests;
