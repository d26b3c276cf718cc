//! Which TIFF files are decoded: those whose pixels come out as in Pillow. The first directory is read for the
//! few tags that decide it. Refused as unsupported: JPEG inside TIFF (another decoder than libjpeg would do it),
//! colour models other than grey and RGB, and a stored orientation, which Pillow obeys in TIFF files only.

use crate::error::DecodeError;
use crate::format::Format;

const TAG_COMPRESSION: u16 = 259;
const TAG_PHOTOMETRIC: u16 = 262;
const TAG_ORIENTATION: u16 = 274;

/// Reads the first directory.
pub(super) fn check(bytes: &[u8]) -> Result<(), DecodeError> {
    let file = Reader { bytes, little_endian: bytes.first() == Some(&b'I') };
    let directory = file.long(4)? as usize;
    let n_entries = file.short(directory)?;
    for i in 0..usize::from(n_entries) {
        let entry = directory.saturating_add(2 + 12 * i);
        // Values of these tags are single 16-bit numbers, stored in the entry itself.
        let value = file.short(entry.saturating_add(8))?;
        let is_fine = match file.short(entry)? {
            // None, LZW, deflate (two numbers), PackBits.
            TAG_COMPRESSION => matches!(value, 1 | 5 | 8 | 32946 | 32773),
            // White is zero, black is zero, RGB.
            TAG_PHOTOMETRIC => value <= 2,
            TAG_ORIENTATION => value <= 1,
            _ => true,
        };
        if !is_fine {
            let tag = file.short(entry)?;
            return Err(DecodeError::unsupported(Format::Tiff, format!("tag {tag} is {value}")));
        }
    }
    Ok(())
}

struct Reader<'a> {
    bytes: &'a [u8],
    little_endian: bool,
}

impl Reader<'_> {
    fn short(&self, at: usize) -> Result<u16, DecodeError> {
        let pair = self.array::<2>(at)?;
        Ok(if self.little_endian { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) })
    }

    fn long(&self, at: usize) -> Result<u32, DecodeError> {
        let quad = self.array::<4>(at)?;
        Ok(if self.little_endian { u32::from_le_bytes(quad) } else { u32::from_be_bytes(quad) })
    }

    fn array<const N: usize>(&self, at: usize) -> Result<[u8; N], DecodeError> {
        let found = self.bytes.get(at..).and_then(|rest| rest.first_chunk::<N>());
        found.copied().ok_or(DecodeError::Truncated { format: Format::Tiff })
    }
}
