//! Small real matrices times spectra, one or two lanes' worth of numbers at a time.
//!
//! A tile of up to six rows by two columns stays in registers while its sums run, so that twelve independent
//! chains hide the latency of the additions. Chains are short, and then added up: one long float32 chain
//! would lose a digit.

#![allow(clippy::inline_always, reason = "what is not inlined loses the caller's instructions")]
#![allow(clippy::needless_range_loop, reason = "loops over registers have constant ends")]

use std::ops::Range;

use super::lanes::Lanes;
use super::strand::differences_from;

/// Products in a chain.
const CHAIN: usize = 16;

/// Rows of a whole tile.
const ROWS: usize = 6;

/// A matrix from the spectra of some strands to those of others.
#[derive(Debug)]
pub(super) struct Block {
    /// Which numbers of a spectrum it reads and writes: one that is real (twice), or the two parts of one.
    /// Strands of differences have the parts swapped.
    slots: [usize; 2],
    tiles: Vec<Tile>,
    /// Tile by tile, and in a tile column by column.
    values: Vec<f32>,
}

/// A part of a matrix: up to [`ROWS`] rows and [`CHAIN`] columns.
#[derive(Debug)]
struct Tile {
    rows: Range<usize>,
    columns: Range<usize>,
    /// The number of rows, and of columns, before the differences.
    plain_rows: usize,
    plain_columns: usize,
    /// Whether it is added to what the tile before it has written.
    adds: bool,
}

/// Some of the strands of a line.
pub(super) struct Strands {
    pub(super) range: Range<usize>,
    /// Number of all of them.
    pub(super) count: usize,
}

impl Strands {
    pub(super) fn all(count: usize) -> Self {
        Self { range: 0..count, count }
    }
}

impl Block {
    /// The matrix with these rows and columns, each a strand.
    pub(super) fn new(
        rows: Strands,
        columns: Strands,
        slots: [usize; 2],
        at: impl Fn(usize, usize) -> f32,
    ) -> Self {
        let (Strands { range: rows, count: count_out }, Strands { range: columns, count: count_in }) =
            (rows, columns);
        let (mut tiles, mut values) = (Vec::new(), Vec::with_capacity(rows.len() * columns.len()));
        for row in rows.clone().step_by(ROWS) {
            for column in columns.clone().step_by(CHAIN) {
                let tile = Tile {
                    rows: row..rows.end.min(row + ROWS),
                    columns: column..columns.end.min(column + CHAIN),
                    plain_rows: differences_from(count_out).saturating_sub(row),
                    plain_columns: differences_from(count_in).saturating_sub(column),
                    adds: column > columns.start,
                };
                for column in tile.columns.clone() {
                    values.extend(tile.rows.clone().map(|row| at(row, column)));
                }
                tiles.push(tile);
            }
        }
        Self { slots, tiles, values }
    }
}

/// Spectra, one behind the other.
pub(super) struct Spectra<T> {
    pub(super) values: T,
    /// Numbers of a spectrum.
    pub(super) group: usize,
}

/// Writes what `block` makes of its part of `input`: `W` is 1 for a real number, 2 for the parts of one.
#[inline(always)]
pub(super) fn multiply<V: Lanes<L>, const L: usize, const W: usize>(
    proof: V::Proof,
    block: &Block,
    input: &Spectra<&[[f32; L]]>,
    out: &mut Spectra<&mut [[f32; L]]>,
) {
    let mut values = block.values.as_slice();
    for tile in &block.tiles {
        let (own, rest) = values.split_at(tile.rows.len() * tile.columns.len());
        match tile.rows.len() {
            1 => apply::<V, L, 1, W>(proof, block.slots, tile, own, input, out),
            2 => apply::<V, L, 2, W>(proof, block.slots, tile, own, input, out),
            3 => apply::<V, L, 3, W>(proof, block.slots, tile, own, input, out),
            4 => apply::<V, L, 4, W>(proof, block.slots, tile, own, input, out),
            5 => apply::<V, L, 5, W>(proof, block.slots, tile, own, input, out),
            _ => apply::<V, L, ROWS, W>(proof, block.slots, tile, own, input, out),
        }
        values = rest;
    }
}

/// A tile of `R` rows.
#[inline(always)]
fn apply<V: Lanes<L>, const L: usize, const R: usize, const W: usize>(
    proof: V::Proof,
    [one, other]: [usize; 2],
    tile: &Tile,
    values: &[f32],
    input: &Spectra<&[[f32; L]]>,
    out: &mut Spectra<&mut [[f32; L]]>,
) {
    let values = values.as_chunks::<R>().0;
    let (plain, differences) = values.split_at(tile.plain_columns.min(values.len()));
    let mut sums = [[V::load(proof, &[0.0; L]); R]; W];
    let first = tile.columns.start;
    accumulate(proof, &mut sums, plain, input, first, [one, other]);
    accumulate(proof, &mut sums, differences, input, first + plain.len(), [other, one]);
    let mut at = tile.rows.start * out.group;
    for r in 0..R {
        let slots = if r < tile.plain_rows { [one, other] } else { [other, one] };
        for w in 0..W {
            let to = &mut out.values[at + slots[w]];
            let sum = if tile.adds { V::load(proof, to) + sums[w][r] } else { sums[w][r] };
            sum.store(to);
        }
        at += out.group;
    }
}

/// Adds the products of as many spectra as there are `values`, from number `first` on.
#[inline(always)]
fn accumulate<V: Lanes<L>, const L: usize, const R: usize, const W: usize>(
    proof: V::Proof,
    sums: &mut [[V; R]; W],
    values: &[[f32; R]],
    input: &Spectra<&[[f32; L]]>,
    first: usize,
    slots: [usize; 2],
) {
    let mut at = first * input.group;
    for factors in values {
        for w in 0..W {
            let value = V::load(proof, &input.values[at + slots[w]]);
            for r in 0..R {
                sums[w][r] = value.mul_add(value.splat(factors[r]), sums[w][r]);
            }
        }
        at += input.group;
    }
}
