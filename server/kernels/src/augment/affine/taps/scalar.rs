//! Sums of four taps in plain Rust.

use super::{Source, one_bits};

/// Fills `out` with truncated sums, and appends those that must be computed again to `unsure`.
pub(super) fn add_up(
    taps: [&[u8]; 4],
    source: Source<'_>,
    margin: i32,
    out: &mut [u8],
    unsure: &mut Vec<usize>,
) {
    const BITS: u32 = one_bits(8);
    let taps = taps.map(|taps| &taps[..out.len()]);
    for (i, out) in out.iter_mut().enumerate() {
        let weights = match source {
            Source::Same(weights) => weights,
            Source::Row(parts) => parts.map(|part| part[i]),
        };
        let bytes = taps.map(|taps| taps[i]);
        let mut sum = margin;
        for (byte, weight) in bytes.into_iter().zip(weights) {
            sum += i32::from(byte) * weight;
        }
        *out = (sum >> BITS).clamp(0, 255) as u8;
        if sum & ((1 << BITS) - 1) < 2 * margin && bytes != [bytes[0]; 4] {
            unsure.push(i);
        }
    }
}
