//! Everything that is not JPEG: rare in training sets, so simple and whole-frame.
//!
//! - `through_image`: PNG, WebP, TIFF and BMP, decoded by the `image` crate.
//! - `samples`: its sample types to 8-bit RGB, as Pillow converts them.
//! - `bmp`, `png`, `tiff`, `webp`: what Pillow checks and the `image` crate does not, and kinds that would come out different.
//! - `pnm`: Netpbm, decoded here, since Pillow scales odd maximum values in its own way.

mod bmp;
mod png;
mod pnm;
mod samples;
mod through_image;
mod tiff;
mod webp;

pub(crate) use pnm::{PnmLayout, decode as decode_pnm};
pub(crate) use through_image::decode;

use crate::error::DecodeError;
use crate::format::Format;
use crate::header::Header;
use crate::limits::DecodeLimits;

/// Format and size of an image that is not a JPEG.
pub(crate) fn header(bytes: &[u8], format: Format, limits: &DecodeLimits) -> Result<Header, DecodeError> {
    match format {
        Format::Pnm => pnm::header(bytes, limits),
        _ => through_image::header(bytes, format, limits),
    }
}
