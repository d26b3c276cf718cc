//! Moves pixels along their columns: `ShearY` and `TranslateY`. `Y = shear * (x + 1/2) + (y + 1/2) + offset`, and X stays.
//!
//! All pixels of a column move by the same distance, so that weights are found once for a picture. What moves by whole
//! pixels comes first: sheared rows, of pixels whose positions are in one row. Four of them are a row's taps, and each is
//! used for four rows. They are put together from runs of bytes that move by the same number of rows.

use std::ops::Range;

use super::super::Picture;
use super::super::truncate::truncate_f64;
use super::taps::{self, SPARE, interpolate, interpolate_row};
use super::{Padded, Shift, Workspace, cubic_of_bytes, paint};
use crate::SimdLevel;

/// The bytes of a run that are copied at once.
const PIECE: usize = 16;

/// Distances from here on move everything outside.
const OUTSIDE: f64 = (1_u64 << 26) as f64;

/// Scratch memory.
#[derive(Debug, Default)]
pub(super) struct Columns {
    weights: taps::Row,
    pieces: Vec<Piece>,
    /// The last four sheared rows, each at its number modulo 4.
    sheared: [Vec<u8>; 4],
}

/// Neighbouring bytes of a row that move by the same number of rows. A piece is copied whole; the next one overwrites
/// what is not of this one.
#[derive(Clone, Copy, Debug)]
struct Piece {
    start: usize,
    rows: isize,
}

/// Moves the columns of a picture.
pub(in super::super) fn move_in_columns(
    level: SimdLevel,
    work: &mut Workspace,
    picture: Picture<'_>,
    shift: Shift,
    fill: [u8; 3],
) {
    let Some(picture) = shift.within_reach(picture, fill) else { return };
    let size = [picture.width, picture.height];
    let source = Padded::new(&mut work.copy, &picture);
    let (columns, unsure) = (&mut work.columns, &mut work.unsure);
    if shift.shear != 0.0 {
        columns.prepare(level, shift, size[0]);
        for row in 0..3 {
            columns.shear(source, row - 1);
        }
    }
    let mut borders = [if shift.shear < 0.0 { 0 } else { size[0] }; 2];
    for (y, out) in picture.pixels.chunks_exact_mut(3 * size[0]).enumerate() {
        let inside = inside(shift, &mut borders, size, y);
        let inside = 3 * inside.start..3 * inside.end;
        let mut start = 0;
        unsure.clear();
        if shift.shear != 0.0 {
            columns.shear(source, y as isize + 2);
            start = inside.start / SPARE * SPARE;
            let rows = columns.rows(y).map(|row| &row[start..]);
            interpolate_row(
                level,
                rows,
                &columns.weights,
                start,
                &mut out[start..inside.end.max(start)],
                unsure,
            );
        } else if !inside.is_empty() {
            let whole = shift.offset.floor();
            let rows = [-1, 0, 1, 2].map(|row| source.row(y as isize + whole as isize + row));
            interpolate(level, rows, shift.offset - whole, out, unsure);
        }
        for at in unsure.iter().map(|at| start + at).filter(|at| inside.contains(at)) {
            out[at] = exact(shift, source, at, y);
        }
        paint(&mut out[..inside.start], fill);
        paint(&mut out[inside.end..], fill);
    }
}

/// The row of the source position of a pixel as float64 rounds it: monotone in `x` and rising in `y`.
fn position(shift: Shift, x: usize, y: usize) -> f64 {
    shift.shear * (x as f64 + 0.5) + (y as f64 + 0.5) + shift.offset
}

/// The pixels of row `y` that come from inside the picture. Rows are asked for one after the other.
///
/// `borders` are the numbers of pixels before the picture's two edges: with a rising shear those whose positions lie
/// below, fewer in each row, and with a falling one those whose positions lie behind, more in each row.
fn inside(shift: Shift, borders: &mut [usize; 2], [width, height]: [usize; 2], y: usize) -> Range<usize> {
    for (border, limit) in borders.iter_mut().zip([0.0, height as f64]) {
        if shift.shear < 0.0 {
            while *border < width && position(shift, *border, y) >= limit {
                *border += 1;
            }
        } else {
            while *border > 0 && position(shift, *border - 1, y) >= limit {
                *border -= 1;
            }
        }
    }
    let [first, second] = *borders;
    first.min(second)..first.max(second)
}

/// A byte of row `y` as Pillow computes it.
fn exact(shift: Shift, source: Padded<'_>, at: usize, y: usize) -> u8 {
    let position = position(shift, at / 3, y) - 0.5;
    let whole = position.floor();
    let taps = [-1, 0, 1, 2].map(|row| source.row(whole as isize + row)[at]);
    truncate_f64(cubic_of_bytes(taps, position - whole))
}

impl Columns {
    /// Finds the weights of all bytes, and the pieces of rows.
    fn prepare(&mut self, level: SimdLevel, shift: Shift, width: usize) {
        self.weights.reset(3 * width);
        self.pieces.clear();
        for row in &mut self.sheared {
            row.resize(3 * width + SPARE, 0);
        }
        let mut last = isize::MAX;
        for x in 0..width {
            let distance = (shift.shear * (x as f64 + 0.5) + shift.offset).clamp(-OUTSIDE, OUTSIDE);
            let whole = distance.floor();
            self.weights.set(level, x, distance - whole);
            let rows = whole as isize;
            if rows != last || self.pieces.last().is_some_and(|piece| piece.start + PIECE < 3 * x + 3) {
                self.pieces.push(Piece { start: 3 * x, rows });
                last = rows;
            }
        }
    }

    /// Puts a sheared row together.
    fn shear(&mut self, source: Padded<'_>, y: isize) {
        let out = &mut self.sheared[y as usize % 4];
        for piece in &self.pieces {
            let row = source.row(source.nearest(y + piece.rows));
            let piece = piece.start..piece.start + PIECE;
            out[piece.clone()].copy_from_slice(&row[piece]);
        }
    }

    /// The sheared rows of the taps of row `y`.
    fn rows(&self, y: usize) -> [&[u8]; 4] {
        [3, 0, 1, 2].map(|row| self.sheared[(y + row) % 4].as_slice())
    }
}
