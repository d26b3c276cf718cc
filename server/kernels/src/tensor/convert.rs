//! One float to each element format.
#![allow(clippy::inline_always, reason = "the AVX2 twin compiles these bodies again, with its instructions")]

use half::{bf16, f16};

/// Rounds half to even and clamps to 0..255; a NaN becomes 0.
#[inline(always)]
pub(super) fn to_u8(value: f32) -> [u8; 1] {
    // Adding 2^23 leaves no fractional bits, so the addition itself rounds, half to even.
    const SHIFT: f32 = 8_388_608.0;
    #[allow(clippy::manual_clamp, reason = "`clamp` would let a NaN through")]
    let clamped = value.max(0.0).min(255.0);
    [(clamped + SHIFT).to_bits() as u8]
}

/// Rounds half to even.
#[inline(always)]
pub(super) fn to_f16(value: f32) -> [u8; 2] {
    f16::from_f32_const(value).to_bits().to_le_bytes()
}

/// Rounds half to even.
#[inline(always)]
pub(super) fn to_bf16(value: f32) -> [u8; 2] {
    bf16::from_f32_const(value).to_bits().to_le_bytes()
}

/// The bits as they are.
#[inline(always)]
pub(super) fn to_f32(value: f32) -> [u8; 4] {
    value.to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_round_half_to_even_and_clamp() {
        let cases = [
            (0.5, 0),
            (1.5, 2),
            (2.5, 2),
            (254.5, 254),
            (254.51, 255),
            (255.5, 255),
            (1e9, 255),
            (-0.6, 0),
            (-3.0, 0),
            (f32::NAN, 0),
            (f32::INFINITY, 255),
            (f32::NEG_INFINITY, 0),
        ];
        for (value, byte) in cases {
            assert_eq!(to_u8(value), [byte], "{value}");
        }
        for value in (0..2560).map(|i| i as f32 * 0.1) {
            assert_eq!(to_u8(value), [value.round_ties_even().min(255.0) as u8], "{value}");
        }
    }
}
