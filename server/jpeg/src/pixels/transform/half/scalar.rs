//! The transform in plain Rust, which defines the results.

use super::super::{
    Task,
    factors::{F0_541, F0_765, F1_847},
    scalar::{pass as pass_of_8, products},
    steps::Steps,
};

/// Writes the samples of a block, 4 or 8 in each direction.
pub(super) fn inverse(
    steps: &Steps,
    task: Task<'_>,
    (across, down): (usize, usize),
    samples: &mut [u8],
    stride: usize,
) {
    let mut values = products(steps, task);
    for column in 0..across {
        let line = pass::<11>(std::array::from_fn(|row| values[8 * row + column]), down);
        line.into_iter().enumerate().for_each(|(row, value)| values[8 * row + column] = value);
    }
    let out = samples[task.at..][..(down - 1) * stride + across].chunks_mut(stride);
    for (out, line) in out.zip(values.as_chunks().0) {
        let line = pass::<18>(*line, across).map(|value| (value.clamp(-128, 127) + 128) as u8);
        out[..across].copy_from_slice(&line[..across]);
    }
}

/// The transform of the first 4 or of all 8 numbers, which are scaled up by 2^13, rounded, and shifted down.
fn pass<const SHIFT: u32>(line: [i16; 8], len: usize) -> [i16; 8] {
    if len == 8 {
        return pass_of_8::<SHIFT>(line);
    }
    let [r0, r1, r2, r3, ..] = line;
    let wide = |value: i16| i32::from(value);
    let round = 1 << (SHIFT - 1);
    let t0 = (wide(r0.wrapping_add(r2)) << 13) + round;
    let t1 = (wide(r0.wrapping_sub(r2)) << 13) + round;
    let t2 = wide(r1) * F0_541 + wide(r3) * (F0_541 - F1_847);
    let t3 = wide(r1) * (F0_541 + F0_765) + wide(r3) * F0_541;
    let saturated = |sum: i32| (sum >> SHIFT).clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
    let [s0, s1, s2, s3] = [t0 + t3, t1 + t2, t1 - t2, t0 - t3].map(saturated);
    [s0, s1, s2, s3, 0, 0, 0, 0]
}
