//! Four taps in whole numbers, and where those are not enough.
//!
//! The polynomial of `cubic` is a sum of four taps with weights that depend on the fraction `d` alone:
//!
//! ```text
//! w1 = -d (1 - d)^2     w2 = 1 - d - w1     w3 = d - w4     w4 = -d^2 (1 - d)
//! ```
//!
//! Here `d`, w1 and w4 are rounded to multiples of 2^-22 (2^-20 with AVX2), and sums are exact in 32 bits. Only the truncation of
//! float64's sum is wanted, so the cheap sum is enough unless it lies so close to a whole number that the two might fall
//! on different sides of it. Such bytes, one in 4000 of a photograph (in 1000 with AVX2), are found and computed again as
//! Pillow does ([`super::cubic_of_bytes`]).
//!
//! The bound, in units of the rounding:
//!
//! - `d`, w1 and w4 are off by at most 1/2 each, and each such error is multiplied by the difference of two taps, at most
//!   255: together 382.5, and a trifle for what float64 rounds on the way;
//! - float64 rounds a position inside a picture, below 2^24, by at most 2^-30, so that the fractions of pixels that
//!   move by the same distance differ by at most 2^-29 from the distance's own. The interpolation is a continuous
//!   function of the position, also from pixel to pixel, and no steeper than 255 + 2 * 765 + 3 * 510 = 3315: 26 units of
//!   the finest rounding;
//! - float64 rounds the polynomial itself by less than 2^-40: less than 1.
//!
//! All together less than [`MARGIN`]. There is nothing to decide where all taps are the same: then both sums are that tap.
//! Float64 reads the same taps, or else its position is a pixel's centre and its value that pixel, which is one of them:
//! a sum below a centre is never rounded to more than the centre.
//!
//! Nor is there where all `d` are multiples of 1/64, as of whole and half pixels: then w1 and w4 are multiples of 2^-18,
//! and both sums are exact ([`margin`]).

mod scalar;

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector instructions")]
mod avx2;
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector instructions")]
mod avx512;

use super::super::truncate::whole_i32;
use crate::SimdLevel;
use crate::level::Kind;

/// Bytes that kernels may read behind those that they need.
pub(in super::super) const SPARE: usize = 64;

/// More than a cheap sum is ever off.
const MARGIN: i32 = 1 << 9;

/// The weights of a byte's taps, in the form of a SIMD level: four whole numbers for the scalar one. For the others, three
/// digits and nothing: in each digit, the lowest first, a signed byte for each tap, that of the first tap lowest.
type Weights = [i32; 4];

/// The weights of all bytes of a row.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// The parts of [`Weights`], in the order in which a level computes bytes.
    parts: [Vec<i32>; 4],
    margin: i32,
}

