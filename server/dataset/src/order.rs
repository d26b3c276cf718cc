//! The order in which Python sorts file names.
//!
//! Python decodes a file name as UTF-8 with `surrogateescape` (PEP 383: each byte that is not UTF-8 becomes
//! U+DC00 + byte) and compares strings by code point. That is the order of the bytes for names that are UTF-8,
//! but not for others: byte 0xFF (U+DCFF) sorts before U+E000 (bytes EE 80 80). No locale enters.

use std::cmp::Ordering;

/// Compares two file names or paths as Python compares the strings that it decodes from them.
///
/// Cost: linear in the lengths, without allocation.
pub(crate) fn python_order(a: &[u8], b: &[u8]) -> Ordering {
    if is_utf8(a) && is_utf8(b) { a.cmp(b) } else { code_points(a).cmp(code_points(b)) }
}

/// Whether the order of the bytes is already the order of Python among names that all satisfy this.
pub(crate) fn is_utf8(name: &[u8]) -> bool {
    std::str::from_utf8(name).is_ok()
}

fn code_points(name: &[u8]) -> impl Iterator<Item = u32> + '_ {
    name.utf8_chunks().flat_map(|chunk| {
        let escaped = chunk.invalid().iter().map(|&byte| 0xDC00 + u32::from(byte));
        chunk.valid().chars().map(u32::from).chain(escaped)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn ascending(names: &[&[u8]]) {
        for pair in names.windows(2) {
            assert_eq!(python_order(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(python_order(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
            assert_eq!(python_order(pair[0], pair[0]), Ordering::Equal);
        }
    }

    #[test]
    fn utf8_names_sort_by_code_point() {
        ascending(&[b"", b"A", b"a", b"a-b", b"a/b", "é".as_bytes(), "\u{E000}".as_bytes(), "😀".as_bytes()]);
    }

    #[test]
    fn escaped_bytes_sort_between_u_d7ff_and_u_e000() {
        ascending(&["\u{D7FF}".as_bytes(), b"\x80", b"\xED\xA0\x80", b"\xFF", "\u{E000}".as_bytes()]);
    }

    #[test]
    fn a_cut_sequence_is_escaped_byte_by_byte() {
        // F0 9F 98 lacks its last byte: three surrogates, the first of them U+DCF0.
        ascending(&[b"\xEF\x20", b"\xF0\x9F\x98", b"\xF0\x9F\x98z", "\u{FFFD}".as_bytes(), "😀".as_bytes()]);
    }

    /// Undoes percent-encoding.
    fn decoded(name: &str) -> Vec<u8> {
        let mut parts = name.split('%');
        let mut bytes = parts.next().unwrap().as_bytes().to_vec();
        for part in parts {
            bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
            bytes.extend_from_slice(&part.as_bytes()[2..]);
        }
        bytes
    }

    #[test]
    fn hundreds_of_names_sort_as_python_sorted_them() {
        let golden: Vec<String> = serde_json::from_str(include_str!("../tests/golden/order.json")).unwrap();
        let expected: Vec<Vec<u8>> = golden.iter().map(|name| decoded(name)).collect();
        let mut sorted = expected.clone();
        sorted.sort();
        assert_ne!(sorted, expected, "the names do not tell Python's order from that of bytes");
        sorted.sort_by(|a, b| python_order(a, b));
        assert_eq!(sorted, expected);
        assert!(expected.len() > 300);
    }
}
