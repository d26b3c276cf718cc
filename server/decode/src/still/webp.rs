//! Truncation of WebP files: the length in the RIFF header is checked, as libwebp does before anything else. The
//! `image` crate would decode what is there.

use crate::error::DecodeError;
use crate::format::Format;

/// Compares the length that the file states with the bytes that are there.
pub(super) fn check(bytes: &[u8]) -> Result<(), DecodeError> {
    let stated = bytes.get(4..).and_then(|rest| rest.first_chunk::<4>()).map(|len| u32::from_le_bytes(*len));
    match stated {
        // The length counts from behind itself.
        Some(len) if len as usize <= bytes.len() - 8 => Ok(()),
        _ => Err(DecodeError::Truncated { format: Format::Webp }),
    }
}
