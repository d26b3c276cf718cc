//! Bits, the lowest of each byte first.

use crate::Damaged;

/// Bytes that must follow the last one with bits, so that a look may load a whole word.
pub(crate) const PADDING: usize = 8;

/// Most bits that are written or looked up at once.
pub(crate) const MOST: u32 = 56;

/// Appends bits to bytes.
#[derive(Debug, Default)]
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    buffer: u64,
    count: u32,
}

impl BitWriter {
    /// Appends the lowest `len` bits of a value, which has no others; at most [`MOST`].
    pub(crate) fn put(&mut self, value: u64, len: u32) {
        debug_assert!(len <= MOST && value >> len == 0);
        self.buffer |= value << self.count;
        self.count += len;
        let whole = (self.count / 8) as usize;
        self.bytes.extend_from_slice(&self.buffer.to_le_bytes()[..whole]);
        self.buffer = self.buffer.checked_shr(8 * whole as u32).unwrap_or(0);
        self.count %= 8;
    }

    /// Fills the last byte with zeros; gives the number of bytes.
    pub(crate) fn align(&mut self) -> usize {
        if self.count > 0 {
            self.put(0, 8 - self.count);
        }
        self.bytes.len()
    }

    /// All bytes; the writer is empty afterwards.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        self.align();
        std::mem::take(&mut self.bytes)
    }
}

/// A position in bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> BitReader<'a> {
    /// The bits of some bytes; the last [`PADDING`] of them are no part of the data.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// The next bits, [`MOST`] of them at least, of which those behind `bytes` are missing.
    pub(crate) fn look(&self) -> Result<u64, Damaged> {
        let word = self.bytes.get(self.position / 8..).and_then(<[u8]>::first_chunk).ok_or(Damaged)?;
        Ok(u64::from_le_bytes(*word) >> (self.position % 8))
    }

    /// Takes a number of `len` bits, at most [`MOST`].
    pub(crate) fn take(&mut self, len: u32) -> Result<u64, Damaged> {
        let value = self.look()? & ((1 << len) - 1);
        self.skip(len as usize);
        Ok(value)
    }

    /// Passes over bits.
    pub(crate) fn skip(&mut self, len: usize) {
        self.position += len;
    }

    /// The number of the next bit.
    pub(crate) fn position(&self) -> usize {
        self.position
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_in_order() {
        let numbers = || (0..2000_u64).map(|i| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15), (i % 57) as u32));
        let fitting = |(value, len): (u64, u32)| (value & ((1 << len) - 1), len);
        let mut writer = BitWriter::default();
        numbers().map(fitting).for_each(|(value, len)| writer.put(value, len));
        let mut bytes = writer.take();
        assert_eq!(bytes.len(), (0..2000).map(|i| i % 57).sum::<usize>().div_ceil(8));
        bytes.extend([0xFF; PADDING]);
        let mut reader = BitReader::new(&bytes);
        for (value, len) in numbers().map(fitting) {
            assert_eq!(reader.take(len), Ok(value), "{len} bits");
        }
        assert_eq!(reader.position().div_ceil(8), bytes.len() - PADDING);
        reader.skip(16);
        assert_eq!(reader.look(), Err(Damaged));
    }
}
