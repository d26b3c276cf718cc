//! Finding 0xFF in entropy-coded data, eight bytes a step.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Position of the first 0xFF at or after `from`.
pub(super) fn find_ff(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let (words, tail) = rest.as_chunks::<8>();
    for (i, word) in words.iter().enumerate() {
        // A byte of the complement is zero exactly where the byte is 0xFF; the lowest hit is never a false one.
        let complement = !u64::from_le_bytes(*word);
        let zeros = complement.wrapping_sub(ONES) & !complement & HIGHS;
        if zeros != 0 {
            return Some(from + 8 * i + zeros.trailing_zeros() as usize / 8);
        }
    }
    let tail_at = from + 8 * words.len();
    tail.iter().position(|&byte| byte == 0xFF).map(|i| tail_at + i)
}

/// The next marker at or after `from`, as its code and the position behind it. Stuffed (FF 00) and fill
/// (FF FF) bytes are passed over, as libjpeg does.
pub(super) fn next_marker(bytes: &[u8], from: usize) -> Option<(u8, usize)> {
    let mut at = from;
    loop {
        at = find_ff(bytes, at)?;
        while *bytes.get(at)? == 0xFF {
            at += 1;
        }
        let code = bytes[at];
        at += 1;
        if code != 0 {
            return Some((code, at));
        }
    }
}

/// The big-endian number at `at`.
pub(super) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    let pair = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_be_bytes([pair[0], pair[1]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_a_plain_search_finds() {
        // Every place of one or two hits in a short text, from every start; 0xFE and 0x00 are the near misses.
        for len in 0..26 {
            for hit in 0..len {
                for second in hit..len {
                    let mut bytes: Vec<u8> = (0..len).map(|i| if i % 2 == 0 { 0xFE } else { 0 }).collect();
                    bytes[hit] = 0xFF;
                    bytes[second] = 0xFF;
                    for from in 0..=len {
                        let naive = bytes[from..].iter().position(|&b| b == 0xFF).map(|i| from + i);
                        assert_eq!(find_ff(&bytes, from), naive);
                    }
                }
            }
        }
        assert_eq!(find_ff(&[0xFF], 7), None);
    }

    #[test]
    fn markers_skip_stuffing_and_fill() {
        let bytes = [1, 0xFF, 0, 0xFF, 0xFF, 0, 5, 0xFF, 0xFF, 0xD9, 0xFF];
        assert_eq!(next_marker(&bytes, 0), Some((0xD9, 10)));
        assert_eq!(next_marker(&bytes, 10), None);
        assert_eq!(next_marker(&[], 0), None);
    }
}
