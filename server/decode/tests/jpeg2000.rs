//! JPEG 2000 files that ask for too much are refused before anything is allocated for them, by their name.

#![cfg(feature = "jpeg2000")]
#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

use bandwise_decode::{DecodeError, DecodeLimits, Decoder, Format};

/// The header of a code stream of one component, and a tile part without data.
struct Stream {
    size: (u32, u32),
    tile: (u32, u32),
    layers: u16,
    /// Exponents of a code block, less 2.
    block: u8,
    /// Exponents of the precincts of the only resolution.
    precinct: u8,
    modes: u8,
}

const USUAL: Stream =
    Stream { size: (64, 64), tile: (64, 64), layers: 1, block: 4, precinct: 0xFF, modes: 0 };

impl Stream {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0xFF, 0x4F, 0xFF, 0x51, 0, 41, 0, 0];
        for side in [self.size.0, self.size.1, 0, 0, self.tile.0, self.tile.1, 0, 0] {
            bytes.extend(side.to_be_bytes());
        }
        bytes.extend([0, 1, 7, 1, 1]);
        bytes.extend(self.style());
        bytes.extend([0xFF, 0x5C, 0, 4, 0x40, 0x40]);
        bytes.extend([0xFF, 0x90, 0, 10, 0, 0, 0, 0, 0, 14, 0, 1, 0xFF, 0x93, 0xFF, 0xD9]);
        bytes
    }

    /// The COD marker.
    fn style(&self) -> Vec<u8> {
        let [l0, l1] = self.layers.to_be_bytes();
        vec![0xFF, 0x52, 0, 13, 1, 0, l0, l1, 0, 0, self.block, self.block, self.modes, 1, self.precinct]
    }

    fn header(&self, limits: DecodeLimits) -> Result<(u32, u32), DecodeError> {
        let header =
            Decoder::new(bandwise_kernels::SimdLevel::detect()).unwrap().header(&self.bytes(), &limits)?;
        assert_eq!(header.format, Format::Jpeg2000);
        Ok((header.width, header.height))
    }

    fn refusal(&self) -> String {
        let error = self.header(DecodeLimits::default()).unwrap_err();
        assert_eq!(error.reason(), "unsupported", "{error}");
        error.to_string()
    }
}

#[test]
fn usual_headers_are_taken() {
    assert_eq!(USUAL.header(DecodeLimits::default()), Ok((64, 64)));
    let large = Stream { size: (10_000, 10_000), tile: (10_000, 10_000), ..USUAL };
    assert_eq!(large.header(DecodeLimits::default()), Ok((10_000, 10_000)));
    let tiles = Stream { tile: (256, 256), ..large };
    assert_eq!(tiles.header(DecodeLimits::default()), Ok((10_000, 10_000)));
}

#[test]
fn the_pixel_limit_is_exact() {
    let limits = |max_pixels| DecodeLimits { max_pixels, ..DecodeLimits::default() };
    assert!(USUAL.header(limits(64 * 64)).is_ok());
    let expected = DecodeError::TooManyPixels { width: 64, height: 64, limit: 64 * 64 - 1 };
    assert_eq!(USUAL.header(limits(64 * 64 - 1)), Err(expected));
}

/// Each of these files has 111 bytes, and would make the library allocate gigabytes.
#[test]
fn headers_that_ask_for_too_much() {
    let large = Stream { size: (10_000, 10_000), tile: (10_000, 10_000), ..USUAL };
    for stream in [
        Stream { precinct: 0, ..large },
        Stream { precinct: 0x11, ..large },
        Stream { block: 0, ..large },
        Stream { layers: u16::MAX, precinct: 0x66, ..large },
        Stream { tile: (40, 40), ..large },
    ] {
        assert!(stream.refusal().contains("more tiles, precincts, layers or code blocks"));
    }
}

/// The header of a tile part may state another style, which counts as much.
#[test]
fn tile_parts_that_ask_for_too_much() {
    let large = Stream { size: (10_000, 10_000), tile: (10_000, 10_000), ..USUAL };
    let mut bytes = large.bytes();
    let data = bytes.len() - 4;
    let style = Stream { precinct: 0, ..USUAL }.style();
    bytes[data - 3] += style.len() as u8;
    bytes.splice(data..data, style);
    let error = Decoder::new(bandwise_kernels::SimdLevel::detect())
        .unwrap()
        .header(&bytes, &DecodeLimits::default())
        .unwrap_err();
    assert!(error.to_string().contains("more tiles, precincts"), "{error}");
}

#[test]
fn high_throughput_is_refused_by_name() {
    assert!(Stream { modes: 0x40, ..USUAL }.refusal().contains("HTJ2K"));
}
