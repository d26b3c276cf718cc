//! Lines into folded strands before a pass's products, and back into lines after them.
//!
//! A line is folded as `strand` says. What is read lies as the plane does, number by number of many lines;
//! what is written is transposed, line by line.

#![allow(clippy::inline_always, reason = "what is not inlined loses the caller's instructions")]

use super::basis::Basis;
use super::lanes::{Lanes, load_all};
use super::lines::{Lines, LinesMut, chunk, chunk_mut, starts};
use super::strand::differences_from;

/// The folded strands of `L` lines, one behind the other.
///
/// A strand of differences is taken negated and mirrored: then the parts of its spectrum are those of the
/// spectrum times `-i`, swapped.
#[inline(always)]
pub(super) fn fold<V: Lanes<L>, const L: usize>(
    proof: V::Proof,
    basis: &Basis,
    input: Lines<'_>,
    first: usize,
    strands: &mut [[f32; L]],
) {
    let (count, group) = (basis.strands_in, basis.group);
    let (plain, differences) = strands.split_at_mut(differences_from(count) * group);
    let step = count * input.stride;
    let load = |at| V::load(proof, chunk(input.values, at));
    for (j, sums) in plain.chunks_exact_mut(group).enumerate() {
        let mut at = j * input.stride + first;
        if j == 0 || 2 * j == count {
            for sum in sums {
                let value = load(at);
                (value - value.splat(input.offset)).store(sum);
                at += step;
            }
            continue;
        }
        let differences = &mut differences[(j - 1) * group..][..group];
        let pair = |at, mirrored| {
            let (value, other) = (load(at), load(mirrored));
            ((value - value.splat(2.0 * input.offset)) + other, other - value)
        };
        let (sum, difference) = pair(at, at + group * step - 2 * j * input.stride);
        sum.store(&mut sums[0]);
        difference.store(&mut differences[0]);
        for (to_sum, to_difference) in sums[1..].iter_mut().zip(differences[1..].iter_mut().rev()) {
            at += step;
            let (sum, difference) = pair(at, at - 2 * j * input.stride);
            sum.store(to_sum);
            difference.store(to_difference);
        }
    }
}

/// [`fold`] undone: the numbers of the lines, in order.
#[inline(always)]
pub(super) fn unfold<V: Lanes<L>, const L: usize>(
    proof: V::Proof,
    basis: &Basis,
    strands: &[[f32; L]],
    numbers: &mut [[f32; L]],
) {
    let (count, group) = (basis.strands_out, basis.group);
    let (plain, differences) = strands.split_at(differences_from(count) * group);
    let numbers = &mut numbers[..count * group];
    for (j, sums) in plain.chunks_exact(group).enumerate() {
        if j == 0 || 2 * j == count {
            for (number, sum) in numbers[j..].iter_mut().step_by(count).zip(sums) {
                *number = *sum;
            }
            continue;
        }
        let differences = &differences[(j - 1) * group..][..group];
        let pair = |sum, difference| {
            let (sum, difference) = (V::load(proof, sum), V::load(proof, difference));
            (sum - difference, sum + difference)
        };
        let (number, mirrored) = pair(&sums[0], &differences[0]);
        number.store(&mut numbers[j]);
        mirrored.store(&mut numbers[count * group - j]);
        let mut at = j;
        for (sum, difference) in sums[1..].iter().zip(differences[1..].iter().rev()) {
            at += count;
            let (number, mirrored) = pair(sum, difference);
            number.store(&mut numbers[at]);
            mirrored.store(&mut numbers[at - 2 * j]);
        }
    }
}

/// Stores lines one below the other.
#[inline(always)]
pub(super) fn write<V: Lanes<L>, const L: usize>(
    proof: V::Proof,
    numbers: &[[f32; L]],
    first: usize,
    out: &mut LinesMut<'_>,
) {
    for m in starts(numbers.len(), L) {
        let lines = V::transpose(load_all(proof, &numbers[m..m + L].as_chunks().0[0]));
        let mut at = first * out.stride + m;
        for line in lines {
            line.store(chunk_mut(out.values, at));
            at += out.stride;
        }
    }
}
