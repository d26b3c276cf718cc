//! The key of a record: a hash of the encoded file.

use twox_hash::XxHash3_64;

/// The 64-bit xxh3 hash of the bytes of a file, the key of its record: equal on every machine. 26 ns a kB with AVX2.
///
/// It tells files apart that differ by accident. It is no defence against files that are made to collide: what is kept
/// under a hash must be checked where it is used, as every input is.
pub fn content_hash(bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot(bytes)
}

/// A checksum of `bytes` that belongs to the key `seed`.
pub(crate) fn checksum(bytes: &[u8], seed: u64) -> u64 {
    XxHash3_64::oneshot_with_seed(seed, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of the reference implementation (xxHash 0.8.4, `XXH3_64bits`): files on disk are found again by them.
    #[test]
    fn hashes_are_those_of_the_reference() {
        let bytes: Vec<u8> = (0..100_000).map(|i| (i * 7 % 251) as u8).collect();
        for (len, hash) in [
            (0, 0x2D06_8005_38D3_94C2),
            (1, 0xC44B_DFF4_074E_ECDB),
            (100, 0x1023_AE92_E631_EAC5),
            (200, 0xD120_16B5_3C95_65BA),
            (1000, 0xD1EB_8367_BF32_94E7),
            (100_000, 0x17A7_0107_5A95_B432),
        ] {
            assert_eq!(content_hash(&bytes[..len]), hash, "{len}");
        }
    }
}
