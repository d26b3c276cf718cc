//! Cubic convolution between four taps, with a = -1, in Pillow's order of float64 operations.
//!
//! ```text
//! p1 = v2      p2 = -v1 + v3      p3 = 2 (v1 - v2) + v3 - v4      p4 = -v1 + v2 - v3 + v4
//! value = p1 + d (p2 + d (p3 + d p4))
//! ```
//!
//! Nothing is fused and nothing reordered: the truncation of the result shows every last bit. This is not the
//! kernel of the resize, whose a is -1/2. Source: Pillow, `Geometry.c`; R. Keys, "Cubic convolution
//! interpolation for digital image processing", 1981.

/// Between values that are themselves interpolated.
#[inline(always)]
#[allow(clippy::inline_always, reason = "must be compiled for its caller's SIMD level")]
pub(in super::super) fn cubic([v1, v2, v3, v4]: [f64; 4], d: f64) -> f64 {
    let p2 = v3 - v1;
    let p3 = 2.0 * (v1 - v2) + v3 - v4;
    let p4 = v2 - v1 - v3 + v4;
    v2 + d * (p2 + d * (p3 + d * p4))
}

/// Between bytes: whole coefficients are exact in float64, so they are found in whole numbers.
#[inline(always)]
#[allow(clippy::inline_always, reason = "must be compiled for its caller's SIMD level")]
pub(in super::super) fn cubic_of_bytes(taps: [u8; 4], d: f64) -> f64 {
    let [v1, v2, v3, v4] = taps.map(i32::from);
    let p2 = f64::from(v3 - v1);
    let p3 = f64::from(2 * (v1 - v2) + v3 - v4);
    let p4 = f64::from(v2 - v1 - v3 + v4);
    f64::from(v2) + d * (p2 + d * (p3 + d * p4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_floats_agree_in_every_bit() {
        for i in 0..20_000_u32 {
            let taps = i.wrapping_mul(0x9e37_79b9).to_le_bytes();
            let d = f64::from(i) / 20_000.0;
            assert_eq!(cubic_of_bytes(taps, d).to_bits(), cubic(taps.map(f64::from), d).to_bits());
        }
    }

    #[test]
    fn a_fraction_of_zero_is_the_second_tap() {
        assert_eq!(cubic([255.0, 7.0, 0.0, 255.0], 0.0), 7.0);
        assert_eq!(cubic([255.0, 7.0, 9.0, 255.0], 1.0), 9.0);
    }
}
