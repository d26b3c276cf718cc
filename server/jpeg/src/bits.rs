//! Bits of coded data, the highest of each byte first.
//!
//! A refill has no branch, and leaves at least 56 bits: enough for several symbols. It reads within a piece of the data of
//! constant length, which whoever reads moves on with [`Bits::advance`] before that is used up. Beyond the data there may be
//! any bits; whoever reads compares the position with the end now and then.

use crate::refusal::Damaged;

/// Bytes behind the data that must be there, so that a piece can begin behind the bytes that are loaded ahead.
pub(crate) const PADDING: usize = 8 + PIECE;

/// Bytes of a piece.
const PIECE: usize = REACH + 8;

/// Bytes that may be read between two calls of [`Bits::advance`]; beyond them, bits come again.
pub(crate) const REACH: usize = 2048;

/// Bits that are there after a refill, at least; a multiple of 8 whose low bits are zeros.
const READY: u64 = 0b11_1000;

/// A position in coded data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bits<'a> {
    /// The next bits, from the highest on. Bits below `count` may be set already: a refill sets them alike.
    buffer: u64,
    /// Bits of the buffer that count: its low six bits, those above are without meaning.
    count: u64,
    piece: &'a [u8; PIECE],
    /// Bytes of the piece that are loaded.
    loaded: usize,
    /// Bytes of the data before the piece.
    before: usize,
}

impl<'a> Bits<'a> {
    /// The bits from number `position` on. Behind the data are [`PADDING`] bytes of any values.
    ///
    /// # Panics
    /// If the position is beyond the data.
    pub(crate) fn new(data: &'a [u8], position: usize) -> Self {
        let before = position / 8;
        let piece = data[before..].first_chunk().expect("padding behind the data");
        let mut bits = Self { buffer: 0, count: 0, piece, loaded: 0, before };
        bits.refill();
        bits.consume((position % 8) as u32);
        bits
    }

    /// Moves to the piece of the data, which is that of [`Self::new`], whose bytes are loaded next, if there is one.
    #[inline(always)]
    pub(crate) fn advance(&mut self, data: &'a [u8]) -> Result<(), Damaged> {
        let before = self.before + self.loaded;
        let piece = data.get(before..).and_then(<[u8]>::first_chunk).ok_or(Damaged)?;
        (self.piece, self.loaded, self.before) = (piece, 0, before);
        Ok(())
    }

    /// Loads bits until there are at least 56.
    #[inline(always)]
    pub(crate) fn refill(&mut self) {
        let count = self.count & 63;
        if let Some(word) = self.piece[self.loaded & (REACH - 1)..].first_chunk() {
            self.buffer |= u64::from_be_bytes(*word) >> count;
        }
        self.loaded += ((63 - count) >> 3) as usize;
        self.count = count | READY;
    }

    /// The next bits from the highest of 64 on.
    #[inline(always)]
    pub(crate) fn peek(&self) -> u64 {
        self.buffer
    }

    /// Passes over as many bits as the low six bits of `len` say, of those that are there.
    #[inline(always)]
    pub(crate) fn consume(&mut self, len: impl Into<u64>) {
        let len = len.into();
        self.buffer <<= len & 63;
        self.count = self.count.wrapping_sub(len);
    }

    /// Number of the next bit.
    pub(crate) fn position(&self) -> usize {
        8 * (self.before + self.loaded) - (self.count & 63) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_in_order_from_any_position() {
        let len = 3 * REACH;
        let data: Vec<u8> = (0..len + PADDING).map(|i| (i * 73 + i / 97 + 5) as u8).collect();
        let bit = |at: usize| u64::from((data[at / 8] >> (7 - at % 8)) & 1);
        for start in 0..100 {
            let (mut bits, mut at) = (Bits::new(&data, start), start);
            for (number, len) in (0..=27).cycle().enumerate() {
                if at > 8 * 3 * REACH {
                    break;
                }
                // Seldom, and often enough.
                assert!(number % 500 > 0 || bits.advance(&data).is_ok());
                bits.refill();
                assert_eq!(bits.position(), at);
                let expected = (at..at + len).fold(0, |value, at| (value << 1) | bit(at));
                assert_eq!(bits.peek() >> 1 >> (63 - len), expected, "{len} bits at {at}");
                bits.consume(len as u32);
                at += len;
            }
            bits.advance(&data).unwrap();
        }
    }

    #[test]
    fn no_piece_begins_far_behind_the_data() {
        let data = [0xFF; 40 + PADDING];
        let mut bits = Bits::new(&data, 320);
        bits.advance(&data).unwrap();
        bits.consume(56_u32);
        bits.refill();
        assert!(bits.advance(&data).is_err() && bits.position() > 320);
    }
}
