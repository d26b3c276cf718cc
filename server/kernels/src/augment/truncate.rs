//! Truncation of floats to bytes in a form that the compiler can vectorise, which it does not do with `as u8`.
//!
//! Adding 2^52 (2^23 for `f32`) leaves a float's whole part in its lowest bits, rounded to the nearest;
//! where that went up, one is taken off again. All levels do the same few additions.

/// `value as u8` of a double: below 0 gives 0, above 255 gives 255, not a number gives 0.
#[inline(always)]
#[allow(clippy::inline_always, reason = "must be compiled for its caller's SIMD level")]
pub(super) fn truncate_f64(value: f64) -> u8 {
    const WHOLE: f64 = (1_u64 << 52) as f64;
    let value = if value > 0.0 { value } else { 0.0 };
    let value = if value < 255.0 { value } else { 255.0 };
    let shifted = value + WHOLE;
    (shifted.to_bits() - u64::from(shifted - WHOLE > value)) as u8
}

/// `value as u8` of a single: below 0 gives 0, above 255 gives 255, not a number gives 0.
#[inline(always)]
#[allow(clippy::inline_always, reason = "must be compiled for its caller's SIMD level")]
pub(super) fn truncate_f32(value: f32) -> u8 {
    const WHOLE: f32 = (1_u32 << 23) as f32;
    let value = if value > 0.0 { value } else { 0.0 };
    let value = if value < 255.0 { value } else { 255.0 };
    let shifted = value + WHOLE;
    (shifted.to_bits() - u32::from(shifted - WHOLE > value)) as u8
}

/// `value as i32` of a whole double between -2^31 and 2^31, and anything for others.
#[inline(always)]
#[allow(clippy::inline_always, reason = "must be compiled for its caller's SIMD level")]
pub(crate) fn whole_i32(value: f64) -> i32 {
    // The half more keeps the exponent for negative values too.
    const WHOLE: f64 = (3_u64 << 51) as f64;
    (value + WHOLE).to_bits() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truncations_are_the_casts() {
        let special =
            [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 1e300, -1e-300, 255.0, 254.999_999_999_999_97];
        let steps = (-400..5200).map(|i| f64::from(i) / 20.0);
        let near = (0..=256).flat_map(|i| [f64::from(i).next_down(), f64::from(i), f64::from(i).next_up()]);
        for value in special.into_iter().chain(steps).chain(near) {
            assert_eq!(truncate_f64(value), value as u8, "{value}");
            for single in [(value as f32).next_down(), value as f32, (value as f32).next_up()] {
                assert_eq!(truncate_f32(single), single as u8, "{single}");
            }
        }
        for whole in [0, 1, -1, 7, -2, 1 << 24, -(1 << 24), i32::MAX, i32::MIN] {
            assert_eq!(whole_i32(f64::from(whole)), whole);
        }
    }
}
