//! Verdicts of the decoder in the form in which golden files hold Pillow's.

// Functions beside the tests may fail a test, as the tests themselves may.
#![allow(clippy::unwrap_used)]

use bandwise_decode::{DecodeError, DecodeLimits, Decoder};
use bandwise_kernels::{Rect, RgbView};
use sha2::{Digest, Sha256};

/// `ok WIDTH HEIGHT SHA256`, or `no REASON MESSAGE`.
pub(crate) fn verdict(decoder: &mut Decoder, bytes: &[u8]) -> String {
    match whole(decoder, bytes) {
        Ok(view) => {
            let start = format!("ok {} {} ", view.width(), view.height());
            Sha256::digest(packed(view)).iter().fold(start, |text, byte| text + &format!("{byte:02x}"))
        }
        Err(error) => {
            assert!(!error.to_string().contains("panicked"), "{error}");
            format!("no {} {error}", error.reason())
        }
    }
}

/// The whole image.
pub(crate) fn whole<'a>(decoder: &'a mut Decoder, bytes: &[u8]) -> Result<RgbView<'a>, DecodeError> {
    let header = decoder.header(bytes, &DecodeLimits::default())?;
    decoder.decode(bytes, &header, Rect::whole(header.width, header.height))
}

/// Its pixels without gaps.
pub(crate) fn packed(view: RgbView<'_>) -> Vec<u8> {
    (0..view.height()).flat_map(|y| view.row(y)).copied().collect()
}
