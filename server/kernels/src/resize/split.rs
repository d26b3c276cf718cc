//! The forms of integer weights that vector kernels read.
//!
//! The kernels want products of narrower numbers than 23 bits, so a weight `q` is stored split, without any loss:
//!
//! - as `high * 2^11 + low` with `low` in `0..2^11`: both are 16-bit numbers, and two of them at a time go
//!   through `pmaddwd` (the pairs);
//! - as `b2 * 2^16 + b1 * 2^8 + b0` with signed bytes: four at a time go through `vpdpbusd` (the quads).
//!
//! All sums are taken modulo 2^32, where shifting and adding the partial sums gives exactly the plain sum.
//! The splits fit because a normalised weight is below 1.5: the kernels are at most 1 and the sum that
//! divides them is at least 0.47 (the two taps that Lanczos keeps at the edge of two pixels). Joined weights
//! (`detour`) stay below 2; tests try the sizes that occur.
#![cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "only x86-64 kernels read split weights"))]

use super::axis::Axis;
use super::spans::GROUP;

/// Bits of the low part of a pair weight.
pub(super) const PAIR_SHIFT: i32 = 11;

/// Two taps: the 16-bit high parts in one word, the 11-bit low parts in another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Pair {
    pub(super) high: i32,
    pub(super) low: i32,
}

/// Four taps: their signed bytes, least significant part first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Quad(pub(super) [i32; 3]);

/// The pairs of an axis, `2 * groups` per output.
pub(super) fn pairs(axis: &Axis) -> Vec<Pair> {
    axis.padded_weights().as_chunks().0.iter().map(|&taps| Pair::new(taps)).collect()
}

/// The quads of an axis, `groups` per output.
pub(super) fn quads(axis: &Axis) -> Vec<Quad> {
    axis.padded_weights().as_chunks::<GROUP>().0.iter().map(Quad::new).collect()
}

impl Pair {
    fn new([a, b]: [i32; 2]) -> Self {
        let mask = (1 << PAIR_SHIFT) - 1;
        let high = u32::from((a >> PAIR_SHIFT) as u16) | u32::from((b >> PAIR_SHIFT) as u16) << 16;
        Self { high: high as i32, low: (a & mask) | (b & mask) << 16 }
    }
}

impl Quad {
    pub(super) fn new(weights: &[i32; GROUP]) -> Self {
        let [a, b, c, d] = weights.map(signed_digits);
        let part = |shift: u32| {
            let byte = |digits: u32| digits >> shift & 0xff;
            (byte(a) | byte(b) << 8 | byte(c) << 16 | byte(d) << 24) as i32
        };
        Self([part(0), part(8), part(16)])
    }
}

/// The three digits of a weight in base 256 with digits of -128..=127, as the low bytes of a word.
///
/// With 128 added to every digit they are the plain bytes of a sum; flipping the upper bits takes it off.
fn signed_digits(weight: i32) -> u32 {
    const BIAS: u32 = 0x80_8080;
    (weight as u32).wrapping_add(BIAS) ^ BIAS
}

#[cfg(test)]
#[path = "split_tests.rs"]
mod tests;
