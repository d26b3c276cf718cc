//! One pass of the crop: all lines of a plane, from `N` numbers to `M`, and the plane transposed.
//!
//! Some lines at a time, one a lane, go through four steps in memory that stays in the nearest cache: strands
//! are folded and become spectra, in place; the matrices of all frequencies make `P` spectra of `Q`; those
//! become strands again; unfolded and transposed, they are stored. Two such passes crop a plane both ways
//! and leave it as it lay.
//!
//! If lines are left over at the end, some are done twice, with the same result.

#![allow(clippy::inline_always, reason = "what is not inlined loses the caller's instructions")]

use super::basis::Basis;
use super::fold::{fold, unfold, write};
use super::lanes::{Lanes, load_all, store_all};
use super::lines::{Lines, LinesMut, chunk_mut, starts};
use super::product::{Spectra, multiply};
use super::strand::unchanged;
use super::transform::{Transform, rotated};

/// The part of the crop that only the first or only the second pass does.
pub(super) enum Stage<'a> {
    /// Also gives the sum over the unpaired frequency's sine for each line.
    Down { sines: &'a mut [f32] },
    /// Also adds the checkerboard of this height, and a constant.
    Across { checkerboard: f32, offset: f32 },
}

/// Floats of `work` for [`pass`].
pub(super) fn work_len(basis: &Basis, lanes: usize) -> usize {
    (basis.side + basis.outputs) * lanes
}

/// There must be at least `L` lines and outputs.
#[inline(always)]
pub(super) fn pass<V: Lanes<L>, const L: usize>(
    proof: V::Proof,
    basis: &Basis,
    input: Lines<'_>,
    mut out: LinesMut<'_>,
    mut stage: Stage<'_>,
    work: &mut [f32],
) {
    let work = work.as_chunks_mut::<L>().0;
    let (strands, bands) = work.split_at_mut(basis.side);
    let bands = &mut bands[..basis.outputs];
    for first in starts(input.count, L) {
        fold::<V, L>(proof, basis, input, first, strands);
        match basis.group {
            1 => {}
            2 => forward::<V, L, 2>(proof, basis, strands),
            4 => forward::<V, L, 4>(proof, basis, strands),
            8 => forward::<V, L, 8>(proof, basis, strands),
            16 => forward::<V, L, 16>(proof, basis, strands),
            _ => forward::<V, L, 32>(proof, basis, strands),
        }
        combine::<V, L>(proof, basis, strands, bands);
        match &mut stage {
            Stage::Down { sines } => sine::<V, L>(proof, basis, strands, chunk_mut(sines, first)),
            Stage::Across { checkerboard, offset } => {
                add_checkerboard::<V, L>(proof, basis, *checkerboard, first, bands);
                add_constant::<V, L>(proof, basis, *offset, bands);
            }
        }
        match basis.group {
            1 => {}
            2 => inverse::<V, L, 2>(proof, basis, bands),
            4 => inverse::<V, L, 4>(proof, basis, bands),
            8 => inverse::<V, L, 8>(proof, basis, bands),
            16 => inverse::<V, L, 16>(proof, basis, bands),
            _ => inverse::<V, L, 32>(proof, basis, bands),
        }
        unfold::<V, L>(proof, basis, bands, strands);
        write::<V, L>(proof, &strands[..basis.outputs], first, &mut out);
    }
}

/// Strands become spectra.
#[inline(always)]
fn forward<V: Transform<G, L>, const L: usize, const G: usize>(
    proof: V::Proof,
    basis: &Basis,
    strands: &mut [[f32; L]],
) {
    let count = basis.strands_in;
    for (index, strand) in strands.as_chunks_mut::<G>().0.iter_mut().take(count).enumerate() {
        let spectrum = V::forward(load_all::<V, L, G>(proof, strand));
        store_all(spectrum, strand);
        if 2 * index == count {
            turn::<V, L, G>(proof, strand, &basis.turns, 1.0);
        }
    }
}

