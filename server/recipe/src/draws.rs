//! Keyed random draws: every number depends on its key and on nothing else. For an image that is (seed, epoch, sample,
//! view, operation).
//!
//! The generator is `ChaCha8`, a counter-based generator whose 256-bit key is exactly that tuple, little-endian. So no
//! draw of one operation can shift the draws of another, and any sample's draws can be had without those before it. A
//! substitute for an undecodable sample uses the draws of the sample that the order named. The output, and what is made
//! of it here, is part of the pixel semantics and pinned by golden values from a second implementation in Python
//! (`tests/golden/draws.py`).

use std::convert::Infallible;

use chacha20::ChaCha8Rng;
use rand_core::{Rng, SeedableRng, TryRng};
use rand_distr::{Beta, Distribution as _, StandardNormal};

/// The key of the draws of one image: everything but the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ImageKey {
    /// Seed of the job.
    pub seed: u64,
    /// The number of passes over the data since step 0.
    pub epoch: u64,
    /// The sample of the order, also where another one is delivered in its place.
    pub sample: u64,
    /// Which view of the sample within its step, from 0.
    pub view: u32,
}

impl ImageKey {
    /// The draws of `op` on this image.
    pub fn draws(self, op: DrawOp) -> Draws {
        Draws::new(DrawKey::Image { image: self, op })
    }
}

/// The operations on one image that draw. The numbers are part of the pixel semantics: never reuse or renumber one.
/// 5 and 6 are those of [`DrawKey::Group`] and [`DrawKey::Chunk`].
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
}

/// The number of [`DrawKey::Group`], beside those of [`DrawOp`].
const MIX: u32 = 5;

/// The number of [`DrawKey::Chunk`], beside those of [`DrawOp`].
const REPLAY: u32 = 6;

/// The key of one stream of draws. Different keys give independent streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DrawKey {
    /// One operation on one image.
    Image {
        /// The image.
        image: ImageKey,
        /// The operation.
        op: DrawOp,
    },
    /// Mixup and CutMix of a group of rows.
    Group {
        /// Seed of the job.
        seed: u64,
        /// The step.
        step: u64,
        /// Number of the group within the step.
        group: u64,
    },
    /// The choice of the chunk that is replayed.
    Chunk {
        /// Seed of the job.
        seed: u64,
        /// The step.
        step: u64,
        /// Number of the block within the step.
        block: u64,
        /// Number of the replayed chunk within the block, from 0.
        chunk: u32,
    },
}

impl DrawKey {
    /// The key of the cipher: three numbers, a small one, and the number of the purpose, little-endian.
    fn cipher_key(self) -> [u8; 32] {
        let (numbers, small, purpose) = match self {
            Self::Image { image: ImageKey { seed, epoch, sample, view }, op } => {
                ([seed, epoch, sample], view, op as u32)
            }
            Self::Group { seed, step, group } => ([seed, step, group], 0, MIX),
            Self::Chunk { seed, step, block, chunk } => ([seed, step, block], chunk, REPLAY),
        };
        let mut key = [0; 32];
        key[0..8].copy_from_slice(&numbers[0].to_le_bytes());
        key[8..16].copy_from_slice(&numbers[1].to_le_bytes());
        key[16..24].copy_from_slice(&numbers[2].to_le_bytes());
        key[24..28].copy_from_slice(&small.to_le_bytes());
        key[28..32].copy_from_slice(&purpose.to_le_bytes());
        key
    }
}

/// A stream of random numbers.
#[derive(Debug)]
pub struct Draws(ChaCha8Rng);

