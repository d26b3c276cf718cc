//! Moves pixels along their rows or along their columns: shears and translations.
//!
//! Where neighbouring output pixels move by the same number of whole pixels, their taps are neighbours too,
//! and a run of them is interpolated byte by byte, 16 at a time. Along rows a run is nearly always the whole
//! row; along columns a sheared row breaks into runs of `1 / shear` pixels.

use super::super::Picture;
use super::super::per_level::per_level;
use super::super::truncate::truncate_f64;
use super::{LOAD, Line, Workspace, cubic_of_bytes, finish_row, is_near, paint};
use crate::SimdLevel;

/// How far pixels move: `shear` times the distance across, plus `offset`.
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

    fn is_near(self) -> bool {
        is_near(&[self.shear, self.offset])
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
    if shift.is_nothing() {
        return;
    }
    if !shift.is_near() {
        return paint(picture.pixels, fill);
    }
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
    if shift.is_nothing() {
        return;
    }
    if !shift.is_near() {
        return paint(picture.pixels, fill);
    }
    let (parts, width) = (work.parts(&picture), picture.width);
    let (positions, stride) = (parts.vertical, parts.source.stride());
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
        let mut start = inside.start;
        while start < inside.end {
            // One pixel to the right of the first tap's column is the column of the position itself.
            let taps = &parts.source.taps((start / 3) as i32, positions.whole()[start])[3..];
            let length = run_length(&positions.whole()[start..inside.end]);
            let rows = [0, 1, 2, 3].map(|row| &taps[row * stride..]);
            interpolate(level, rows, &positions.fraction()[start..], &mut parts.row[start..], length);
            start += length;
        }
        finish_row(out, parts.row, inside, fill);
    }
}

/// How many of the first values are the same; at least one is given.
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
            for i in 0..LOAD {
                out[i] = truncate_f64(cubic_of_bytes([a[i], b[i], c[i], d[i]], fractions[i]));
            }
        }
    }
}
