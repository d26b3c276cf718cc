//! Finding markers in entropy-coded data.

use memchr::memchr;

/// The next marker at or after `from`, as its code and the position behind it. Stuffed (FF 00) and fill
/// (FF FF) bytes are passed over, as libjpeg does.
pub(super) fn next_marker(bytes: &[u8], from: usize) -> Option<(u8, usize)> {
    let mut at = from;
    loop {
        at += memchr(0xFF, bytes.get(at..)?)?;
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
    fn markers_skip_stuffing_and_fill() {
        let bytes = [1, 0xFF, 0, 0xFF, 0xFF, 0, 5, 0xFF, 0xFF, 0xD9, 0xFF];
        assert_eq!(next_marker(&bytes, 0), Some((0xD9, 10)));
        assert_eq!(next_marker(&bytes, 10), None);
        assert_eq!(next_marker(&[], 0), None);
    }
}
