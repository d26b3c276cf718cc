//! Eight lines at a time with AVX2 and FMA.

#![allow(clippy::inline_always, reason = "what is not inlined loses the caller's instructions")]

use std::arch::x86_64::{
    __m256, _mm256_add_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_mul_ps, _mm256_permute2f128_ps,
    _mm256_set1_ps, _mm256_shuffle_ps, _mm256_storeu_ps, _mm256_sub_ps, _mm256_unpackhi_ps,
    _mm256_unpacklo_ps,
};
use std::ops::{Add, Mul, Sub};

use super::basis::Basis;
use super::lanes::Lanes;
use super::lines::{Lines, LinesMut};
use super::pass::{Stage, pass};
use crate::level::Avx2;

/// Lines at a time.
pub(super) const LANES: usize = 8;

/// Runs a pass; there must be at least [`LANES`] lines and outputs.
pub(super) fn run(
    proof: Avx2,
    basis: &Basis,
    input: Lines<'_>,
    out: LinesMut<'_>,
    stage: Stage<'_>,
    work: &mut [f32],
) {
    #[target_feature(enable = "avx2,fma")]
    fn with_avx2(
        proof: Avx2,
        basis: &Basis,
        input: Lines<'_>,
        out: LinesMut<'_>,
        stage: Stage<'_>,
        work: &mut [f32],
    ) {
        pass::<Eight, LANES>(proof, basis, input, out, stage, work);
    }
    // SAFETY: the token proves AVX2 and FMA.
    unsafe { with_avx2(proof, basis, input, out, stage, work) }
}

/// A register. It can only be made with the token or from another one, so the CPU has AVX2 and FMA.
#[derive(Clone, Copy)]
struct Eight(__m256);

impl Add for Eight {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: the value proves AVX2.
        Self(unsafe { _mm256_add_ps(self.0, other.0) })
    }
}

impl Sub for Eight {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: the value proves AVX2.
        Self(unsafe { _mm256_sub_ps(self.0, other.0) })
    }
}

impl Mul for Eight {
    type Output = Self;

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: the value proves AVX2.
        Self(unsafe { _mm256_mul_ps(self.0, other.0) })
    }
}

impl Lanes<LANES> for Eight {
    type Proof = Avx2;

    #[inline(always)]
    fn load(_: Avx2, values: &[f32; LANES]) -> Self {
        // SAFETY: the token proves AVX2; eight floats are read, unaligned.
        Self(unsafe { _mm256_loadu_ps(values.as_ptr()) })
    }

    #[inline(always)]
    fn store(self, values: &mut [f32; LANES]) {
        // SAFETY: the value proves AVX2; eight floats are written, unaligned.
        unsafe { _mm256_storeu_ps(values.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Self {
        // SAFETY: the value proves AVX2.
        Self(unsafe { _mm256_set1_ps(value) })
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: the value proves FMA.
        Self(unsafe { _mm256_fmadd_ps(self.0, factor.0, addend.0) })
    }

    #[inline(always)]
    fn transpose(numbers: [Self; LANES]) -> [Self; LANES] {
        let mut pairs = numbers;
        let mut fours = numbers;
        let mut turned = numbers;
        // SAFETY: the values prove AVX2.
        unsafe {
            for i in 0..4 {
                let (a, b) = (numbers[2 * i].0, numbers[2 * i + 1].0);
                pairs[2 * i] = Self(_mm256_unpacklo_ps(a, b));
                pairs[2 * i + 1] = Self(_mm256_unpackhi_ps(a, b));
            }
            for half in 0..2 {
                for i in 0..2 {
                    let (a, b) = (pairs[4 * half + i].0, pairs[4 * half + i + 2].0);
                    fours[4 * half + 2 * i] = Self(_mm256_shuffle_ps::<0x44>(a, b));
                    fours[4 * half + 2 * i + 1] = Self(_mm256_shuffle_ps::<0xee>(a, b));
                }
            }
            for i in 0..4 {
                turned[i] = Self(_mm256_permute2f128_ps::<0x20>(fours[i].0, fours[i + 4].0));
                turned[i + 4] = Self(_mm256_permute2f128_ps::<0x31>(fours[i].0, fours[i + 4].0));
            }
        }
        turned
    }
}
