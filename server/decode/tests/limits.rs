//! Files that ask for too much are refused before anything is allocated for them.

// Functions beside the tests may fail a test, as the tests themselves may.
#![allow(clippy::unwrap_used)]

use bandwise_decode::{DecodeError, DecodeLimits, Decoder, Format};
use bandwise_kernels::{Rect, SimdLevel};

fn golden(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/golden/files/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn header_error(bytes: &[u8], limits: DecodeLimits) -> DecodeError {
    Decoder::new(SimdLevel::detect()).unwrap().header(bytes, &limits).unwrap_err()
}

#[test]
fn a_claim_of_twenty_thousand_pixels_a_side() {
    let expected = DecodeError::TooManyPixels { width: 20000, height: 20000, limit: 100_000_000 };
    for name in ["bomb.jpg", "bomb.png"] {
        assert_eq!(header_error(&golden(name), DecodeLimits::default()), expected, "{name}");
    }
    let pnm = b"P6\n20000 20000\n255\n";
    assert_eq!(header_error(pnm, DecodeLimits::default()), expected);
}

#[test]
fn the_pixel_limit_is_exact() {
    let bytes = golden("420_33x15.jpg");
    let limits = |max_pixels| DecodeLimits { max_pixels, ..DecodeLimits::default() };
    assert!(Decoder::new(SimdLevel::detect()).unwrap().header(&bytes, &limits(33 * 15)).is_ok());
    assert_eq!(
        header_error(&bytes, limits(33 * 15 - 1)),
        DecodeError::TooManyPixels { width: 33, height: 15, limit: 33 * 15 - 1 }
    );
}

#[test]
fn the_byte_limit_is_exact() {
    let bytes = golden("420.jpg");
    let limits = |max_encoded_bytes| DecodeLimits { max_encoded_bytes, ..DecodeLimits::default() };
    let len = bytes.len() as u64;
    assert!(Decoder::new(SimdLevel::detect()).unwrap().header(&bytes, &limits(len)).is_ok());
    assert_eq!(header_error(&bytes, limits(len - 1)), DecodeError::TooLong { bytes: len, limit: len - 1 });
}

#[test]
fn too_many_scans() {
    // The last scan of a progressive file again and again is valid as far as libjpeg is concerned.
    let bytes = golden("420_progressive.jpg");
    let last_scan = (0..bytes.len() - 1).rev().find(|&i| bytes[i..].starts_with(&[0xFF, 0xDA])).unwrap();
    let scan = &bytes[last_scan..bytes.len() - 2];
    let with_scans = |n: usize| [&bytes[..bytes.len() - 2], &scan.repeat(n), &[0xFF, 0xD9]].concat();
    assert!(
        Decoder::new(SimdLevel::detect()).unwrap().header(&with_scans(400), &DecodeLimits::default()).is_ok()
    );
    let refused = header_error(&with_scans(500), DecodeLimits::default());
    assert_eq!(refused, DecodeError::TooManyScans { limit: 500 });
}

#[test]
fn what_is_no_image() {
    assert_eq!(header_error(b"", DecodeLimits::default()), DecodeError::Empty);
    let text = header_error(&golden("text.txt"), DecodeLimits::default());
    assert_eq!(text, DecodeError::UnknownFormat { start: b"Paris is".to_vec() });
    assert_eq!(text.reason(), "unknown_format");
    assert!(text.is_undecodable());
}

#[test]
fn every_truncation_of_a_jpeg_is_refused_for_every_region() {
    let bytes = golden("420.jpg");
    let mut decoder = Decoder::new(SimdLevel::detect()).unwrap();
    for len in 4..bytes.len() {
        let verdict = decoder.header(&bytes[..len], &DecodeLimits::default());
        assert_eq!(verdict, Err(DecodeError::Truncated { format: Format::Jpeg }), "the first {len} bytes");
    }
}

/// Any prefix of any file may be bad in its own way; none may panic or give a pixel too few.
#[test]
fn prefixes_of_all_files() {
    let mut decoder = Decoder::new(SimdLevel::detect()).unwrap();
    let folder = format!("{}/tests/golden/files", env!("CARGO_MANIFEST_DIR"));
    for entry in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for len in (0..bytes.len()).step_by(1 + bytes.len() / 60) {
            let Ok(header) = decoder.header(&bytes[..len], &DecodeLimits::default()) else { continue };
            let _ = decoder.decode(&bytes[..len], &header, Rect::whole(header.width, header.height));
        }
    }
}

#[test]
fn decoders_can_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    is_send(&Decoder::new(SimdLevel::detect()).unwrap());
}
