//! One source, compiled once for every SIMD level.
//!
//! The loops of most operations are simple enough for the compiler's own vectoriser, which may use only the
//! instructions that it is told of. The macro below compiles a body for each level and calls the right one.
//! The levels agree bit for bit by construction: the arithmetic is the same, and Rust never fuses a
//! multiplication with an addition or reorders floats by itself.
//!
//! The macro's two calls are all that is unsafe about it; bodies are safe Rust.

/// Declares a function whose first argument, a [`crate::SimdLevel`], chooses how the body was compiled.
macro_rules! per_level {
    (
        $(#[$attribute:meta])*
        $visibility:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $output:ty)? $body:block
    ) => {
        $(#[$attribute])*
        #[allow(unsafe_code, reason = "calls a function compiled for instructions that the level proves")]
        $visibility fn $name(level: $crate::SimdLevel, $($argument: $type),*) $(-> $output)? {
            #[inline(always)]
            #[allow(clippy::inline_always, reason = "a body that is not inlined loses the caller's instructions")]
            fn plain($($argument: $type),*) $(-> $output)? $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2")]
            fn avx2($($argument: $type),*) $(-> $output)? {
                plain($($argument),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vnni")]
            fn avx512($($argument: $type),*) $(-> $output)? {
                plain($($argument),*)
            }

            match level.kind() {
                $crate::level::Kind::Scalar => plain($($argument),*),
                #[cfg(target_arch = "x86_64")]
                $crate::level::Kind::Avx2(_) => {
                    // SAFETY: the token proves AVX2.
                    unsafe { avx2($($argument),*) }
                }
                #[cfg(target_arch = "x86_64")]
                $crate::level::Kind::Avx512(_) => {
                    // SAFETY: the token proves these five extensions.
                    unsafe { avx512($($argument),*) }
                }
            }
        }
    };
}
pub(crate) use per_level;
