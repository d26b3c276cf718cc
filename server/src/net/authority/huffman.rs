//! The code of strings in headers (RFC 7541, appendix B), for the characters that may be in an authority.
//!
//! Codes of one length follow each other in the order of their characters, shorter ones before longer ones.

/// Characters by the length of their code in bits. Those of more bits are no text.
const CHARACTERS: [(u32, &[u8]); 10] = [
    (5, b"012aceiost"),
    (6, b" %-./3456789=A_bdfghlmnpru"),
    (7, b":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz"),
    (8, b"&*,;XZ"),
    (10, b"!\"()?"),
    (11, b"'+|"),
    (12, b"#>"),
    (13, b"\0$@[]~"),
    (14, b"^}"),
    (15, b"<`{"),
];

/// At most so many bits of 1 fill the last byte.
const MAX_FILL: u32 = 7;

/// The string, if it is well-formed and of such characters.
pub(super) fn decode(coded: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(coded.len() * 8 / 5);
    let (mut code, mut length) = (0, 0);
    for bit in coded.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)) {
        (code, length) = (code << 1 | u32::from(bit), length + 1);
        if length > CHARACTERS[CHARACTERS.len() - 1].0 {
            return None;
        }
        if let Some(character) = character(code, length) {
            out.push(character);
            (code, length) = (0, 0);
        }
    }
    (length <= MAX_FILL && code == (1 << length) - 1).then_some(out)
}

/// The character of a code.
fn character(code: u32, length: u32) -> Option<u8> {
    let (mut first, mut bits) = (0, 0);
    for (of_length, characters) in CHARACTERS {
        first <<= of_length - bits;
        bits = of_length;
        if of_length == length {
            return characters.get(code.checked_sub(first)? as usize).copied();
        }
        first += characters.len() as u32;
    }
    None
}
