//! The call into libwebp, the library that Pillow has: the pixels of one frame.
//!
//! Its allocations may fail, and are a verdict then. A hostile lossless frame of a few hundred kilobytes can make it reserve
//! up to 1.3 GB of tables for as long as the call takes, of which it touches what the frame's bits fill.

#![allow(unsafe_code)]

use libwebp_sys::{VP8StatusCode, WEBP_CSP_MODE, WebPDecode, WebPDecoderConfig};

use crate::error::DecodeError;
use crate::format::Format;

/// Decodes a frame, an ALPH chunk or none and a VP8 or VP8L chunk, to packed RGBA, as `WebPAnimDecoder` does.
///
/// # Errors
///
/// The verdict of libwebp, also where the frame has another size than `size`, of which `rgba` is.
pub(super) fn decode(frame: &[u8], size: (u32, u32), rgba: &mut [u8]) -> Result<(), DecodeError> {
    let len = 4 * size.0 as usize * size.1 as usize;
    let mut config =
        WebPDecoderConfig::new().map_err(|()| DecodeError::unsupported(Format::Webp, "another libwebp"))?;
    config.output.colorspace = WEBP_CSP_MODE::MODE_RGBA;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = rgba[..len].as_mut_ptr();
    config.output.u.RGBA.stride = (4 * size.0).cast_signed();
    config.output.u.RGBA.size = len;
    // SAFETY: `frame` is readable for its length. The output is external memory of `len` bytes that outlives the call; libwebp
    // refuses a frame whose rows or whole do not fit the stride and size given.
    let status = unsafe { WebPDecode(frame.as_ptr(), frame.len(), &raw mut config) };
    let is_whole =
        (config.output.width, config.output.height) == (size.0.cast_signed(), size.1.cast_signed());
    match status {
        VP8StatusCode::VP8_STATUS_OK if is_whole => Ok(()),
        VP8StatusCode::VP8_STATUS_OK => Err(corrupt("the size is not that of the header")),
        VP8StatusCode::VP8_STATUS_OUT_OF_MEMORY => Err(DecodeError::OutOfMemory),
        VP8StatusCode::VP8_STATUS_NOT_ENOUGH_DATA | VP8StatusCode::VP8_STATUS_SUSPENDED => {
            Err(DecodeError::Truncated { format: Format::Webp })
        }
        VP8StatusCode::VP8_STATUS_UNSUPPORTED_FEATURE => {
            Err(DecodeError::unsupported(Format::Webp, "a feature that libwebp does not decode"))
        }
        _ => Err(corrupt("a damaged bitstream")),
    }
}

fn corrupt(detail: &str) -> DecodeError {
    DecodeError::corrupt(Format::Webp, detail)
}
