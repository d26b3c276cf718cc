//! The SIMD level of a kernel call: detected once, passed as a value, forced in tests.
//!
//! Holding a level is the proof that the CPU has its instructions, so kernels may enter their
//! `#[target_feature]` twins without asking again.

use std::fmt;

/// The instruction set that kernels use. Every level gives the same bytes; only the speed differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SimdLevel(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
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

    /// Every level that this CPU can run, slowest first: what tests iterate over.
    pub fn available() -> Vec<Self> {
        #[allow(unused_mut, reason = "only x86-64 has more levels")]
        let mut levels = vec![Self::SCALAR];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                levels.push(Self(Kind::Avx2));
                if is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vl")
                {
                    levels.push(Self(Kind::Avx512));
                }
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

    pub(crate) fn kind(self) -> Kind {
        self.0
    }
}

impl fmt::Display for SimdLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
