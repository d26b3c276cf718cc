//! Sixteen taps in whole numbers and singles, and where those are not enough.
//!
//! As for shears ([`super::super::affine`]), only the truncation of float64's value is wanted, and a cheap value is
//! enough where it is not close to a whole number. Pixels of which a channel is close, one in 170, are computed again as
//! Pillow does.
//!
//! Along x, taps are bytes and weights multiples of 1 / [`ONE`] in signed digits; the sums are exact. Along y, these sums
//! and the weights are singles. The result is in units of 2^-15. Positions step along the row in 32.32 fixed point.
//!
//! The bound, in these units. With e = 1 - d, the weights of a fraction `d` are -d e^2, e + d e^2, d + d^2 e and -d^2 e;
//! their magnitudes add up to 1 + 2 d e, at most 1.5, so that values along x are within 255 * 1.25 = 319:
//!
//! - along x, `d` and the outer weights are off by 0.6 / [`ONE`] at most, each times a difference of two taps, and that
//!   times 1.5 along y: 3 * 0.6 * 255 * 1.5 / [`ONE`] is 10.9 units;
//! - the sums as singles: 319 * 2^-24 * 1.5 is 1;
//! - weights along y: the outer ones are off by 2^-24, the inner ones by 2^-22.5: 319 times their sum is 4.8;
//! - the four products and their sum: 0.5 each and 0.5 for the conversion, together 2.5;
//! - positions: 2^-24 for the cut fraction, 2^-26 for 64 steps and less than 2^-26 for what float64 rounds, 2^-23.4
//!   together. The interpolation is continuous, also from pixel to pixel. The derivatives of the weights add up to 0, and
//!   their magnitudes to 14/3 at most: a value changes by 255 * 7/3 a pixel along one axis, times 1.5 for the other, in
//!   both directions: 5.3.
//!
//! Together less than 25; [`MARGIN`] is 32. There is nothing to decide where all 16 taps are the same: then float64's value
//! is that tap, and the cheap one within the margin. But that float64 reads the same taps is sure only where no fraction
//! is next to 0 or 1 ([`NEXT`]).

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector instructions")]
mod avx2;
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector instructions")]
mod avx512;

use super::super::affine::Padded;
use super::super::per_level::per_level;
use crate::SimdLevel;
use crate::level::Kind;

/// Pixels that are computed at once.
pub(super) const CHUNK: usize = 64;

/// Entries behind those of a chunk that kernels read.
const SPARE: usize = 16;

/// Bits of the two lower digits of a weight along x.
const DIGIT: u32 = 7;

/// The weight 1 along x: its highest digit is the largest of a signed byte, 127.
const ONE: i32 = 127 << (2 * DIGIT);

/// The fraction of the result.
const BITS: u32 = 15;

/// More than a result is ever off.
const MARGIN: i32 = 32;

/// The bits of a result that are all 0 where it is close to a whole number.
const FRACTION: i32 = (1 << BITS) - 2 * MARGIN;

/// The distance from a whole number at which the taps of a position are sure: more than it is ever off, in 2^-32.
const NEXT: u32 = 1 << 10;

/// A source position in 32.32 fixed point, and the step to the next pixel's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    x: i64,
    y: i64,
    x_step: i64,
    y_step: i64,
}

impl Walk {
    /// From position `x`, `y`, which lie between -2^25 and 2^25, as the steps do.
    pub(super) fn new([x, y]: [f64; 2], steps: [f64; 2]) -> Self {
        let fixed = |value: f64| (value * (1_u64 << 32) as f64) as i64;
        Self { x: fixed(x), y: fixed(y), x_step: fixed(steps[0]), y_step: fixed(steps[1]) }
    }
}

/// The positions and weights of the pixels of a chunk.
pub(super) struct Chunk {
    /// The place of the first of the 16 taps in the source.
    at: [i32; CHUNK + SPARE],
    /// Weights along x: three digits, the lowest first, of four signed bytes each, the first tap's lowest.
    digits: [[i32; CHUNK + SPARE]; 3],
    /// Weights along y, times what makes results of sums.
    weights: [[f32; CHUNK + SPARE]; 4],
    /// Whether the taps of a pixel may be others than float64's.
    is_next: bool,
}

impl Chunk {
    pub(super) fn new() -> Self {
        Self {
            at: [0; CHUNK + SPARE],
            digits: [[0; CHUNK + SPARE]; 3],
            weights: [[0.0; CHUNK + SPARE]; 4],
            is_next: false,
        }
    }

