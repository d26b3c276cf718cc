//! The rows of a PNG: inflating and undoing the filters, with what Pillow makes of data that ends early.
//!
//! Inflating stops at the last row, whatever follows it. Where the compressed data ends with a row, the picture is
//! taken as it is; where it ends inside one, the file is truncated.

use flate2::{Decompress, FlushDecompress, Status};

use super::png_chunks::{Image, Stream};
use super::png_error::{TRUNCATED, corrupt};
use crate::error::DecodeError;

/// First column and row of the passes of an interlaced picture, and the steps between columns and rows.
const PASSES: [[u32; 4]; 7] =
    [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]];

/// The passes and the lengths of their rows.
pub(super) struct Plan {
    passes: Vec<Pass>,
    /// Bytes of a pixel, at least 1.
    pixel_len: usize,
}

struct Pass {
    x: u32,
    y: u32,
    step_x: u32,
    step_y: u32,
    columns: u32,
    rows: u32,
    /// Without the byte that names the filter.
    row_len: usize,
}

/// Position of the pixels of a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct PixelRun {
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) step: u32,
    pub(super) count: u32,
}

impl Plan {
    pub(super) fn new(image: &Image) -> Result<Self, DecodeError> {
        let bits = usize::from(image.kind.bits());
        let (width, height) = image.part;
        let pass = |&[x, y, step_x, step_y]: &[u32; 4]| {
            let columns = width.saturating_sub(x).div_ceil(step_x);
            let rows = height.saturating_sub(y).div_ceil(step_y);
            Pass { x, y, step_x, step_y, columns, rows, row_len: (columns as usize * bits).div_ceil(8) }
        };
        let passes: &[_] = if image.is_interlaced { &PASSES } else { &[[0, 0, 1, 1]] };
        let mut passes: Vec<_> = passes.iter().map(pass).collect();
        passes.retain(|pass| pass.columns > 0 && pass.rows > 0);
        if passes.is_empty() {
            Err(corrupt("no pixels"))
        } else {
            Ok(Self { passes, pixel_len: bits.div_ceil(8) })
        }
    }

    /// Bytes of all rows, filter bytes included.
    pub(super) fn raw_len(&self) -> usize {
        self.passes.iter().map(|pass| pass.rows as usize * (1 + pass.row_len)).sum()
    }

    /// The number of rows that end at byte `len`, if one does.
    fn rows_in(&self, mut len: usize) -> Option<usize> {
        let mut n_rows = 0;
        for pass in &self.passes {
            let here = (len / (1 + pass.row_len)).min(pass.rows as usize);
            n_rows += here;
            len -= here * (1 + pass.row_len);
            if here < pass.rows as usize {
                break;
            }
        }
        (len == 0).then_some(n_rows)
    }

    /// Undoes the filters of the first `n_rows` rows of `raw`, and hands each row over.
    pub(super) fn unfilter(
        &self,
        raw: &mut [u8],
        n_rows: usize,
        mut put: impl FnMut(&[u8], PixelRun),
    ) -> Result<(), DecodeError> {
        let (mut rest, mut left) = (raw, n_rows);
        for pass in &self.passes {
            let mut before: &[u8] = &[];
            for i in 0..(pass.rows as usize).min(left) {
                let (row, behind) = std::mem::take(&mut rest).split_at_mut(1 + pass.row_len);
                rest = behind;
                let (filter, row) = (row[0], &mut row[1..]);
                unfilter(filter, row, before, self.pixel_len)?;
                let y = pass.y + i as u32 * pass.step_y;
                put(row, PixelRun { x: pass.x, y, step: pass.step_x, count: pass.columns });
                before = row;
            }
            left -= left.min(pass.rows as usize);
        }
        Ok(())
    }
}

