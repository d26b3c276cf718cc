//! The accurate integer inverse DCT of 8 x 8 coefficients (jidctint.c; Loeffler, Ligtenberg and Moschytz, 1989).
//!
//! The numbers are those of libjpeg-turbo's vector code: coefficients times steps and the first sums have 16 bits and
//! wrap, products have 32, and each pass ends with a saturation to 16.

use crate::refusal::Refusal;

/// Largest coefficient of the first row, times its step, for which the shortcut that libjpeg-turbo takes for blocks of
/// one row gives the same as its general code. Ordinary files stay far below it.
const MAX_FIRST_ROW: i16 = 8191;

/// The factors in 1/8192.
const F0_298: i32 = 2446;
const F0_390: i32 = 3196;
const F0_541: i32 = 4433;
const F0_765: i32 = 6270;
const F0_899: i32 = 7373;
const F1_175: i32 = 9633;
const F1_501: i32 = 12299;
const F1_847: i32 = 15137;
const F1_961: i32 = 16069;
const F2_053: i32 = 16819;
const F2_562: i32 = 20995;
const F3_072: i32 = 25172;

/// The quantisation steps of a component in natural order, as the transform multiplies with them.
#[derive(Clone, Debug)]
pub(crate) struct Steps([i16; 64]);

impl Steps {
    pub(crate) fn new(steps: &[u8; 64]) -> Self {
        Self(steps.map(i16::from))
    }
}

/// Writes the 8 x 8 samples of a block.
///
/// # Errors
/// [`Refusal::Extreme`] if a coefficient is beyond the range in which all of libjpeg-turbo's code agrees.
pub(crate) fn inverse(
    coefficients: &[i16; 64],
    steps: &Steps,
    out: &mut [u8],
    stride: usize,
) -> Result<(), Refusal> {
    let mut values = [0; 64];
    for ((value, &coefficient), &step) in values.iter_mut().zip(coefficients).zip(&steps.0) {
        *value = coefficient.wrapping_mul(step);
    }
    if values[..8].iter().any(|value| !(-MAX_FIRST_ROW - 1..=MAX_FIRST_ROW).contains(value)) {
        return Err(Refusal::Extreme);
    }
    for column in 0..8 {
        let line = pass::<11>(std::array::from_fn(|row| values[8 * row + column]));
        line.into_iter().enumerate().for_each(|(row, value)| values[8 * row + column] = value);
    }
    for (row, line) in values.as_chunks::<8>().0.iter().enumerate() {
        let samples = pass::<18>(*line).map(|value| (value.clamp(-128, 127) + 128) as u8);
        out[row * stride..row * stride + 8].copy_from_slice(&samples);
    }
    Ok(())
}

/// The transform of eight numbers, which are scaled up by 2^13, rounded, and shifted down.
fn pass<const SHIFT: u32>(line: [i16; 8]) -> [i16; 8] {
    let [r0, r1, r2, r3, r4, r5, r6, r7] = line;
    let wide = |value: i16| i32::from(value);
    let round = 1 << (SHIFT - 1);
    let t0 = (wide(r0.wrapping_add(r4)) << 13) + round;
    let t1 = (wide(r0.wrapping_sub(r4)) << 13) + round;
    let t2 = wide(r2) * F0_541 + wide(r6) * (F0_541 - F1_847);
    let t3 = wide(r2) * (F0_541 + F0_765) + wide(r6) * F0_541;
    let even = [t0.wrapping_add(t3), t1.wrapping_add(t2), t1.wrapping_sub(t2), t0.wrapping_sub(t3)];

    let (z3, z4) = (wide(r7.wrapping_add(r3)), wide(r5.wrapping_add(r1)));
    let (y3, y4) = (z3 * (F1_175 - F1_961) + z4 * F1_175, z3 * F1_175 + z4 * (F1_175 - F0_390));
    let o0 = wide(r7) * (F0_298 - F0_899) - wide(r1) * F0_899;
    let o1 = wide(r5) * (F2_053 - F2_562) - wide(r3) * F2_562;
    let o2 = wide(r3) * (F3_072 - F2_562) - wide(r5) * F2_562;
    let o3 = wide(r1) * (F1_501 - F0_899) - wide(r7) * F0_899;
    let odd = [o3.wrapping_add(y4), o2.wrapping_add(y3), o1.wrapping_add(y4), o0.wrapping_add(y3)];

    let saturated = |sum: i32| (sum >> SHIFT).clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
    let mut out = [0; 8];
    for at in 0..4 {
        out[at] = saturated(even[at].wrapping_add(odd[at]));
        out[7 - at] = saturated(even[at].wrapping_sub(odd[at]));
    }
    out
}
