//! A position in the coded bits of a scan, and what the bits before it leave behind.

use crate::bits::Bits;

/// The place at which the next MCU of a scan begins.
pub(super) struct Position<'a> {
    /// The coded bytes of the scan.
    pub(super) data: &'a [u8],
    pub(super) bits: Bits<'a>,
    /// The DC coefficients before it, by their numbers in the scan.
    pub(super) predictions: [i32; 3],
    /// Blocks behind it that have no new coefficients.
    pub(super) empty: u32,
}

impl<'a> Position<'a> {
    /// At a bit of the data, behind nothing.
    pub(super) fn new(data: &'a [u8], bit: usize) -> Self {
        Self { data, bits: Bits::new(data, bit), predictions: [0; 3], empty: 0 }
    }
}
