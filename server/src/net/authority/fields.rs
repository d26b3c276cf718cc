//! The compressed fields of headers (HPACK, RFC 7541), as far as the authority among them is concerned.

use tonic::codegen::http::uri::Authority;

use super::huffman;

const AUTHORITY: &[u8] = b":authority";

/// Its place in the static table. Clients know it there and need no entry of their own table for the name.
const AUTHORITY_INDEX: usize = 1;

/// A string that is Huffman-coded.
const CODED: u8 = 0x80;

/// `block` with names that the server takes for those that it refuses; none if there is nothing to change.
pub(super) fn changed(block: &[u8]) -> Option<Vec<u8>> {
    let mut fields = Fields { rest: block };
    let (mut out, mut copied) = (None::<Vec<u8>>, 0);
    while !fields.rest.is_empty() {
        // A malformed block passes as it is.
        let Some((before, value)) = fields.next()?.authority else { continue };
        let Some(name) = taken_for(value) else { continue };
        let out = out.get_or_insert_default();
        out.extend_from_slice(&block[copied..block.len() - before]);
        push_plain(out, &name);
        copied = block.len() - fields.rest.len();
    }
    let mut out = out?;
    out.extend_from_slice(&block[copied..]);
    Some(out)
}

/// The name to give instead of `value` if the server would refuse that. It has the same length.
fn taken_for(value: Text<'_>) -> Option<Vec<u8>> {
    let mut name = value.plain()?;
    if name.is_empty() || Authority::try_from(name.as_slice()).is_ok() {
        return None;
    }
    for byte in &mut name {
        if !byte.is_ascii_alphanumeric() {
            *byte = b'-';
        }
    }
    Some(name)
}

/// Writes a string that is not coded.
fn push_plain(out: &mut Vec<u8>, text: &[u8]) {
    push_number(out, 7, text.len());
    out.extend_from_slice(text);
}

/// Writes a number that begins in the last `bits` of a byte whose others are 0.
fn push_number(out: &mut Vec<u8>, bits: u32, number: usize) {
    let most = (1 << bits) - 1;
    if number < most {
        out.push(number as u8);
        return;
    }
    out.push(most as u8);
    let mut rest = number - most;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// A string.
#[derive(Clone, Copy, Debug)]
struct Text<'a> {
    bytes: &'a [u8],
    coded: bool,
}

impl Text<'_> {
    /// The string without its code; none if it has characters that no authority has.
    fn plain(self) -> Option<Vec<u8>> {
        if self.coded { huffman::decode(self.bytes) } else { Some(self.bytes.to_vec()) }
    }
}

/// A field.
#[derive(Clone, Copy, Debug)]
struct Field<'a> {
    /// If it is an authority in full: how many bytes were left before its value, and the value.
    authority: Option<(usize, Text<'a>)>,
}

/// Reads fields one after the other; all methods return none where they are malformed.
#[derive(Debug)]
struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    fn next(&mut self) -> Option<Field<'a>> {
        let &first = self.rest.first()?;
        let bits = match first {
            // A whole field of a table.
            0x80.. => 7,
            // A value, kept in the table.
            0x40.. => 6,
            // A size of the table.
            0x20.. => 5,
            // A value, not kept.
            _ => 4,
        };
        let index = self.number(bits)?;
        if matches!(bits, 5 | 7) {
            return Some(Field { authority: None });
        }
        let is_authority = match index {
            0 => self.text()?.plain().is_some_and(|name| name == AUTHORITY),
            _ => index == AUTHORITY_INDEX,
        };
        let before = self.rest.len();
        let value = self.text()?;
        Some(Field { authority: is_authority.then_some((before, value)) })
    }

    fn text(&mut self) -> Option<Text<'a>> {
        let coded = self.rest.first()? & CODED != 0;
        let length = self.number(7)?;
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(Text { bytes, coded })
    }

    /// Reads a number that begins in the last `bits` of the next byte.
    fn number(&mut self, bits: u32) -> Option<usize> {
        let most = (1 << bits) - 1;
        let mut number = usize::from(self.byte()?) & most;
        if number < most {
            return Some(number);
        }
        // Larger ones do not fit headers that are looked at.
        for shift in [0, 7, 14] {
            let byte = usize::from(self.byte()?);
            number += (byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }
}
