//! Keyed random draws: every number depends on (seed, epoch, sample, view, operation) and on nothing else.
//!
//! The generator is `ChaCha8`, a counter-based generator whose 256-bit key is exactly that tuple, little-endian. So no
//! draw of one operation can shift the draws of another, and any sample's draws can be had without those before it. A
//! substitute for an undecodable sample uses the draws of the sample that the order named. The output, and what is made
//! of it here, is part of the pixel semantics and pinned by golden values from a second implementation in Python
//! (`tests/golden/draws.py`).

use chacha20::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use rand_distr::{Beta, Distribution as _, StandardNormal};

/// The key of the draws of one image: everything but the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DrawKey {
    /// Seed of the job.
    pub seed: u64,
    /// The number of passes over the data since step 0.
    pub epoch: u64,
    /// The sample of the order, also where another one is delivered in its place.
    pub sample: u64,
    /// Which view of the sample within its step, from 0.
    pub view: u32,
}

/// The operations that draw. The numbers are part of the pixel semantics: never reuse or renumber one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum DrawOp {
    /// Random resized crop.
    Crop = 1,
    /// Horizontal flip.
    Flip = 2,
    /// RandAugment: operations, levels, signs.
    RandAugment = 3,
    /// Random erasing: the box, then its noise.
    Erase = 4,
    /// Mixup and CutMix of a group of rows: here the key's epoch is the step and its sample the group.
    Mix = 5,
    /// Which chunk is replayed: here the key's epoch is the step, its sample the block of the step, and its view the
    /// replayed chunk of that block.
    Replay = 6,
}

/// The stream of random numbers of one operation on one image.
#[derive(Debug)]
pub struct Draws(ChaCha8Rng);

impl Draws {
    /// The draws of `op` under `key`: the key's fields, little-endian, are the key of the cipher.
    pub fn new(key: DrawKey, op: DrawOp) -> Self {
        let mut cipher_key = [0_u8; 32];
        cipher_key[0..8].copy_from_slice(&key.seed.to_le_bytes());
        cipher_key[8..16].copy_from_slice(&key.epoch.to_le_bytes());
        cipher_key[16..24].copy_from_slice(&key.sample.to_le_bytes());
        cipher_key[24..28].copy_from_slice(&key.view.to_le_bytes());
        cipher_key[28..32].copy_from_slice(&(op as u32).to_le_bytes());
        Self(ChaCha8Rng::from_seed(cipher_key))
    }

    /// A uniform number in [0, 1): the top 53 bits of a draw.
    pub fn unit(&mut self) -> f64 {
        const SCALE: f64 = 1.0 / (1_u64 << 53) as f64;
        (self.0.next_u64() >> 11) as f64 * SCALE
    }

    /// A uniform number in [low, high): `low + (high - low) * unit`.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A number from N(0, 1), by `rand_distr`'s ziggurat (with `libm` for its logarithms and exponentials).
    pub fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.0)
    }

    /// A number from Beta(alpha, alpha), by `rand_distr`; 1/2 if alpha is not a positive number.
    pub fn beta(&mut self, alpha: f64) -> f64 {
        Beta::new(alpha, alpha).map_or(0.5, |beta| beta.sample(&mut self.0))
    }

    /// A uniform integer in 0..=last, without bias (Lemire 2019, "Fast random integer generation in an
    /// interval", section 4).
    pub fn integer(&mut self, last: u64) -> u64 {
        let Some(span) = last.checked_add(1) else { return self.0.next_u64() };
        let reject_below = span.wrapping_neg() % span;
        loop {
            let wide = u128::from(self.0.next_u64()) * u128::from(span);
            if wide as u64 >= reject_below {
                return (wide >> 64) as u64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: DrawKey = DrawKey { seed: 7, epoch: 3, sample: 1_281_166, view: 0 };

    // Published runs rely on these values: a change of any of them is a change of the pixel semantics.
    // They come from tests/golden/draws.py, a second implementation.
    #[test]
    fn draws_are_pinned() {
        let mut crop = Draws::new(KEY, DrawOp::Crop);
        let units = [crop.unit(), crop.unit(), crop.uniform(-2.0, 3.0)];
        assert_eq!(units, GOLDEN_UNITS);
        assert_eq!([crop.integer(0), crop.integer(9), crop.integer(u64::MAX)], GOLDEN_INTEGERS);
    }

    const GOLDEN_UNITS: [f64; 3] = [0.4473101311021317, 0.7585447928498158, -1.9158151607288043];
    const GOLDEN_INTEGERS: [u64; 3] = [0, 5, 3_770_422_682_990_762_466];

    #[test]
    fn every_part_of_the_key_counts() {
        let first = |key, op| Draws::new(key, op).0.next_u64();
        let base = first(KEY, DrawOp::Crop);
        for other in [
            DrawKey { seed: 8, ..KEY },
            DrawKey { epoch: 4, ..KEY },
            DrawKey { sample: 0, ..KEY },
            DrawKey { view: 1, ..KEY },
        ] {
            assert_ne!(base, first(other, DrawOp::Crop), "{other:?}");
        }
        assert_ne!(base, first(KEY, DrawOp::Flip));
    }

    #[test]
    fn integers_are_uniform() {
        const N: u32 = 60_000;
        let mut draws = Draws::new(KEY, DrawOp::Crop);
        let mut counts = [0_u32; 6];
        for _ in 0..N {
            counts[draws.integer(5) as usize] += 1;
        }
        let expected = f64::from(N) / 6.0;
        let chi2: f64 = counts.iter().map(|&c| (f64::from(c) - expected).powi(2) / expected).sum();
        assert!(chi2 < 20.5, "chi-square {chi2} with 5 degrees of freedom (p < 0.001), counts {counts:?}");
    }
}
