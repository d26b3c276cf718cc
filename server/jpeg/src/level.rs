//! The SIMD level of a decoder: detected once, passed as a value, forced in tests.
//!
//! Holding a level is the proof that the CPU has its instructions: it can only be made by asking the CPU, so code may
//! enter its `#[target_feature]` twins without asking again.

use std::fmt;

/// The instructions that a decoder uses. Every level gives the same pixels and refuses the same files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SimdLevel(Kind);

/// Instructions that the CPU has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Plain Rust.
    Scalar,
    /// AVX2, BMI1, BMI2 and LZCNT.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 F, BW, VL and VBMI, and all of [`Self::Avx2`].
    #[cfg(target_arch = "x86_64")]
    Avx512,
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
        if has_avx2() {
            levels.push(Self(Kind::Avx2));
            if has_avx512() {
                levels.push(Self(Kind::Avx512));
            }
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
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
        }
    }

    #[expect(dead_code, reason = "chooses the twins with vectors")]
    pub(crate) fn kind(self) -> Kind {
        self.0
    }
}

impl fmt::Display for SimdLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt")
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vbmi")
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
