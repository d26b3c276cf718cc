//! Decodes parts of JPEGs to RGB, bit for bit as libjpeg-turbo decodes the whole image.
//!
//! A decoder of photographs spends four fifths of its time on Huffman codes, most of it on pixels above and beside the
//! part that is wanted. This one passes over those without keeping their values, and is written for nothing else.
//!
//! ```text
//! frame        the segments before the scan: sizes, sampling, tables
//! geometry     what pixels depend on beside the coefficients
//! order        the orders of coefficients
//! huffman      tables for symbols with values, differences, and symbols without values
//! unstuff      coded bytes without stuffed zeros
//! coded        the bytes of a scan, or of a part of it, made ready
//! bits         a buffer of bits
//! entropy      blocks out of bits
//! scan         MCU by MCU: predictions, restarts, damage
//! walk         all MCUs of a scan in order
//! progressive  the scans of progressive files
//! pair         two MCU rows in lockstep
//! seek         places at which decoding may begin
//! resume       rows of MCUs from there on
//! window       the blocks that a crop needs
//! pixels       inverse transform, upsampling, colours
//! planes       the samples of some MCU rows: blocks to samples, samples to pixels
//! half         the same at half scale
//! picture      the pixels of a crop out of its MCUs
//! decoder      all of it
//! watch        an observer of it: a bench
//! level        the instructions that a CPU has
//! coefficients all coefficients of a file
//! painter      pixels out of coefficients from elsewhere
//! encode       coded bits out of coefficients
//! per_level    one source, compiled for each of them
//! ```
//!
//! # Half scale
//!
//! [`Part::half`] gives pixels of which each stands for 2 x 2 of the image. Luma, and chroma at 4:4:4, is the inverse
//! transform of length 4 of the 4 x 4 lowest coefficients of each block. Chroma that is sampled at half the size in a
//! direction is transformed from all coefficients in that direction, which gives its own samples; so at 4:2:0 they are those
//! of full scale, without the filter. Colours are converted as at full scale. `pixels/transform/half` says how numbers are
//! rounded. All coefficients are read and checked all the same.
//!
//! # Files
//!
//! It reads files with Huffman coding, 8 bits a sample, and one or three components sampled 4:4:4, 4:2:2, 4:4:0 or 4:2:0:
//! sequential ones with one interleaved scan, and progressive ones whose scans tell every coefficient to its last bit.
//! Without seek points all of a progressive file is read. Everything else, and whatever is damaged, is a [`Refusal`]: another
//! decoder has the verdict on it. The refusal depends on the bytes that were read and on nothing else.

#![deny(unsafe_code)]
#![allow(clippy::inline_always, reason = "a call in the loops over symbols costs more than the symbols")]

mod bits;
mod coded;
mod coefficients;
mod decoder;
mod encode;
mod entropy;
mod frame;
mod geometry;
mod half;
mod huffman;
mod level;
mod order;
mod painter;
mod pair;
mod per_level;
mod picture;
mod pixels;
mod planes;
mod progressive;
mod refusal;
mod resume;
mod scan;
mod seek;
mod tables;
mod unstuff;
mod walk;
mod watch;
mod window;

pub use coefficients::CoefficientReader;
pub use decoder::Decoder;
pub use encode::ScanEncoder;
pub use frame::Frame;
pub use geometry::{Colour, Geometry, Sampling};
pub use level::SimdLevel;
pub use painter::{Filled, McuBlocks, McuSource, Painter};
pub use refusal::Refusal;
pub use seek::{DEFAULT_SPACING, SeekTable};
pub use watch::{Watch, Work};
pub use window::{Crop, Part, Scale};
