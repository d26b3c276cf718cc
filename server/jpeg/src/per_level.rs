//! One source, compiled for the instructions of each level that gains by them.
//!
//! The loops over symbols are shifts by variable numbers of bits, for which the CPUs of [`Kind::Avx2`](crate::level::Kind)
//! have better instructions than the oldest. A body is safe Rust, and the same for all levels; the macro's one call is all
//! that is unsafe about it.

/// Declares a function whose first argument, a [`SimdLevel`](crate::SimdLevel), chooses how the body was compiled.
macro_rules! per_level {
    (
        $(#[$attribute:meta])*
        $visibility:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?) -> $output:ty $body:block
    ) => {
        $(#[$attribute])*
        #[allow(unsafe_code, reason = "calls a function compiled for instructions that the level proves")]
        $visibility fn $name(level: $crate::SimdLevel, $($argument: $type),*) -> $output {
            // A body that is not inlined loses the caller's instructions.
            #[inline(always)]
            fn plain($($argument: $type),*) -> $output $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
            fn avx2($($argument: $type),*) -> $output {
                plain($($argument),*)
            }

            match level.kind() {
                $crate::level::Kind::Scalar => plain($($argument),*),
                #[cfg(target_arch = "x86_64")]
                $crate::level::Kind::Avx2(_) | $crate::level::Kind::Avx512(_) => {
                    // SAFETY: both levels prove AVX2, BMI1, BMI2, LZCNT and POPCNT.
                    unsafe { avx2($($argument),*) }
                }
            }
        }
    };
}
pub(crate) use per_level;
