//! Which BMP files are decoded: all but those of 16 bits a pixel, whose 5-bit colours Pillow widens by truncation
//! and the `image` crate by rounding. They are refused rather than decoded differently.

use crate::error::DecodeError;
use crate::format::Format;

/// Looks at the pixel depth in the information header.
pub(super) fn check(bytes: &[u8]) -> Result<(), DecodeError> {
    // The oldest header (12 bytes) has 16-bit sides before the depth, all others have 32-bit sides.
    let depth_at = if bytes.get(14) == Some(&12) { 24 } else { 28 };
    if bytes.get(depth_at) == Some(&16) {
        return Err(DecodeError::unsupported(Format::Bmp, "16 bits a pixel"));
    }
    Ok(())
}
