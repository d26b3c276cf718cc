//! The accurate integer inverse DCT of 8 x 8 coefficients (jidctint.c; Loeffler, Ligtenberg and Moschytz, 1989).
//!
//! The numbers are those of libjpeg-turbo's vector code: coefficients times steps and the first sums have 16 bits and
//! wrap, products have 32, and each pass ends with a saturation to 16.

mod factors;
mod scalar;

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector instructions")]
mod avx2;
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector instructions")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod lines;

use crate::{
    level::{Kind, SimdLevel},
    refusal::Refusal,
};

/// The 8 x 8 samples of a block, row by row.
pub(crate) type Samples = [[u8; 8]; 8];

/// The quantisation steps of a component in natural order, as the transform multiplies with them.
#[derive(Clone, Debug)]
pub(crate) struct Steps([i16; 64]);

impl Steps {
    pub(crate) fn new(steps: &[u8; 64]) -> Self {
        Self(steps.map(i16::from))
    }
}

/// A block to transform.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Coded<'a> {
    pub(crate) coefficients: &'a [i16; 64],
    pub(crate) steps: &'a Steps,
    /// Where its samples go: a number of the caller's.
    pub(crate) place: usize,
}

/// Gives `write` the samples of blocks, each with its place.
///
/// # Errors
/// [`Refusal::Extreme`] if a coefficient is beyond the range in which all of libjpeg-turbo's code agrees.
pub(crate) fn inverse(
    level: SimdLevel,
    blocks: &[Coded<'_>],
    write: impl FnMut(usize, &Samples),
) -> Result<(), Refusal> {
    let is_done = match level.kind() {
        Kind::Scalar => {
            each(blocks, |[block]| Some([scalar::inverse(block.coefficients, block.steps)?]), write)
        }
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2(proof) => each(blocks, |blocks| avx2::inverse(proof, blocks), write),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512(proof) if blocks.len() > 2 => {
            each(blocks, |blocks| avx512::inverse(proof, blocks), write)
        }
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512(proof) => each(blocks, |blocks| avx2::inverse(proof.avx2(), blocks), write),
    };
    is_done.ok_or(Refusal::Extreme)
}

/// Transforms `N` blocks at a time; the last ones with one of them again where they are fewer.
#[inline(always)]
fn each<'a, const N: usize>(
    blocks: &[Coded<'a>],
    transform: impl Fn([&Coded<'a>; N]) -> Option<[Samples; N]>,
    mut write: impl FnMut(usize, &Samples),
) -> Option<()> {
    for blocks in blocks.chunks(N) {
        let of_all = std::array::from_fn(|number| &blocks[number.min(blocks.len() - 1)]);
        let samples = transform(of_all)?;
        for (block, samples) in blocks.iter().zip(&samples) {
            write(block.place, samples);
        }
    }
    Some(())
}

/// The sample of which a block with a DC coefficient alone consists.
///
/// # Errors
/// As [`inverse`].
pub(crate) fn inverse_dc(coefficient: i16, steps: &Steps) -> Result<u8, Refusal> {
    let value = coefficient.wrapping_mul(steps.0[0]);
    if is_extreme(value) {
        return Err(Refusal::Extreme);
    }
    // The first pass gives four times the value in the whole column, exactly.
    let sample = (4 * i32::from(value) + 16) >> 5;
    Ok((sample.clamp(-128, 127) + 128) as u8)
}

/// Whether a coefficient of the first row, times its step, is beyond the range in which the shortcut that libjpeg-turbo
/// takes for blocks of one row gives the same as its general code. Ordinary files stay far within it.
fn is_extreme(value: i16) -> bool {
    !(-8192..=8191).contains(&value)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Random(u64);

    impl Random {
        fn below(&mut self, end: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as usize % end
        }

        /// Coefficients as files have them, and beyond.
        fn block(&mut self) -> [i16; 64] {
            let (count, range) = (1 + self.below(64), [3, 40, 1024, 32768][self.below(4)]);
            let mut block = [0; 64];
            for at in 0..count {
                let at = if self.below(2) == 0 { at } else { self.below(64) };
                block[at] = (self.below(2 * range) as i32 - range as i32) as i16;
            }
            block
        }

        fn steps(&mut self) -> Steps {
            let range = [2, 20, 255][self.below(3)];
            Steps(std::array::from_fn(|_| 1 + self.below(range) as i16))
        }
    }

    #[test]
    fn every_level_gives_the_same_samples_and_refusals() {
        let (mut random, mut refused, mut made) = (Random(1), 0, 0);
        for _ in 0..20_000 {
            let blocks: Vec<_> = (0..=random.below(7)).map(|_| (random.block(), random.steps())).collect();
            let coded = (0..).zip(&blocks);
            let coded: Vec<_> =
                coded.map(|(place, (coefficients, steps))| Coded { coefficients, steps, place }).collect();
            let expected: Option<Vec<Samples>> =
                blocks.iter().map(|(coefficients, steps)| scalar::inverse(coefficients, steps)).collect();
            for level in SimdLevel::available() {
                let mut samples = Vec::new();
                let result = inverse(level, &coded, |place, block| {
                    assert_eq!(place, samples.len());
                    samples.push(*block);
                });
                match &expected {
                    Some(expected) => assert_eq!((result, &samples), (Ok(()), expected), "{level}"),
                    None => assert_eq!(result, Err(Refusal::Extreme), "{level}"),
                }
            }
            match expected {
                Some(_) => made += 1,
                None => refused += 1,
            }
        }
        assert!(made > 3000 && refused > 3000, "{made} {refused}");
    }

    #[test]
    fn a_block_of_one_value_is_the_transform_of_it() {
        for step in [1, 2, 3, 16, 99, 255] {
            let steps = Steps([step; 64]);
            for value in i16::MIN..=i16::MAX {
                let mut block = [0; 64];
                block[0] = value;
                let expected = scalar::inverse(&block, &steps);
                match inverse_dc(value, &steps) {
                    Ok(sample) => assert_eq!(expected, Some([[sample; 8]; 8]), "{value} {step}"),
                    Err(_) => assert_eq!(expected, None, "{value} {step}"),
                }
            }
        }
    }
}
