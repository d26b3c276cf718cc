//! Finding markers in coded data of JPEGs.
//!
//! Coded data is full of 0xFF with a 0 behind it, one in some two hundred bytes, so a search for 0xFF alone starts anew
//! all the time. This one looks at every byte together with the next one, a block at a time.

use crate::SimdLevel;
use crate::augment::per_level::per_level;

/// Bytes that are looked at before anything is decided.
const BLOCK: usize = 256;

/// The position of the first marker at or after `from`: of the last 0xFF before its code. Bytes 0xFF with a 0 behind them
/// (stuffing) and with another 0xFF behind them (fill) are passed over.
pub fn find_marker(level: SimdLevel, bytes: &[u8], from: usize) -> Option<usize> {
    let bytes = bytes.get(from..)?;
    let at = blocks_without(level, bytes);
    let found = bytes[at..].windows(2).position(|pair| is_marker(pair[0], pair[1]))?;
    Some(from + at + found)
}

#[inline(always)]
#[allow(clippy::inline_always, reason = "must be compiled for its caller's SIMD level")]
fn is_marker(byte: u8, next: u8) -> bool {
    // Codes are 1 to 0xFE.
    (byte == 0xFF) & (next.wrapping_sub(1) < 0xFE)
}

per_level! {
    /// Bytes of the blocks before the first one in which a marker begins.
    fn blocks_without(bytes: &[u8]) -> usize {
        let mut at = 0;
        while let Some(block) = bytes.get(at..=at + BLOCK) {
            let pairs = block[..BLOCK].iter().zip(&block[1..]);
            let found = pairs.fold(0, |found, (&byte, &next)| found | u8::from(is_marker(byte, next)));
            if found != 0 {
                break;
            }
            at += BLOCK;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Byte by byte, as libjpeg does it.
    fn plainly(bytes: &[u8], from: usize) -> Option<usize> {
        let mut at = from;
        loop {
            at += bytes.get(at..)?.iter().position(|&byte| byte == 0xFF)?;
            while *bytes.get(at)? == 0xFF {
                at += 1;
            }
            if bytes[at] != 0 {
                return Some(at - 1);
            }
        }
    }

    #[test]
    fn stuffing_and_fill_are_passed_over() {
        let bytes = [1, 0xFF, 0, 0xFF, 0xFF, 0, 5, 0xFF, 0xFF, 0xD9, 0xFF];
        for level in SimdLevel::available() {
            assert_eq!(find_marker(level, &bytes, 0), Some(8));
            assert_eq!(find_marker(level, &bytes, 8), Some(8));
            for from in [9, 10, 11, 12] {
                assert_eq!(find_marker(level, &bytes, from), None, "{from}");
            }
            assert_eq!(find_marker(level, &[], 0), None);
        }
    }

    #[test]
    fn every_level_finds_the_same_at_every_place() {
        // Stuffing and fill everywhere, and a marker at each place around the borders of blocks.
        let stuffed: Vec<u8> = [0xFF, 0, 7, 0xFF, 0xFF, 0].into_iter().cycle().take(6 * BLOCK).collect();
        for place in (0..40).chain(BLOCK - 20..BLOCK + 20).chain([2 * BLOCK - 1, 5 * BLOCK, 6 * BLOCK - 2]) {
            for code in [1, 0xD0, 0xD9, 0xFE] {
                let mut bytes = stuffed.clone();
                bytes[place] = 0xFF;
                bytes[place + 1] = code;
                for from in [0, 1, place, place + 1] {
                    for length in [bytes.len(), place + 2, place + 1, place + 300] {
                        let bytes = &bytes[..length.min(bytes.len())];
                        let expected = plainly(bytes, from);
                        for level in SimdLevel::available() {
                            let found = find_marker(level, bytes, from);
                            assert_eq!(found, expected, "{level} {place} {code} {from} {length}");
                        }
                    }
                }
            }
        }
    }
}
