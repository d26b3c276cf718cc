//! Finding markers in entropy-coded data.

use bandwise_kernels::{SimdLevel, find_marker};

/// The next marker at or after `from`, as its code and the position behind it. Stuffed (FF 00) and fill
/// (FF FF) bytes are passed over, as libjpeg does.
pub(super) fn next_marker(level: SimdLevel, bytes: &[u8], from: usize) -> Option<(u8, usize)> {
    let at = find_marker(level, bytes, from)?;
    Some((*bytes.get(at + 1)?, at + 2))
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
        assert_eq!(next_marker(SimdLevel::SCALAR, &bytes, 0), Some((0xD9, 10)));
        assert_eq!(next_marker(SimdLevel::SCALAR, &bytes, 10), None);
        assert_eq!(next_marker(SimdLevel::SCALAR, &[], 0), None);
    }
}
