//! The coded bits of a sequential file out of its coefficients, with the tables that its header has.
//!
//! An encoder has few choices here: what fills the last byte of an interval, and codes that say the same in more bits. This
//! one does what libjpeg does, and nearly all encoders do. Whoever wants the bytes of a file again compares them.

use crate::{frame::Frame, huffman::HuffmanSpec, order::NATURAL, refusal::Refusal};

/// The code of a symbol; 0 bits if the table has none.
#[derive(Clone, Copy, Debug, Default)]
struct Symbol {
    bits: u16,
    len: u8,
}

/// The codes of a table.
#[derive(Clone, Debug)]
struct Codes([Symbol; 256]);

impl Codes {
    fn new(spec: &HuffmanSpec) -> Self {
        let mut symbols = [Symbol::default(); 256];
        for code in spec.codes() {
            symbols[usize::from(code.symbol)] = Symbol { bits: code.bits as u16, len: code.len as u8 };
        }
        Self(symbols)
    }

    fn find(&self, symbol: u32) -> Result<Symbol, Refusal> {
        let found = self.0.get(symbol as usize).copied().unwrap_or_default();
        if found.len > 0 { Ok(found) } else { Err(Refusal::Tables) }
    }
}

/// Bits behind each other, with zeros stuffed behind each 0xFF.
struct Writer<'a> {
    out: &'a mut Vec<u8>,
    /// The bits that are not written yet, from the highest on.
    buffer: u64,
    count: u32,
}

impl Writer<'_> {
    /// Appends the lowest `len` bits of a value that has no others, at most 32.
    #[inline]
    fn put(&mut self, value: u32, len: u32) {
        if self.count + len > 64 {
            self.flush(self.count / 8);
        }
        self.buffer |= u64::from(value) << (64 - self.count - len).min(63);
        self.count += len;
    }

    /// Writes whole bytes.
    fn flush(&mut self, bytes: u32) {
        let word = self.buffer.to_be_bytes();
        let word = &word[..bytes as usize];
        if word.contains(&0xFF) {
            for &byte in word {
                self.out.push(byte);
                if byte == 0xFF {
                    self.out.push(0);
                }
            }
        } else {
            self.out.extend_from_slice(word);
        }
        self.buffer = self.buffer.checked_shl(8 * bytes).unwrap_or(0);
        self.count -= 8 * bytes;
    }

    /// Fills the last byte with ones.
    fn align(&mut self) {
        self.flush(self.count / 8);
        if self.count > 0 {
            self.put((1 << (8 - self.count)) - 1, 8 - self.count);
            self.flush(1);
        }
    }
}

/// Codes the blocks of a file in order.
pub struct ScanEncoder<'a> {
    writer: Writer<'a>,
    /// Those of each component, and the last DC coefficient.
    dc: [Codes; 3],
    ac: [Codes; 3],
    predictions: [i16; 3],
    /// MCUs between restart markers, those that are left before the next one, and the markers before it.
    interval: usize,
    left: usize,
    markers: u8,
}

impl<'a> ScanEncoder<'a> {
    /// Appends the coded bits to `out`.
    ///
    /// # Errors
    ///
    /// [`Refusal::Process`] for a progressive file, [`Refusal::Tables`] if a table is missing.
    pub fn new(frame: &Frame, out: &'a mut Vec<u8>) -> Result<Self, Refusal> {
        if frame.is_progressive {
            return Err(Refusal::Process);
        }
        let [a, b, c] = frame.tables;
        let dc = |table: usize| frame.dc[table].as_ref().map(Codes::new).ok_or(Refusal::Tables);
        let ac = |table: usize| frame.ac[table].as_ref().map(Codes::new).ok_or(Refusal::Tables);
        let interval = if frame.restart_interval == 0 { usize::MAX } else { frame.restart_interval };
        Ok(Self {
            writer: Writer { out, buffer: 0, count: 0 },
            dc: [dc(a.dc)?, dc(b.dc)?, dc(c.dc)?],
            ac: [ac(a.ac)?, ac(b.ac)?, ac(c.ac)?],
            predictions: [0; 3],
            interval,
            left: interval,
            markers: 0,
        })
    }

    /// Codes the blocks of the next MCU: component and coefficients in natural order.
    ///
    /// # Errors
    ///
    /// [`Refusal::Tables`] if the tables have no code for a coefficient.
    ///
    /// # Panics
    ///
    /// If a component is not below 3.
    pub fn mcu<'b>(
        &mut self,
        blocks: impl IntoIterator<Item = (usize, &'b [i16; 64])>,
    ) -> Result<(), Refusal> {
        if self.left == 0 {
            self.writer.align();
            self.writer.out.extend([0xFF, 0xD0 + self.markers % 8]);
            self.markers = self.markers.wrapping_add(1);
            (self.predictions, self.left) = ([0; 3], self.interval);
        }
        self.left -= 1;
        blocks.into_iter().try_for_each(|(component, block)| self.block(component, block))
    }

    /// Fills the last byte.
    pub fn finish(mut self) {
        self.writer.align();
    }

    fn block(&mut self, component: usize, block: &[i16; 64]) -> Result<(), Refusal> {
        let difference = i32::from(block[0]) - i32::from(self.predictions[component]);
        self.predictions[component] = block[0];
        let size = size_of_value(difference);
        put_symbol(&mut self.writer, self.dc[component].find(size)?, difference, size);
        let codes = &self.ac[component];
        let mut zeros = 0;
        for &place in &NATURAL[1..] {
            let value = i32::from(block[usize::from(place)]);
            if value == 0 {
                zeros += 1;
                continue;
            }
            while zeros > 15 {
                put_symbol(&mut self.writer, codes.find(0xF0)?, 0, 0);
                zeros -= 16;
            }
            let size = size_of_value(value);
            if size > 15 {
                return Err(Refusal::Tables);
            }
            put_symbol(&mut self.writer, codes.find(zeros << 4 | size)?, value, size);
            zeros = 0;
        }
        if zeros > 0 {
            put_symbol(&mut self.writer, codes.find(0)?, 0, 0);
        }
        Ok(())
    }
}

/// Bits of a value (T.81, F.1.2.1).
fn size_of_value(value: i32) -> u32 {
    u32::BITS - value.unsigned_abs().leading_zeros()
}

/// Writes a code and the bits of the value behind it.
#[inline]
fn put_symbol(writer: &mut Writer<'_>, symbol: Symbol, value: i32, size: u32) {
    let value = (if value < 0 { value - 1 } else { value }).cast_unsigned() & ((1 << size) - 1);
    writer.put(u32::from(symbol.bits) << size | value, u32::from(symbol.len) + size);
}
