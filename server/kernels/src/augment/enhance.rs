//! The common parts of the four enhancers: the blend with a degenerate picture, and grey.
//!
//! Blend: `d + f * (v - d)` with `d` the degenerate value, `v` the pixel's and `f` the factor, in float32,
//! rounded after each operation and then truncated to 0..255. Pillow tells interpolation (`0 <= f <= 1`,
//! which does not clamp) from extrapolation; rounding is monotone, so an interpolated value cannot leave the
//! range and one formula serves both. Grey: `(19595 R + 38470 G + 7471 B + 32768) >> 16`.
//!
//! Sources: Pillow, `ImageEnhance.py`, `Blend.c`, `Convert.c`.

use super::truncate::truncate_f32;

/// The factor as the blend takes it: finite, and 1 for what is not a number.
pub(super) fn factor(factor: f64) -> f32 {
    if factor.is_nan() { 1.0 } else { (factor as f32).clamp(f32::MIN, f32::MAX) }
}

/// One value of the blend.
#[inline(always)]
#[allow(clippy::inline_always, reason = "must be compiled for its caller's SIMD level")]
pub(super) fn blend(degenerate: i32, value: i32, factor: f32) -> u8 {
    truncate_f32(degenerate as f32 + factor * (value - degenerate) as f32)
}

/// The grey of a pixel, 0..=255.
#[inline(always)]
#[allow(clippy::inline_always, reason = "must be compiled for its caller's SIMD level")]
pub(super) fn grey(pixel: [u8; 3]) -> i32 {
    let [red, green, blue] = pixel.map(i32::from);
    (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_factors_are_tamed() {
        assert_eq!(factor(f64::NAN), 1.0);
        assert_eq!(factor(f64::INFINITY), f32::MAX);
        assert_eq!(factor(-1e300), f32::MIN);
        for (degenerate, value) in [(0, 0), (255, 255), (7, 7)] {
            assert_eq!(i32::from(blend(degenerate, value, f32::MAX)), value);
        }
        assert_eq!((blend(3, 4, f32::MAX), blend(4, 3, f32::MAX)), (255, 0));
    }

    #[test]
    fn blends_between_stay_between_and_the_ends_are_exact() {
        for (degenerate, value) in (0..256).flat_map(|d| (0..256).map(move |v| (d, v))) {
            assert_eq!(i32::from(blend(degenerate, value, 0.0)), degenerate);
            assert_eq!(i32::from(blend(degenerate, value, 1.0)), value);
            for factor in [f32::EPSILON, 0.1, 0.37, 0.999_999_94] {
                let between = i32::from(blend(degenerate, value, factor));
                assert!((degenerate.min(value)..=degenerate.max(value)).contains(&between));
            }
        }
    }
}
