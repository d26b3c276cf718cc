//! The numbers that a pass works on: one float, or a register of floats, of different lines.
//!
//! The crop is written once, for any number of lines at a time. Every operation here treats each lane alone
//! and rounds once, so a line's bits do not depend on how many others are beside it: the levels agree by
//! construction. Only [`Lanes::transpose`] moves numbers between lanes.

#![allow(clippy::inline_always, reason = "what is not inlined loses the caller's instructions")]
#![allow(clippy::needless_range_loop, reason = "loops over registers have constant ends")]

use std::ops::{Add, Mul, Sub};

/// `L` floats. A value exists only where the CPU can calculate with it.
pub(super) trait Lanes<const L: usize>:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self>
{
    /// The proof that the CPU has the instructions.
    type Proof: Copy;

    fn load(proof: Self::Proof, values: &[f32; L]) -> Self;

    fn store(self, values: &mut [f32; L]);

    /// `value` in every lane.
    fn splat(self, value: f32) -> Self;

    /// `self * factor + addend`, rounded once.
    fn mul_add(self, factor: Self, addend: Self) -> Self;

    /// Lane `i` of number `k` becomes lane `k` of number `i`.
    fn transpose(numbers: [Self; L]) -> [Self; L];
}

impl Lanes<1> for f32 {
    type Proof = ();

    #[inline(always)]
    fn load((): (), values: &[f32; 1]) -> Self {
        values[0]
    }

    #[inline(always)]
    fn store(self, values: &mut [f32; 1]) {
        values[0] = self;
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Self {
        value
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        f32::mul_add(self, factor, addend)
    }

    #[inline(always)]
    fn transpose(numbers: [Self; 1]) -> [Self; 1] {
        numbers
    }
}

/// [`Lanes::load`] for each number.
#[inline(always)]
pub(super) fn load_all<V: Lanes<L>, const L: usize, const G: usize>(
    proof: V::Proof,
    from: &[[f32; L]; G],
) -> [V; G] {
    let mut values = [V::load(proof, &from[0]); G];
    for i in 1..G {
        values[i] = V::load(proof, &from[i]);
    }
    values
}

/// [`Lanes::store`] for each number.
#[inline(always)]
pub(super) fn store_all<V: Lanes<L>, const L: usize, const G: usize>(values: [V; G], to: &mut [[f32; L]; G]) {
    for i in 0..G {
        values[i].store(&mut to[i]);
    }
}
