//! WebP through the `image` crate, under its memory limit.

use std::io::Cursor;

use bandwise_kernels::Rect;
use image::error::{ImageError, LimitErrorKind};
use image::{ImageDecoder, ImageFormat, ImageReader, Limits};

use super::samples;
use crate::buffer::PixelBuffer;
use crate::decoder::Placement;
use crate::error::DecodeError;
use crate::format::Format;
use crate::header::Header;
use crate::limits::DecodeLimits;

/// Decodes the whole frame into `raw` and the region, as RGB, into `pixels`.
pub(super) fn decode(
    bytes: &[u8],
    header: &Header,
    region: Rect,
    raw: &mut PixelBuffer,
    pixels: &mut PixelBuffer,
) -> Result<Placement, DecodeError> {
    let format = header.format;
    let color = {
        let decoder = open(bytes, format, &header.limits)?;
        if decoder.dimensions() != (header.width, header.height) {
            return Err(DecodeError::corrupt(format, "the size is not that of the header"));
        }
        let color = decoder.color_type();
        let len = usize::try_from(decoder.total_bytes()).map_err(|_| DecodeError::OutOfMemory)?;
        raw.prepare(len)?;
        decoder.read_image(&mut raw.bytes_mut()[..len]).map_err(|error| refusal(format, &error))?;
        color
    };
    pixels.prepare(3 * region.width as usize * region.height as usize)?;
    samples::region_to_rgb(raw.bytes(), color, header.width, region, pixels.bytes_mut())
        .map_err(|detail| DecodeError::unsupported(format, detail))?;
    Ok(Placement::packed(region.width))
}

fn open<'a>(
    bytes: &'a [u8],
    format: Format,
    limits: &DecodeLimits,
) -> Result<impl ImageDecoder + 'a, DecodeError> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), image_format(format)?);
    let mut fence = Limits::no_limits();
    fence.max_alloc = Some(limits.max_alloc_bytes());
    reader.limits(fence);
    reader.into_decoder().map_err(|error| refusal(format, &error))
}

fn image_format(format: Format) -> Result<ImageFormat, DecodeError> {
    match format {
        Format::Webp => Ok(ImageFormat::WebP),
        _ => Err(DecodeError::unsupported(format, "not decoded by this path")),
    }
}

fn refusal(format: Format, error: &ImageError) -> DecodeError {
    match error {
        ImageError::Unsupported(error) => DecodeError::unsupported(format, error.to_string()),
        ImageError::Limits(error) if error.kind() == LimitErrorKind::InsufficientMemory => {
            DecodeError::unsupported(format, "more memory than its number of pixels warrants")
        }
        ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            DecodeError::Truncated { format }
        }
        other => DecodeError::corrupt(format, other.to_string()),
    }
}