/// Spectra become strands.
#[inline(always)]
fn inverse<V: Transform<G, L>, const L: usize, const G: usize>(
    proof: V::Proof,
    basis: &Basis,
    bands: &mut [[f32; L]],
) {
    let count = basis.strands_out;
    for (index, band) in bands.as_chunks_mut::<G>().0.iter_mut().take(count).enumerate() {
        if 2 * index == count {
            turn::<V, L, G>(proof, band, &basis.turns, -1.0);
        }
        let strand = V::inverse(load_all::<V, L, G>(proof, band));
        store_all(strand, band);
    }
}

/// The spectrum of a middle strand times `exp(-i pi c / G)` (`direction` 1), or back (-1). What is real at
/// `c = G / 2` becomes imaginary, and the other way round.
#[inline(always)]
fn turn<V: Lanes<L>, const L: usize, const G: usize>(
    proof: V::Proof,
    spectrum: &mut [[f32; L]; G],
    turns: &[[f32; 2]],
    direction: f32,
) {
    let value = V::load(proof, &spectrum[1]);
    (value * value.splat(-1.0)).store(&mut spectrum[1]);
    for (parts, &[cosine, sine]) in spectrum[2..].as_chunks_mut::<2>().0.iter_mut().zip(turns) {
        let [re, im] = load_all::<V, L, 2>(proof, parts);
        store_all(rotated([re, im], [cosine, direction * sine]), parts);
    }
}

/// All matrices.
#[inline(always)]
fn combine<V: Lanes<L>, const L: usize>(
    proof: V::Proof,
    basis: &Basis,
    spectra: &[[f32; L]],
    bands: &mut [[f32; L]],
) {
    let input = Spectra { values: spectra, group: basis.group };
    let mut out = Spectra { values: bands, group: basis.group };
    for block in &basis.reals {
        multiply::<V, L, 1>(proof, block, &input, &mut out);
    }
    for block in &basis.pairs {
        multiply::<V, L, 2>(proof, block, &input, &mut out);
    }
}

/// The sums over the unpaired frequency's sine.
#[inline(always)]
fn sine<V: Lanes<L>, const L: usize>(
    proof: V::Proof,
    basis: &Basis,
    spectra: &[[f32; L]],
    sums: &mut [f32; L],
) {
    let (slot, count) = (basis.sine_slot(), basis.strands_in);
    let mut sum = V::load(proof, &[0.0; L]);
    for index in unchanged(count, slot)..count {
        let value = V::load(proof, &spectra[index * basis.group + slot]);
        sum = value.mul_add(value.splat(basis.sine_row[index]), sum);
    }
    sum.store(sums);
}

/// Adds the checkerboard, which has one frequency only.
#[inline(always)]
fn add_checkerboard<V: Lanes<L>, const L: usize>(
    proof: V::Proof,
    basis: &Basis,
    height: f32,
    first: usize,
    bands: &mut [[f32; L]],
) {
    let mut heights = [height; L];
    for (lane, value) in heights.iter_mut().enumerate() {
        *value = if (first + lane).is_multiple_of(2) { height } else { -height };
    }
    let heights = V::load(proof, &heights);
    let slot = basis.sine_slot();
    let touched = bands.chunks_exact_mut(basis.group).take(unchanged(basis.strands_out, slot));
    for (m, band) in touched.enumerate() {
        let value = V::load(proof, &band[slot]);
        let sum = if m.is_multiple_of(2) { value + heights } else { value - heights };
        sum.store(&mut band[slot]);
    }
}

/// Adds a constant, which has the frequency 0 only.
#[inline(always)]
fn add_constant<V: Lanes<L>, const L: usize>(
    proof: V::Proof,
    basis: &Basis,
    constant: f32,
    bands: &mut [[f32; L]],
) {
    for band in bands.chunks_exact_mut(basis.group).take(unchanged(basis.strands_out, 0)) {
        let value = V::load(proof, &band[0]);
        (value + value.splat(constant)).store(&mut band[0]);
    }
}