/// The origin of the weights.
#[derive(Clone, Copy)]
enum Source<'a> {
    /// The same for all bytes.
    Same(Weights),
    /// Those of a row, from some byte on.
    Row([&'a [i32]; 4]),
}

/// Bits of the two lower digits of a weight; the highest digit of the weight 1 is 64. With AVX2, two products of a byte
/// and a digit are added in 16 bits, so that digits lie between -64 and 64.
fn digit_bits(level: SimdLevel) -> u32 {
    match level.kind() {
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2(_) => 7,
        _ => 8,
    }
}

/// The bits of the weight 1.
const fn one_bits(digit_bits: u32) -> u32 {
    6 + 2 * digit_bits
}

/// The weights for the fraction `d`.
fn weights(level: SimdLevel, d: f64) -> Weights {
    let bits = digit_bits(level);
    let weights = whole_weights(d, bits);
    match level.kind() {
        Kind::Scalar => weights,
        #[cfg(target_arch = "x86_64")]
        _ => digits(weights, bits),
    }
}

/// The rounded weights: their sum is that of the exact ones.
fn whole_weights(d: f64, digit_bits: u32) -> [i32; 4] {
    let one = 1 << one_bits(digit_bits);
    let scale = f64::from(one);
    let e = 1.0 - d;
    let [first, last, d] = [-d * e * e, -d * d * e, d].map(|value| whole_i32(value * scale));
    [first, one - d - first, d - last, last]
}

/// Splits weights into signed digits.
#[cfg(target_arch = "x86_64")]
fn digits(weights: [i32; 4], bits: u32) -> Weights {
    let half = 1 << (bits - 1);
    let low_bits = 2 * half - 1;
    let mut digits = [0; 4];
    for (weight, shift) in weights.into_iter().zip([0, 8, 16, 24]) {
        // A sum that makes all digits but the highest positive.
        let lifted = weight + half + (half << bits);
        digits[0] |= (((lifted & low_bits) - half) & 0xff) << shift;
        digits[1] |= ((((lifted >> bits) & low_bits) - half) & 0xff) << shift;
        digits[2] |= ((lifted >> (2 * bits)) & 0xff) << shift;
    }
    digits
}

/// The distance from a whole number that sums with this fraction must keep.
fn margin(d: f64) -> i32 {
    let steps = d * 64.0;
    if steps == f64::from(steps as i32) { 0 } else { MARGIN }
}

impl Row {
    /// Begins a row of `bytes`.
    pub(super) fn reset(&mut self, bytes: usize) {
        self.margin = 0;
        for part in &mut self.parts {
            part.resize(bytes.next_multiple_of(SPARE), 0);
        }
    }

    /// Sets the weights of pixel `x` to those of fraction `d`.
    pub(super) fn set(&mut self, level: SimdLevel, x: usize, d: f64) {
        self.margin = self.margin.max(margin(d));
        let weights = weights(level, d);
        for at in 3 * x..3 * x + 3 {
            let at = place(level, at);
            for (part, weight) in self.parts.iter_mut().zip(weights) {
                part[at] = weight;
            }
        }
    }
}

/// The place of a byte's weights: levels with wider registers compute four bytes of every 16 at a time.
fn place(level: SimdLevel, at: usize) -> usize {
    let lanes = match level.kind() {
        Kind::Scalar => 1,
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2(_) => 2,
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512(_) => 4,
    };
    let (block, lane, quarter, rest) = (at / (16 * lanes), at / 16 % lanes, at / 4 % 4, at % 4);
    16 * lanes * block + 4 * lanes * quarter + 4 * lane + rest
}

/// Interpolates `out` between four rows of taps, with the weights of fraction `d`; says in `unsure` which bytes must be
/// computed again.
///
/// # Panics
///
/// If a row of taps is not [`SPARE`] bytes longer than `out`.
pub(super) fn interpolate(
    level: SimdLevel,
    taps: [&[u8]; 4],
    d: f64,
    out: &mut [u8],
    unsure: &mut Vec<usize>,
) {
    unsure.clear();
    add_up(level, taps, Source::Same(weights(level, d)), margin(d), out, unsure);
}

/// As [`interpolate`], with weights of a row, from byte `start` on, which is a multiple of [`SPARE`].
pub(super) fn interpolate_row(
    level: SimdLevel,
    taps: [&[u8]; 4],
    row: &Row,
    start: usize,
    out: &mut [u8],
    unsure: &mut Vec<usize>,
) {
    unsure.clear();
    add_up(
        level,
        taps,
        Source::Row(row.parts.each_ref().map(|part| &part[start..])),
        row.margin,
        out,
        unsure,
    );
}

fn add_up(
    level: SimdLevel,
    taps: [&[u8]; 4],
    source: Source<'_>,
    margin: i32,
    out: &mut [u8],
    unsure: &mut Vec<usize>,
) {
    match level.kind() {
        Kind::Scalar => scalar::add_up(taps, source, margin, out, unsure),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2(proof) => avx2::add_up(proof, taps, source, margin, out, unsure),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512(proof) => avx512::add_up(proof, taps, source, margin, out, unsure),
    }
}

#[cfg(test)]
mod tests;
