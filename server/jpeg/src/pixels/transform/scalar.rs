//! The transform in plain Rust, which defines the results.

use super::{
    Task,
    factors::{
        F0_298, F0_390, F0_541, F0_765, F0_899, F1_175, F1_501, F1_847, F1_961, F2_053, F2_562, F3_072,
    },
    is_ordinary,
    steps::Steps,
};
use crate::order::{NATURAL, Order};

/// Writes the samples of a block, or says that its coefficients are extreme.
pub(super) fn inverse(steps: &Steps, task: Task<'_>, samples: &mut [u8], stride: usize) -> bool {
    let mut values = products(steps, task);
    if !values[..8].iter().all(|value| is_ordinary(*value)) {
        return false;
    }
    for column in 0..8 {
        let line = pass::<11>(std::array::from_fn(|row| values[8 * row + column]));
        line.into_iter().enumerate().for_each(|(row, value)| values[8 * row + column] = value);
    }
    let lines = values.as_chunks().0.iter();
    let mut block = [[0; 8]; 8];
    for (out, line) in block.iter_mut().zip(lines) {
        *out = pass::<18>(*line).map(|value| (value.clamp(-128, 127) + 128) as u8);
    }
    let out = samples[task.at..][..7 * stride + 8].chunks_mut(stride);
    out.zip(&block).for_each(|(out, row)| out[..8].copy_from_slice(row));
    true
}

/// Coefficients times steps, in natural order.
pub(super) fn products(steps: &Steps, task: Task<'_>) -> [i16; 64] {
    let (mut values, order, steps) = ([0; 64], steps.order(), steps.of(task.component));
    for (number, coefficient) in task.coefficients.iter().enumerate() {
        let at = match order {
            Order::Zigzag => usize::from(NATURAL[number]),
            Order::Natural => number,
        };
        values[at] = coefficient.wrapping_mul(steps[at]);
    }
    values
}

/// The transform of eight numbers, which are scaled up by 2^13, rounded, and shifted down.
pub(super) fn pass<const SHIFT: u32>(line: [i16; 8]) -> [i16; 8] {
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
