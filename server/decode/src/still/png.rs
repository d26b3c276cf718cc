//! The PNG checks that Pillow makes and the `png` crate leaves out: every chunk before the pixels, also an
//! ancillary one, must have the right checksum.

use crate::error::DecodeError;
use crate::format::Format;

const SIGNATURE_LEN: usize = 8;

/// Reads the chunks up to the first IDAT (or fdAT).
pub(super) fn check(bytes: &[u8]) -> Result<(), DecodeError> {
    let mut at = SIGNATURE_LEN;
    loop {
        let head = bytes.get(at..at + 8).ok_or(TRUNCATED)?;
        let len = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let kind = &head[4..8];
        if kind == b"IDAT" || kind == b"fdAT" {
            return Ok(());
        }
        // The checksum covers kind and data, which follow each other.
        let covered = bytes.get(at + 4..at + 8 + len).ok_or(TRUNCATED)?;
        let stored = bytes.get(at + 8 + len..at + 12 + len).ok_or(TRUNCATED)?;
        if crc32(covered).to_be_bytes() != stored {
            let name = String::from_utf8_lossy(kind).into_owned();
            return Err(DecodeError::corrupt(Format::Png, format!("a wrong checksum in chunk {name:?}")));
        }
        at += 12 + len;
    }
}

const TRUNCATED: DecodeError = DecodeError::Truncated { format: Format::Png };

/// Whether the file stores alpha samples (as opposed to a transparent colour): bit 2 of the colour type, which
/// stands at a fixed place in the first chunk.
pub(super) fn has_alpha(bytes: &[u8]) -> bool {
    bytes.get(SIGNATURE_LEN + 17).is_some_and(|color_type| color_type & 4 != 0)
}

/// The CRC of ISO 3309, polynomial 0xEDB88320, by a table of one byte.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| CRC_TABLE[((crc ^ u32::from(byte)) & 255) as usize] ^ (crc >> 8))
}

const CRC_TABLE: [u32; 256] = crc_table();

const fn crc_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let mut crc = i as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { 0xEDB8_8320 ^ (crc >> 1) } else { crc >> 1 };
            bit += 1;
        }
        table[i] = crc;
        i += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc_check_value() {
        // The check value that every catalogue of CRCs gives for this one.
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }
}
