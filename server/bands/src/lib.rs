//! The coefficients of JPEGs, packed in two bands without loss.
//!
//! Huffman codes must be read one after the other, and all of them up to the one that is wanted. Here each block says with
//! a few bits which coefficients it has and how long they are, so that a decoder passes over a block in a few instructions
//! and unpacks eight coefficients at once; and the lowest coefficients, from which small pictures are made, lie apart from
//! the others.
//!
//! ```text
//! bits     a buffer of bits
//! tile     eight coefficients: which are there, and their values
//! low      a block's 4 x 4 lowest coefficients, the low band
//! high     its 48 others, the high band
//! chunk    some MCUs of a row in both bands
//! image    all chunks of an image
//! ```
//!
//! # Format
//!
//! Bits are counted from the lowest of each byte on; numbers of several bits have their lowest first.
//!
//! A block has eight tiles of 4 x 2 coefficients (columns, rows), each in the order of its rows:
//!
//! ```text
//! column     0   4
//! row 0, 1   L0  H0        L: the low band
//! row 2, 3   L1  H1        H: the high band
//! row 4, 5   H2  H3
//! row 6, 7   H4  H5
//! ```
//!
//! The tile of a block has a mask, a bit for each coefficient that is not 0, and a width: the bits of each value in
//! two's complement. No value is 0, so that a positive one is stored less 1. An empty tile has neither width nor values. The
//! DC coefficient is not part of L0.
//!
//! A chunk is a run of MCUs of one row, and begins with a byte of each band:
//!
//! | low band | bits |
//! | --- | --- |
//! | the least DC coefficient of each of three components, in two's complement | 3 x 16 |
//! | the bits of a DC coefficient less that, for each component | 3 x 4 |
//! | of each block: the widths of L0 and of L1, 0 to 14 | 2 x 4 |
//! | the mask of L0 without the DC coefficient, and that of L1 | 7, 8 |
//! | the DC coefficient less the least one | as said above |
//! | the values of L0, then those of L1 | as said above |
//!
//! | high band | bits |
//! | --- | --- |
//! | of each block: which of H0 to H5 are not empty | 6 |
//! | whether their widths have 4 bits; otherwise they have 3 | 1 |
//! | the masks of those that are not empty, then their widths, 1 to 14 | 8 each, 3 or 4 each |
//! | their values, tile by tile | as said above |

#![deny(unsafe_code)]

mod bits;
mod chunk;
mod high;
mod image;
mod low;
mod tile;

pub use chunk::{ChunkReader, ChunkWriter, Unrepresentable};
pub use image::{BandSource, CHUNK_MCUS, PackError, Packed, Packer};

/// The coefficients of a block in natural order: row by row, the DC coefficient first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Coefficients(pub [i16; 64]);

impl Coefficients {
    /// A block without coefficients.
    pub const ZERO: Self = Self([0; 64]);
}

/// The bytes are none that a [`ChunkWriter`] wrote, or too few.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("damaged bands")]
pub struct Damaged;