/// Inflates the pixels into `raw`, which has room for all rows; returns the number of rows.
pub(super) fn inflate(stream: &mut Stream<'_>, plan: &Plan, raw: &mut [u8]) -> Result<usize, DecodeError> {
    let mut state = Decompress::new(true);
    let mut len = 0;
    let mut has_ended = false;
    loop {
        let piece = stream.pixels()?;
        if has_ended {
            continue;
        }
        let before = len;
        let (status, now) = fill(&mut state, piece, &mut raw[len..])?;
        len += now;
        if len == raw.len() {
            return plan.rows_in(len).ok_or(TRUNCATED);
        }
        if status == Status::StreamEnd {
            // The end counts only if it comes along with the end of a row.
            match plan.rows_in(len) {
                Some(n_rows) if len > before => return Ok(n_rows),
                _ => has_ended = true,
            }
        }
    }
}

/// Inflates all of `piece`, or until `out` is full or the data ends.
fn fill(state: &mut Decompress, piece: &[u8], out: &mut [u8]) -> Result<(Status, usize), DecodeError> {
    let (start_in, start_out) = (state.total_in(), state.total_out());
    loop {
        let read = (state.total_in() - start_in) as usize;
        let written = (state.total_out() - start_out) as usize;
        let status = state
            .decompress(&piece[read..], &mut out[written..], FlushDecompress::None)
            .map_err(|error| corrupt(format!("compressed pixels: {error}")))?;
        let now = (state.total_out() - start_out) as usize;
        let has_read = (state.total_in() - start_in) as usize == piece.len();
        let is_stuck = status == Status::BufError;
        if status == Status::StreamEnd || now == out.len() || has_read || is_stuck {
            return Ok((status, now));
        }
    }
}

fn unfilter(filter: u8, row: &mut [u8], before: &[u8], pixel_len: usize) -> Result<(), DecodeError> {
    // The row above the first one is zero: each filter has its form without it.
    match (filter, before.is_empty()) {
        (0, _) | (2, true) => {}
        (1, _) | (4, true) => {
            for i in pixel_len..row.len() {
                row[i] = row[i].wrapping_add(row[i - pixel_len]);
            }
        }
        (2, false) => row.iter_mut().zip(before).for_each(|(value, &up)| *value = value.wrapping_add(up)),
        (3, true) => {
            for i in pixel_len..row.len() {
                row[i] = row[i].wrapping_add(row[i - pixel_len] / 2);
            }
        }
        (3, false) => match pixel_len {
            1 => average::<1>(row, before),
            2 => average::<2>(row, before),
            3 => average::<3>(row, before),
            4 => average::<4>(row, before),
            6 => average::<6>(row, before),
            _ => average::<8>(row, before),
        },
        (4, false) => match pixel_len {
            1 => paeth::<1>(row, before),
            2 => paeth::<2>(row, before),
            3 => paeth::<3>(row, before),
            4 => paeth::<4>(row, before),
            6 => paeth::<6>(row, before),
            _ => paeth::<8>(row, before),
        },
        _ => return Err(corrupt(format!("an unknown filter {filter}"))),
    }
    Ok(())
}

fn average<const N: usize>(row: &mut [u8], before: &[u8]) {
    let mut left = [0u8; N];
    for (pixel, up) in row.as_chunks_mut::<N>().0.iter_mut().zip(before.as_chunks::<N>().0) {
        for i in 0..N {
            pixel[i] = pixel[i].wrapping_add(u8::midpoint(left[i], up[i]));
        }
        left = *pixel;
    }
}

fn paeth<const N: usize>(row: &mut [u8], before: &[u8]) {
    let (mut left, mut corner) = ([0u8; N], [0u8; N]);
    for (pixel, up) in row.as_chunks_mut::<N>().0.iter_mut().zip(before.as_chunks::<N>().0) {
        for i in 0..N {
            pixel[i] = pixel[i].wrapping_add(predict(left[i], up[i], corner[i]));
        }
        (left, corner) = (*pixel, *up);
    }
}

/// The neighbour that is nearest to left + up - corner; ties go to the left one, then to the one above.
fn predict(left: u8, up: u8, corner: u8) -> u8 {
    let (a, b, c) = (i16::from(left), i16::from(up), i16::from(corner));
    let (to_left, to_up, to_corner) = ((b - c).abs(), (a - c).abs(), (a + b - 2 * c).abs());
    if to_left <= to_up && to_left <= to_corner {
        left
    } else if to_up <= to_corner {
        up
    } else {
        corner
    }
}
