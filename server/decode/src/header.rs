//! The facts about an image before its pixels: format, size, and what its decoder needs to know again.

use crate::error::DecodeError;
use crate::format::Format;
use crate::layout::{JpegLayout, PnmLayout};
use crate::limits::DecodeLimits;

/// Format and size of an image whose size is within the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// File type by content.
    pub format: Format,
    /// Width in pixels as stored, at least 1.
    pub width: u32,
    /// Height in pixels as stored, at least 1.
    pub height: u32,
    pub(crate) detail: Detail,
    pub(crate) limits: DecodeLimits,
}

/// Above this the byte counts of the formats would have to be checked for overflow.
const MOST_PIXELS: u64 = u32::MAX as u64;

/// The data that a format's decoder keeps from reading the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    Jpeg(JpegLayout),
    Pnm(PnmLayout),
    Tiff,
    #[cfg(feature = "jpeg2000")]
    Jpeg2000,
    None,
}

impl Header {
    /// Width times height.
    pub fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// A header after the check of its size.
    pub(crate) fn checked(
        format: Format,
        (width, height): (u32, u32),
        detail: Detail,
        limits: &DecodeLimits,
    ) -> Result<Self, DecodeError> {
        if width == 0 || height == 0 {
            return Err(DecodeError::corrupt(format, format!("a size of {width} x {height}")));
        }
        let limit = limits.max_pixels.min(MOST_PIXELS);
        if u64::from(width) * u64::from(height) > limit {
            return Err(DecodeError::TooManyPixels { width, height, limit });
        }
        Ok(Self { format, width, height, detail, limits: *limits })
    }
}
