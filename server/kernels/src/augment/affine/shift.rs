//! Moves pixels along their rows or along their columns: shears and translations.
//!
//! If neighbouring output pixels move by the same number of whole pixels, their taps are neighbours too, and are
//! interpolated byte by byte, 16 at a time. Along rows such a run is nearly always the whole row. Along columns it ends
//! every `1 / shear` pixels, so a block reads all rows that any of its bytes needs.

use std::ops::Range;

use super::super::Picture;
use super::super::per_level::per_level;
use super::super::truncate::truncate_f64;
use super::{LOAD, Line, Padded, Positions, Workspace, cubic_of_bytes, finish_row, is_near, paint};
use crate::SimdLevel;

/// The number of rows by which the last pixel of a block may be below its first one: shears of RandAugment, up to 0.3,
/// move the 16 bytes of a block by at most 2.
const STEPS: i32 = 2;

/// The distance by which pixels move: `shear` times the distance across, plus `offset`.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Shift {
    pub(in super::super) shear: f64,
    pub(in super::super) offset: f64,
}

impl Shift {
    /// No movement: every fraction is 0, every pixel its own second tap.
    fn is_nothing(self) -> bool {
        self.shear == 0.0 && self.offset == 0.0
    }

    /// The picture, if its pixels are to be computed: not where nothing moves, nor where everything comes from outside,
    /// which is painted here.
    fn within_reach(self, picture: Picture<'_>, fill: [u8; 3]) -> Option<Picture<'_>> {
        if self.is_nothing() {
            return None;
        }
        if !is_near(&[self.shear, self.offset]) {
            paint(picture.pixels, fill);
            return None;
        }
        Some(picture)
    }
}

/// `X = (x + 1/2) + shear * (y + 1/2) + offset`, and Y stays.
pub(in super::super) fn move_in_rows(
    level: SimdLevel,
    work: &mut Workspace,
    picture: Picture<'_>,
    shift: Shift,
    fill: [u8; 3],
) {
    let Some(picture) = shift.within_reach(picture, fill) else { return };
    let (parts, width) = (work.parts(&picture), picture.width);
    let positions = parts.horizontal;
    positions.reset(width, 3);
    let mut inside = 0..0;
    for (y, out) in picture.pixels.chunks_exact_mut(3 * width).enumerate() {
        // All rows of a translation have the same positions.
        if y == 0 || shift.shear != 0.0 {
            let line = Line {
                slope: 1.0,
                shift: shift.shear * (y as f64 + 0.5),
                offset: shift.offset,
                limit: width,
                origin: 1.0,
            };
            inside = positions.compute(level, line);
        }
        let mut start = inside.start;
        while start < inside.end {
            let moved = positions.whole()[start];
            let taps = parts.source.taps((start / 3) as i32 + moved, y as i32);
            // One row down is the row of the position itself.
            let taps = &taps[parts.source.stride()..];
            let length = run_length(&positions.whole()[start..inside.end]);
            let fractions = &positions.fraction()[start..];
            interpolate(
                level,
                [0, 3, 6, 9].map(|at| &taps[at..]),
                fractions,
                &mut parts.row[start..],
                length,
            );
            start += length;
        }
        finish_row(out, parts.row, inside.clone(), fill);
    }
}

/// `Y = shear * (x + 1/2) + (y + 1/2) + offset`, and X stays.
pub(in super::super) fn move_in_columns(
    level: SimdLevel,
    work: &mut Workspace,
    picture: Picture<'_>,
    shift: Shift,
    fill: [u8; 3],
) {
    let Some(picture) = shift.within_reach(picture, fill) else { return };
    let (parts, width) = (work.parts(&picture), picture.width);
    let positions = parts.vertical;
    positions.reset(width, 3);
    for (y, out) in picture.pixels.chunks_exact_mut(3 * width).enumerate() {
        let line = Line {
            slope: shift.shear,
            shift: y as f64 + 0.5,
            offset: shift.offset,
            limit: picture.height,
            origin: 0.0,
        };
        let inside = positions.compute(level, line);
        if shift.shear == 0.0 && !inside.is_empty() {
            let (start, stride) = (inside.start, parts.source.stride());
            // One pixel to the right of the first tap's column is the column of the position itself.
            let taps = &parts.source.taps((start / 3) as i32, positions.whole()[start])[3..];
            let rows = [0, 1, 2, 3].map(|row| &taps[row * stride..]);
            interpolate(level, rows, &positions.fraction()[start..], &mut parts.row[start..], inside.len());
        } else {
            let falling = shift.shear < 0.0;
            interpolate_across(level, parts.source, positions, inside.clone(), falling, parts.row);
        }
        finish_row(out, parts.row, inside, fill);
    }
}

/// The number of equal values at the start; at least one is given.
fn run_length(whole: &[i32]) -> usize {
    let first = whole[0];
    let same = |block: &&[i32]| block.iter().fold(0, |differs, value| differs | (value ^ first)) == 0;
    let checked = LOAD * whole.chunks_exact(LOAD).take_while(same).count();
    checked + whole[checked..].iter().take_while(|&&value| value == first).count()
}

per_level! {
    /// Interpolates `length` bytes, rounded up to whole blocks, between those of four rows of taps.
    fn interpolate(taps: [&[u8]; 4], fractions: &[f64], out: &mut [u8], length: usize) {
        let length = length.next_multiple_of(LOAD);
        let [a, b, c, d] = taps.map(|taps| taps[..length].as_chunks::<LOAD>().0);
        let fractions = fractions[..length].as_chunks::<LOAD>().0;
        let blocks = a.iter().zip(b).zip(c.iter().zip(d)).zip(fractions);
        for ((((a, b), (c, d)), fractions), out) in blocks.zip(out[..length].as_chunks_mut::<LOAD>().0) {
            *out = interpolate_block([a, b, c, d], fractions);
        }
    }
}

/// Interpolates a block of bytes between those of four rows of taps.
#[inline(always)]
#[allow(clippy::inline_always, reason = "must be compiled for its caller's SIMD level")]
fn interpolate_block([a, b, c, d]: [&[u8; LOAD]; 4], fractions: &[f64; LOAD]) -> [u8; LOAD] {
    let mut block = [0; LOAD];
    for i in 0..LOAD {
        block[i] = truncate_f64(cubic_of_bytes([a[i], b[i], c[i], d[i]], fractions[i]));
    }
    block
}

per_level! {
    /// Interpolates the `inside` of a row between rows of taps that change along it, in blocks: each reads all
    /// rows that its positions need, and every byte chooses its four among them.
    fn interpolate_across(
        source: Padded<'_>,
        positions: &Positions,
        inside: Range<usize>,
        falling: bool,
        out: &mut [u8],
    ) {
        let mut start = inside.start;
        while start < inside.end {
            let whole: &[i32; LOAD] = positions.whole()[start..].first_chunk().expect("room for a block");
            let fraction: &[f64; LOAD] = positions.fraction()[start..].first_chunk().expect("room for a block");
            let first = if falling { whole[0] - STEPS } else { whole[0] };
            let rows = source.blocks::<{ STEPS as usize + 4 }>(start, first - 1);
            let steps = whole.map(|whole| whole.wrapping_sub(first));
            let second = steps.map(|step| if step == 1 { 0xff_u8 } else { 0 });
            let third = steps.map(|step| if step == 2 { 0xff_u8 } else { 0 });
            let mut taps = [[0; LOAD]; 4];
            for (taps, at) in taps.iter_mut().zip(0..) {
                for i in 0..LOAD {
                    let [a, b, c] = [rows[at][i], rows[at + 1][i], rows[at + 2][i]];
                    taps[i] = a ^ ((a ^ b) & second[i]) ^ ((a ^ c) & third[i]);
                }
            }
            let block = interpolate_block(taps.each_ref(), fraction);
            out[start..start + LOAD].copy_from_slice(&block);
            // Steep shears need more rows than were read: the rest of the block is the next one's.
            let wanted = LOAD.min(inside.end - start);
            let is_known = |step: &i32| (0..=STEPS).contains(step);
            start += if is_known(&steps[wanted - 1]) {
                wanted
            } else {
                steps.iter().take_while(|step| is_known(step)).count()
            };
        }
    }
}
