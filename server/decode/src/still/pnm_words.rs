//! Rules of words that the header and the samples of plain Netpbm files share, and their errors.

use crate::error::DecodeError;
use crate::format::Format;

/// Longest number in characters.
pub(super) const MOST_DIGITS: usize = 10;

pub(super) const TRUNCATED: DecodeError = DecodeError::Truncated { format: Format::Pnm };

pub(super) fn corrupt(detail: impl Into<String>) -> DecodeError {
    DecodeError::corrupt(Format::Pnm, detail)
}

pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C)
}