impl Draws {
    /// The draws under `key`: its fields, little-endian, are the key of the cipher.
    pub fn new(key: DrawKey) -> Self {
        Self(ChaCha8Rng::from_seed(key.cipher_key()))
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

    /// Fills `out` with the numbers that as many calls of [`Draws::normal`] give, rounded to f32. No draw can follow.
    pub fn normals(self, out: &mut [f32]) {
        let mut ahead = Ahead { source: self.0, numbers: [0; AHEAD], next: AHEAD };
        for out in out {
            let normal: f64 = StandardNormal.sample(&mut ahead);
            *out = normal as f32;
        }
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

/// Numbers that are taken out of a generator at once.
const AHEAD: usize = 64;

/// The 64-bit numbers of a generator, in its order, some taken ahead: one by one they cost as much as what is made of them.
struct Ahead {
    source: ChaCha8Rng,
    numbers: [u64; AHEAD],
    next: usize,
}

impl Ahead {
    fn take(&mut self) -> u64 {
        if self.next == AHEAD {
            let mut bytes = [0; 8 * AHEAD];
            self.source.fill_bytes(&mut bytes);
            for (number, bytes) in self.numbers.iter_mut().zip(bytes.as_chunks().0) {
                *number = u64::from_le_bytes(*bytes);
            }
            self.next = 0;
        }
        let number = self.numbers[self.next];
        self.next += 1;
        number
    }
}

impl TryRng for Ahead {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unreachable!("the ziggurat takes 64 bits at a time")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.take())
    }

    fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), Infallible> {
        unreachable!("the ziggurat takes 64 bits at a time")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: ImageKey = ImageKey { seed: 7, epoch: 3, sample: 1_281_166, view: 0 };

    // Published runs rely on these values: a change of any of them is a change of the pixel semantics.
    // They come from tests/golden/draws.py, a second implementation.
    #[test]
    fn draws_are_pinned() {
        let mut crop = KEY.draws(DrawOp::Crop);
        let units = [crop.unit(), crop.unit(), crop.uniform(-2.0, 3.0)];
        assert_eq!(units, GOLDEN_UNITS);
        assert_eq!([crop.integer(0), crop.integer(9), crop.integer(u64::MAX)], GOLDEN_INTEGERS);
    }

    const GOLDEN_UNITS: [f64; 3] = [0.4473101311021317, 0.7585447928498158, -1.9158151607288043];
    const GOLDEN_INTEGERS: [u64; 3] = [0, 5, 3_770_422_682_990_762_466];

    #[test]
    fn normals_at_once_are_those_one_by_one() {
        // Enough for the tail of the distribution and for rejected numbers; also after odd draws.
        for (drawn, count) in [(0, 100_000), (3, 5000), (0, 63), (1, 64), (0, 65), (0, 0)] {
            let [mut single, mut many] = [KEY, KEY].map(|key| key.draws(DrawOp::Erase));
            for _ in 0..drawn {
                assert_eq!(single.unit(), many.unit());
            }
            let mut at_once = vec![0.0; count];
            many.normals(&mut at_once);
            let one_by_one: Vec<f32> = (0..count).map(|_| single.normal() as f32).collect();
            assert_eq!(at_once, one_by_one, "{drawn} {count}");
            assert!(count < 100_000 || at_once.iter().any(|normal| normal.abs() > 3.7));
        }
    }

    #[test]
    fn every_part_of_the_key_counts() {
        let first = |key: ImageKey, op| key.draws(op).0.next_u64();
        let base = first(KEY, DrawOp::Crop);
        for other in [
            ImageKey { seed: 8, ..KEY },
            ImageKey { epoch: 4, ..KEY },
            ImageKey { sample: 0, ..KEY },
            ImageKey { view: 1, ..KEY },
        ] {
            assert_ne!(base, first(other, DrawOp::Crop), "{other:?}");
        }
        assert_ne!(base, first(KEY, DrawOp::Flip));
    }

    // The layout of the key is part of the pixel semantics for every purpose.
    #[test]
    fn keys_are_little_endian_numbers_and_a_purpose() {
        let written = |numbers: [u64; 3], small: u32, purpose: u32| {
            let numbers = numbers.into_iter().flat_map(u64::to_le_bytes);
            let rest = [small, purpose].into_iter().flat_map(u32::to_le_bytes);
            numbers.chain(rest).collect::<Vec<u8>>()
        };
        let image = ImageKey { seed: 1 << 60, epoch: 2, sample: u64::MAX, view: 4 };
        for (key, numbers, small, purpose) in [
            (DrawKey::Image { image, op: DrawOp::Crop }, [1 << 60, 2, u64::MAX], 4, 1),
            (DrawKey::Image { image, op: DrawOp::Flip }, [1 << 60, 2, u64::MAX], 4, 2),
            (DrawKey::Image { image, op: DrawOp::RandAugment }, [1 << 60, 2, u64::MAX], 4, 3),
            (DrawKey::Image { image, op: DrawOp::Erase }, [1 << 60, 2, u64::MAX], 4, 4),
            (DrawKey::Group { seed: 7, step: 300, group: 9 }, [7, 300, 9], 0, 5),
            (DrawKey::Chunk { seed: 7, step: 300, block: 9, chunk: 258 }, [7, 300, 9], 258, 6),
        ] {
            assert_eq!(key.cipher_key()[..], written(numbers, small, purpose), "{key:?}");
        }
    }

    #[test]
    fn integers_are_uniform() {
        const N: u32 = 60_000;
        let mut draws = KEY.draws(DrawOp::Crop);
        let mut counts = [0_u32; 6];
        for _ in 0..N {
            counts[draws.integer(5) as usize] += 1;
        }
        let expected = f64::from(N) / 6.0;
        let chi2: f64 = counts.iter().map(|&c| (f64::from(c) - expected).powi(2) / expected).sum();
        assert!(chi2 < 20.5, "chi-square {chi2} with 5 degrees of freedom (p < 0.001), counts {counts:?}");
    }
}
