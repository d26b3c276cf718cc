//! Sixteen lines at a time with AVX-512.

#![allow(clippy::inline_always, reason = "what is not inlined loses the caller's instructions")]

use std::arch::x86_64::{
    __m512, _mm512_add_ps, _mm512_castpd_ps, _mm512_castps_pd, _mm512_fmadd_ps, _mm512_loadu_ps,
    _mm512_mul_ps, _mm512_set1_ps, _mm512_shuffle_f32x4, _mm512_storeu_ps, _mm512_sub_ps, _mm512_unpackhi_pd,
    _mm512_unpackhi_ps, _mm512_unpacklo_pd, _mm512_unpacklo_ps,
};
use std::ops::{Add, Mul, Sub};

use super::basis::Basis;
use super::lanes::Lanes;
use super::lines::{Lines, LinesMut};
use super::pass::{Stage, pass};
use crate::level::Avx512;

/// Lines at a time.
pub(super) const LANES: usize = 16;

/// Runs a pass; there must be at least [`LANES`] lines and outputs.
pub(super) fn run(
    proof: Avx512,
    basis: &Basis,
    input: Lines<'_>,
    out: LinesMut<'_>,
    stage: Stage<'_>,
    work: &mut [f32],
) {
    #[target_feature(enable = "avx512f")]
    fn with_avx512(
        proof: Avx512,
        basis: &Basis,
        input: Lines<'_>,
        out: LinesMut<'_>,
        stage: Stage<'_>,
        work: &mut [f32],
    ) {
        pass::<Sixteen, LANES>(proof, basis, input, out, stage, work);
    }
    // SAFETY: the token proves AVX-512 F.
    unsafe { with_avx512(proof, basis, input, out, stage, work) }
}

/// A register. It can only be made with the token or from another one, so the CPU has AVX-512 F.
#[derive(Clone, Copy)]
struct Sixteen(__m512);

impl Add for Sixteen {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: the value proves AVX-512 F.
        Self(unsafe { _mm512_add_ps(self.0, other.0) })
    }
}

impl Sub for Sixteen {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: the value proves AVX-512 F.
        Self(unsafe { _mm512_sub_ps(self.0, other.0) })
    }
}

impl Mul for Sixteen {
    type Output = Self;

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: the value proves AVX-512 F.
        Self(unsafe { _mm512_mul_ps(self.0, other.0) })
    }
}

impl Lanes<LANES> for Sixteen {
    type Proof = Avx512;

    #[inline(always)]
    fn load(_: Avx512, values: &[f32; LANES]) -> Self {
        // SAFETY: the token proves AVX-512 F; sixteen floats are read, unaligned.
        Self(unsafe { _mm512_loadu_ps(values.as_ptr()) })
    }

    #[inline(always)]
    fn store(self, values: &mut [f32; LANES]) {
        // SAFETY: the value proves AVX-512 F; sixteen floats are written, unaligned.
        unsafe { _mm512_storeu_ps(values.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Self {
        // SAFETY: the value proves AVX-512 F.
        Self(unsafe { _mm512_set1_ps(value) })
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: the value proves AVX-512 F.
        Self(unsafe { _mm512_fmadd_ps(self.0, factor.0, addend.0) })
    }

    #[inline(always)]
    fn transpose(numbers: [Self; LANES]) -> [Self; LANES] {
        let mut pairs = numbers;
        let mut fours = numbers;
        let mut halves = numbers;
        let mut turned = numbers;
        // SAFETY: the values prove AVX-512 F.
        unsafe {
            for i in (0..LANES).step_by(2) {
                let (a, b) = (numbers[i].0, numbers[i + 1].0);
                pairs[i] = Self(_mm512_unpacklo_ps(a, b));
                pairs[i + 1] = Self(_mm512_unpackhi_ps(a, b));
            }
            // Quarter `q` of `fours[4 * group + i]` now has lane `4 * q + i` of the group's four numbers.
            for i in (0..LANES).step_by(4) {
                for k in 0..2 {
                    let (a, b) = (_mm512_castps_pd(pairs[i + k].0), _mm512_castps_pd(pairs[i + k + 2].0));
                    fours[i + 2 * k] = Self(_mm512_castpd_ps(_mm512_unpacklo_pd(a, b)));
                    fours[i + 2 * k + 1] = Self(_mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));
                }
            }
            for i in 0..4 {
                for k in 0..2 {
                    let (a, b) = (fours[i + 8 * k].0, fours[i + 8 * k + 4].0);
                    halves[i + 8 * k] = Self(_mm512_shuffle_f32x4::<0x88>(a, b));
                    halves[i + 8 * k + 4] = Self(_mm512_shuffle_f32x4::<0xdd>(a, b));
                }
            }
            // `halves[i]` has quarters 0 and 2 of groups 0 and 1, `halves[i + 4]` quarters 1 and 3.
            for i in 0..4 {
                for k in 0..2 {
                    let (a, b) = (halves[i + 4 * k].0, halves[i + 4 * k + 8].0);
                    turned[i + 4 * k] = Self(_mm512_shuffle_f32x4::<0x88>(a, b));
                    turned[i + 4 * k + 8] = Self(_mm512_shuffle_f32x4::<0xdd>(a, b));
                }
            }
        }
        turned
    }
}
