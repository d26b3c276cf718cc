//! The verdicts of this format in short.

use crate::error::DecodeError;
use crate::format::Format;

pub(super) const TRUNCATED: DecodeError = DecodeError::Truncated { format: Format::Jpeg2000 };

pub(super) fn corrupt(detail: &str) -> DecodeError {
    DecodeError::corrupt(Format::Jpeg2000, detail)
}

pub(super) fn unsupported(detail: &str) -> DecodeError {
    DecodeError::unsupported(Format::Jpeg2000, detail)
}