    /// Interpolates `count` pixels into `out`, which is a vector longer; appends the first of each few neighbours of
    /// which one must be computed again to `unsure`, and returns how many they are. The scalar level knows no other way
    /// than to compute all again.
    ///
    /// # Panics
    ///
    /// If a position is outside the picture.
    pub(super) fn interpolate(
        &mut self,
        level: SimdLevel,
        source: Padded<'_>,
        walk: Walk,
        count: usize,
        out: &mut [u8],
        unsure: &mut Vec<usize>,
    ) -> usize {
        // Places that do not fit into 31 bits: of pictures that nobody has.
        if matches!(level.kind(), Kind::Scalar) || source.bytes().len() > 1 << 30 {
            unsure.push(0);
            return count;
        }
        prepare(level, self, source.stride() as i32, walk, count.next_multiple_of(SPARE));
        let last = self.at[count - 1];
        self.at[count..count + SPARE].fill(last);
        match level.kind() {
            Kind::Scalar => count,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(proof) => avx2::interpolate(proof, source, self, count, out, unsure),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(proof) => avx512::interpolate(proof, source, self, count, out, unsure),
        }
    }
}

/// The greatest of some places in the source; a huge one if any is negative.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
#[allow(clippy::inline_always, reason = "must be compiled for its caller's SIMD level")]
fn furthest(at: &[i32]) -> usize {
    let mut most = 0;
    for &at in at {
        most = most.max(at as u32);
    }
    most as usize
}

per_level! {
    /// Finds what `count` pixels read, a multiple of 16.
    fn prepare(chunk: &mut Chunk, stride: i32, walk: Walk, count: usize) {
        let mut fractions = [[0.0_f32; CHUNK]; 2];
        let [x_fractions, y_fractions] = &mut fractions;
        let (x_fractions, y_fractions) = (&mut x_fractions[..count], &mut y_fractions[..count]);
        let at = &mut chunk.at[..count];
        let (mut x, mut y) = (walk.x, walk.y);
        let mut next = 0;
        for i in 0..count {
            // One row and one pixel before the position's own; behind the chunk anything.
            let (row, column) = ((y >> 32) as i32 + 1, (x >> 32) as i32 + 1);
            at[i] = row.wrapping_mul(stride).wrapping_add(3 * column);
            x_fractions[i] = (x as u32 >> 8) as i32 as f32;
            y_fractions[i] = (y as u32 >> 8) as i32 as f32;
            next |= i32::from((x as u32).wrapping_add(NEXT) < 2 * NEXT);
            next |= i32::from((y as u32).wrapping_add(NEXT) < 2 * NEXT);
            x += walk.x_step;
            y += walk.y_step;
        }
        chunk.is_next = next != 0;
        // All digits but the highest are made positive, and 64 is taken off each of them again.
        let lift = (1 << (DIGIT - 1)) + (1 << (2 * DIGIT - 1));
        let [low, middle, high] = &mut chunk.digits;
        let (low, middle, high) = (&mut low[..count], &mut middle[..count], &mut high[..count]);
        for i in 0..count {
            let d = x_fractions[i] * UNIT;
            let e = 1.0 - d;
            let (outer, last) = (rounded(-d * e * e), rounded(-d * d * e));
            let d = rounded(d);
            let [a, b, c, d] = [outer + lift, ONE - d - outer + lift, d - last + lift, last + lift];
            low[i] = signed((a & 127) | ((b & 127) << 8) | ((c & 127) << 16) | ((d & 127) << 24));
            middle[i] = signed(
                ((a >> 7) & 127) | (((b >> 7) & 127) << 8) | (((c >> 7) & 127) << 16) | (((d >> 7) & 127) << 24),
            );
            high[i] = ((a >> 14) & 255) | (((b >> 14) & 255) << 8) | (((c >> 14) & 255) << 16) | ((d >> 14) << 24);
        }
        let [first, second, third, fourth] = &mut chunk.weights;
        let (first, second) = (&mut first[..count], &mut second[..count]);
        let (third, fourth) = (&mut third[..count], &mut fourth[..count]);
        for i in 0..count {
            const SCALE: f32 = (1 << BITS) as f32 / ONE as f32;
            let d = y_fractions[i] * UNIT;
            let e = 1.0 - d;
            let (outer, last) = (d * e * e, d * d * e);
            first[i] = -outer * SCALE;
            second[i] = (e + outer) * SCALE;
            third[i] = (d + last) * SCALE;
            fourth[i] = -last * SCALE;
        }
    }
}

/// The unit of cut fractions.
const UNIT: f32 = 1.0 / (1 << 24) as f32;

/// The nearest multiple of 1 / [`ONE`].
#[inline(always)]
#[allow(clippy::inline_always, reason = "must be compiled for its caller's SIMD level")]
fn rounded(value: f32) -> i32 {
    // The half more keeps the exponent for negative values too.
    const WHOLE: f32 = (3_u32 << 22) as f32;
    ((value * ONE as f32 + WHOLE).to_bits() as i32).wrapping_sub(WHOLE.to_bits() as i32)
}

/// Takes 64 off each of four numbers below 128.
#[inline(always)]
#[allow(clippy::inline_always, reason = "must be compiled for its caller's SIMD level")]
fn signed(digits: i32) -> i32 {
    let turned = digits ^ 0x4040_4040;
    turned | ((turned & 0x4040_4040) << 1)
}
