//! Everything that is not JPEG: rare in training sets, so simple and whole-frame.
//!
//! - `tiff`: TIFF, put together here from strips and tiles, as Pillow and libtiff do it.
//! - `webp`: the container, of which the first frame goes to libwebp; `webp_pixels`: the call into it.
//! - `bmp`, `bmp_runs`, `gif`, `gif_codes`, `png`, `png_chunks`, `png_rows`, `png_text`, `png_error`: decoded here; `frame`: the pixels that they fill.
//! - `pnm`, `pnm_plain`, `pnm_words`: Netpbm, decoded here, since Pillow scales odd maximum values in its own way.

mod bmp;
mod bmp_runs;
mod frame;
mod gif;
mod gif_codes;
mod png;
mod png_chunks;
mod png_error;
mod png_rows;
mod png_text;
mod pnm;
mod pnm_plain;
mod pnm_words;
mod tiff;
mod webp;
mod webp_pixels;

pub(crate) use pnm::decode as decode_pnm;
pub(crate) use tiff::decode as decode_tiff;

use bandwise_kernels::Rect;

pub(crate) use self::frame::Frame;
use crate::buffer::PixelBuffer;
use crate::error::DecodeError;
use crate::format::Format;
use crate::header::Header;
use crate::limits::DecodeLimits;
use crate::placement::Placement;

/// Format and size of an image that is not a JPEG.
pub(crate) fn header(bytes: &[u8], format: Format, limits: &DecodeLimits) -> Result<Header, DecodeError> {
    match format {
        Format::Pnm => pnm::header(bytes, limits),
        Format::Bmp => bmp::header(bytes, limits),
        Format::Gif => gif::header(bytes, limits),
        Format::Png => png::header(bytes, limits),
        Format::Tiff => tiff::header(bytes, limits),
        Format::Webp => webp::header(bytes, limits),
        Format::Jpeg | Format::Jpeg2000 => Err(DecodeError::unsupported(format, "not decoded by this path")),
    }
}

/// Decodes the whole image, with `raw` for what lies between, and says where the region is in `pixels`.
pub(crate) fn decode(
    bytes: &[u8],
    header: &Header,
    region: Rect,
    raw: &mut PixelBuffer,
    pixels: &mut PixelBuffer,
) -> Result<Placement, DecodeError> {
    let size = (header.width, header.height);
    match header.format {
        Format::Bmp => bmp::decode(bytes, &mut Frame::new(pixels, size)?)?,
        Format::Gif => gif::decode(bytes, &mut Frame::new(pixels, size)?)?,
        Format::Png => png::decode(bytes, raw, &mut Frame::new(pixels, size)?)?,
        Format::Webp => return webp::decode(bytes, header, region, raw, pixels),
        Format::Jpeg | Format::Jpeg2000 | Format::Pnm | Format::Tiff => {
            return Err(DecodeError::unsupported(header.format, "not decoded by this path"));
        }
    }
    Ok(Frame::place(header.width, region))
}
