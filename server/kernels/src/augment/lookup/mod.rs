//! Tables of 256 values, one per channel, applied in place.

mod scalar;

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector instructions")]
mod avx512;

use crate::SimdLevel;
use crate::level::Kind;

/// The new value of each value.
pub(super) type Table = [u8; 256];

/// The table that changes nothing.
pub(super) const IDENTITY: Table = {
    let mut table = [0; 256];
    let mut value = 0;
    while value < 256 {
        table[value] = value as u8;
        value += 1;
    }
    table
};

/// Replaces each value by what its channel's table says. AVX2 has no byte permutation that beats plain
/// loads, so only AVX-512 has code of its own.
pub(super) fn apply(level: SimdLevel, pixels: &mut [u8], tables: &[Table; 3]) {
    match level.kind() {
        Kind::Scalar => scalar::apply(pixels, tables),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2(_) => scalar::apply(pixels, tables),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512(proof) => avx512::apply(proof, pixels, tables),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_looks_every_value_up_in_its_channel() {
        let tables: [Table; 3] =
            [11, 101, 201].map(|factor| std::array::from_fn(|value| (value * factor + factor / 7) as u8));
        for length in (0..260).chain([768]).map(|pixels| 3 * pixels) {
            let pixels: Vec<u8> = (0..length).map(|i| (i / 3 + i % 3 * 85) as u8).collect();
            let expected: Vec<u8> =
                pixels.iter().enumerate().map(|(i, &value)| tables[i % 3][usize::from(value)]).collect();
            for level in SimdLevel::available() {
                let mut mapped = pixels.clone();
                apply(level, &mut mapped, &tables);
                assert_eq!(mapped, expected, "{level} {length}");
            }
        }
    }
}
