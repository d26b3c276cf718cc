//! The SIMD level of a decoder: detected once, passed as a value, forced in tests.
//!
//! Holding a level is the proof that the CPU has its instructions: the tokens inside it can only be made by asking the CPU,
//! so code may enter its `#[target_feature]` twins without asking again.
//!
//! `bandwise_kernels` has a type of the same form for its own instructions; this crate depends on no other of ours.

use std::fmt;

/// The instructions that a decoder uses. Every level gives the same pixels and refuses the same files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SimdLevel(Kind);

/// Instructions that the CPU has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Plain Rust.
    Scalar,
    /// AVX2 and the instructions for bits of the same years.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    /// AVX-512 with the permutation of bytes.
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

/// Proof that the CPU has AVX2, BMI1, BMI2, LZCNT and POPCNT.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Avx2(());

#[cfg(target_arch = "x86_64")]
impl Avx2 {
    fn detect() -> Option<Self> {
        let all = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt");
        all.then_some(Self(()))
    }
}

/// Proof that the CPU has AVX-512 F, BW, VL and VBMI (Ice Lake, Zen 4 and later), and all of [`Avx2`].
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Avx512(Avx2);

#[cfg(target_arch = "x86_64")]
impl Avx512 {
    fn detect() -> Option<Self> {
        let all = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vbmi");
        Avx2::detect().filter(|_| all).map(Self)
    }

    /// The narrower level that is part of this one.
    pub(crate) fn avx2(self) -> Avx2 {
        self.0
    }
}

impl SimdLevel {
    /// Plain Rust, on every CPU.
    pub const SCALAR: Self = Self(Kind::Scalar);

    /// The fastest level of this CPU.
    pub fn detect() -> Self {
        *Self::available().last().unwrap_or(&Self::SCALAR)
    }

    /// Every level that this CPU can run, slowest first.
    pub fn available() -> Vec<Self> {
        #[allow(unused_mut, reason = "only x86-64 has more levels")]
        let mut levels = vec![Self::SCALAR];
        #[cfg(target_arch = "x86_64")]
        {
            levels.extend(Avx2::detect().map(|proof| Self(Kind::Avx2(proof))));
            levels.extend(Avx512::detect().map(|proof| Self(Kind::Avx512(proof))));
        }
        levels
    }

    /// The level called `name` (`scalar`, `avx2`, `avx512`), or `None` where this CPU does not have it.
    pub fn named(name: &str) -> Option<Self> {
        Self::available().into_iter().find(|level| level.name() == name)
    }

    /// `scalar`, `avx2` or `avx512`.
    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(_) => "avx512",
        }
    }

    pub(crate) fn kind(self) -> Kind {
        self.0
    }
}

impl fmt::Display for SimdLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalar_is_always_there_and_names_are_found_again() {
        let levels = SimdLevel::available();
        assert_eq!(levels[0], SimdLevel::SCALAR);
        for level in &levels {
            assert_eq!(SimdLevel::named(level.name()), Some(*level));
        }
        assert_eq!(levels.last(), Some(&SimdLevel::detect()));
        assert_eq!(SimdLevel::named("neon9"), None);
    }
}
