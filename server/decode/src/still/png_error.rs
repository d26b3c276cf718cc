//! The two errors of PNG files.

use crate::error::DecodeError;
use crate::format::Format;

pub(super) const TRUNCATED: DecodeError = DecodeError::Truncated { format: Format::Png };

pub(super) fn corrupt(detail: impl Into<String>) -> DecodeError {
    DecodeError::corrupt(Format::Png, detail)
}
