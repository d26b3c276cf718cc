//! Encoded image bytes to RGB pixels, with the verdicts and the pixels of Pillow.
//!
//! The reference is `Image.open(f).convert("RGB")` of Pillow 12.3.0 with `LOAD_TRUNCATED_IMAGES` off. A file
//! counts as *undecodable* when the reference raises, and only then; otherwise the pixels are the reference's.
//! EXIF orientation, colour profiles and transparency are ignored, as there.
//!
//! # A sample's way
//!
//! 1. [`Decoder::header`] looks at the bytes only: format by content, size against [`DecodeLimits`], and for
//!    JPEG one pass over all markers, which decides about truncation. Nothing is allocated.
//! 2. [`Decoder::decode`] produces one rectangle of pixels in the decoder's own, reused memory. For JPEG it
//!    decodes little more than that rectangle, bit-identical to the same pixels of a whole decode.
//!    [`Decoder::decode_half`] does it at half scale, for `fidelity = fast`.
//!
//! A [`Decoder`] belongs to one worker thread. It knows nothing of files, caches, threads or datasets, and no
//! image influences a later one.
//!
//! # What is exact, and what is not
//!
//! Measured with `tests/golden/compare.py` (2000 damaged files a kind, seed 1), which runs the real Pillow beside
//! the example program `verdicts`:
//!
//! | kind | intact files | damaged files: same verdict and pixels |
//! | --- | --- | --- |
//! | JPEG: photographs, 4:2:0, 4:4:4, progressive, restarts, odd kinds | 140 of 140 | 11961 of 12000 |
//! | PNG | 45 of 45 | 4000 of 4000 |
//! | WebP, lossy and lossless | 85 of 85 | 10000 of 10000 |
//! | GIF | 17 of 17 | 2000 of 2000 |
//! | BMP | 9 of 9 | 2000 of 2000 |
//! | PNM | 13 of 13 | 1994 of 1994 |
//! | TIFF | 63 of 63 | 3818 of 4000 |
//! | JPEG 2000 (feature `jpeg2000`) | 509 of 515 | 7992 of 8000 |
//!
//! Damage means cut files, flipped, lost and inserted bytes, stray markers, garbage before, inside and after.
//! Wherever both decode a file, the pixels are the same; those that differ are refused here. A part of an image is equal
//! to the same part of the whole.
//!
//! - **JPEG** is exact, also from CMYK and YCCK, also where entropy-coded data is damaged. Refused here only: files
//!   cut by exactly their end marker, of which Pillow takes 2 in 100 (8 of 408), depending on where the last bits
//!   fall; files cut inside a segment that follows complete pixels; and files with more scans than [`DecodeLimits`]
//!   allows for.
//! - **PNG** is exact, damaged files too.
//! - **WebP** is exact, damaged files too: its pixels are libwebp's, in the version that Pillow has. Of an animation the
//!   first frame.
//! - **PNM** is exact, grey floats (PFM) too.
//! - **BMP** is exact.
//! - **TIFF** is exact except for the kinds in the list below: grey of 1 to 32 bits, palettes, alpha (associated too),
//!   RGB, CMYK, `BigTIFF`, strips, tiles, planes, LZW, deflate, `PackBits`, fax, JPEG, predictors. The stored
//!   orientation is obeyed, as in Pillow. Where compressed data is damaged, Pillow may show what is left of it; here
//!   the file is refused.
//! - **GIF** is exact, damaged files too. The first frame, on the transparent colour or the first one.
//! - **JPEG 2000** is read by builds with the feature `jpeg2000` alone, through a port of `OpenJPEG` to Rust (`openjp2`):
//!   bare or in boxes, lossless or not, one to four components of any depth and sign, with fewer samples too, tiles,
//!   offsets, layers, palettes. It is exact, damaged files too, except for the kinds in the list below, code blocks of high
//!   throughput (HTJ2K), and headers that ask for more tiles, precincts, layers or code blocks than the limits allow. Of
//!   120 000 more damaged files none had other pixels than Pillow's.
//! - Everything else (AVIF, HEIC, JPEG XL, PSD ...) is refused, though Pillow may read it. The error says what a file is
//!   and what converts it.
//!
//! # Why AVIF, HEIC and JPEG XL are no features
//!
//! Pillow 12.3 reads neither HEIC nor JPEG XL, so nothing says which pixels are right.
//!
//! Of AVIF it shows the pixels of libavif 1.4, dav1d and libyuv, and no crate builds libavif with libyuv, which turns
//! luma and chroma to RGB. `libavif-sys` 0.17 (libavif 1.0.4 with libaom; 4.5 minutes of CPU to compile, 8 MB of
//! program) had other pixels than Pillow in 260 of 312 files:
//!
//! | kind | other pixels | where they differ |
//! | --- | --- | --- |
//! | 4:2:0 | 40 of 48 files | 56 % of the pixels, by up to 11 |
//! | 4:2:2 | 40 of 48 | 50 %, by up to 7 |
//! | 4:4:4 | 40 of 48 | 24 %, by 1 |
//! | grey | 0 of 24 | |
//! | alpha | 20 of 24 | 59 %, by up to 6 |
//! | limited range | 24 of 24 | 53 %, by up to 5 |
//! | 10 and 12 bits | 96 of 96 | 78 %, by up to 10 |
//!
//! Built with dav1d it needs meson and ninja too. `rav1d`, a port of dav1d to Rust, leaves the container and the colours
//! to its user.
//!
//! # Kinds that Pillow reads and that are refused
//!
//! Beside damaged files. `tests/variants.rs` holds a file of each kind (`FORMAT/NAME` in its packs) and reads this list.
//!
#![doc = include_str!("refused.md")]
#![cfg_attr(feature = "jpeg2000", doc = include_str!("jpeg2000/refused.md"))]
#![cfg_attr(not(feature = "jpeg2000"), doc = include_str!("jpeg2000/refused_without.md"))]
#![deny(unsafe_code)]

mod buffer;
mod decoder;
mod error;
mod fence;
mod foreign;
mod format;
mod header;
mod headroom;
mod jpeg;
#[cfg(feature = "jpeg2000")]
mod jpeg2000;
mod layout;
mod limits;
mod placement;
mod seek;
mod still;

/// Formats that this build reads and others may not: they decide bytes, and enter the fingerprint of a job. Each has the
/// name of its feature.
pub const OPTIONAL_FORMATS: &[&str] = if cfg!(feature = "jpeg2000") { &["jpeg2000"] } else { &[] };

pub use decoder::Decoder;
pub use error::{DecodeError, DecoderInitError};
pub use format::Format;
pub use header::Header;
pub use headroom::has_room;
pub use jpeg::JpegPath;
pub use limits::DecodeLimits;
pub use seek::{EncodedImage, SeekMemory};
