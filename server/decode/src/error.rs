//! Reasons why an image cannot be decoded: one enum, with a stable word per reason for metrics and the wire.

use crate::format::Format;

/// A file that gives no pixels.
///
/// Every variant but [`DecodeError::OutOfMemory`] is a property of the bytes and the limits: it will be the same
/// on every machine and at every attempt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// There are no bytes.
    #[error("the file is empty")]
    Empty,
    /// More encoded bytes than [`DecodeLimits::max_encoded_bytes`](crate::DecodeLimits::max_encoded_bytes).
    #[error("{bytes} encoded bytes, more than the limit of {limit}")]
    TooLong {
        /// Size of the file in bytes.
        bytes: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The signature is none of the supported formats.
    #[error("not a supported image format, the first bytes are {start:02x?}")]
    UnknownFormat {
        /// The first bytes, at most 8.
        start: Vec<u8>,
    },
    /// The signature is that of a known file type that is not decoded here.
    #[error("{what}, which is not decoded here; {way_out}")]
    ForeignFormat {
        /// The file type with its article.
        what: &'static str,
        /// The program that converts it, or what else helps.
        way_out: &'static str,
    },
    /// The header claims more pixels than [`DecodeLimits::max_pixels`](crate::DecodeLimits::max_pixels).
    #[error("{width} x {height} pixels, more than the limit of {limit} pixels")]
    TooManyPixels {
        /// Width that the header claims, in pixels.
        width: u32,
        /// Height that the header claims, in pixels.
        height: u32,
        /// The limit in pixels.
        limit: u64,
    },
    /// A JPEG with so many scans that decoding it would take unreasonably long.
    #[error("more than {limit} scans for a jpeg of this size")]
    TooManyScans {
        /// The limit for an image of this size.
        limit: u32,
    },
    /// The bytes end too early.
    #[error("{format} file is truncated")]
    Truncated {
        /// Format that the signature names.
        format: Format,
    },
    /// The bytes contradict their format.
    #[error("{format} file is corrupt: {detail}")]
    Corrupt {
        /// Format that the signature names.
        format: Format,
        /// The defect.
        detail: String,
    },
    /// A valid file of a kind that is not decoded here.
    #[error("{format} file of an unsupported kind: {detail}")]
    Unsupported {
        /// Format that the signature names.
        format: Format,
        /// The kind.
        detail: String,
    },
    /// This machine has no memory for the image. Not a property of the bytes: another machine may succeed.
    #[error("out of memory while decoding")]
    OutOfMemory,
}

impl DecodeError {
    /// A stable `snake_case` word for metrics and the wire.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLong { .. } => "too_long",
            Self::UnknownFormat { .. } => "unknown_format",
            Self::ForeignFormat { .. } => "foreign_format",
            Self::TooManyPixels { .. } => "too_many_pixels",
            Self::TooManyScans { .. } => "too_many_scans",
            Self::Truncated { .. } => "truncated",
            Self::Corrupt { .. } => "corrupt",
            Self::Unsupported { .. } => "unsupported",
            Self::OutOfMemory => "out_of_memory",
        }
    }

    /// Whether the verdict follows from the bytes and the limits alone, so that every machine will agree.
    pub const fn is_undecodable(&self) -> bool {
        !matches!(self, Self::OutOfMemory)
    }

    pub(crate) fn corrupt(format: Format, detail: impl Into<String>) -> Self {
        Self::Corrupt { format, detail: detail.into() }
    }

    pub(crate) fn unsupported(format: Format, detail: impl Into<String>) -> Self {
        Self::Unsupported { format, detail: detail.into() }
    }
}

/// libjpeg-turbo did not start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("libjpeg-turbo did not start: {detail}")]
pub struct DecoderInitError {
    /// The message of the library.
    pub detail: String,
}
