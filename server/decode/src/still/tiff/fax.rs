//! CCITT runs, group 3 and group 4: black and white rows as lengths of runs. The code tables are those of the
//! `fax` crate; rows are put together here, since every row must come out whole or the file is refused.

use ::fax::BitReader;
use ::fax::maps::{Mode as Code, black, mode, white};

use super::directory::{corrupt, tag, unsupported};
use super::image::{Compression, Image};
use crate::error::DecodeError;

/// Coding of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Runs, each row from a whole byte on.
    Runs,
    /// An end-of-line code before each row.
    Group3 { two_dimensional: bool },
    /// Changes against the row above.
    Group4,
}

impl Mode {
    /// For other kinds of compression the result means nothing.
    pub(super) fn read(image: &Image<'_>) -> Result<Self, DecodeError> {
        let option = |tag| Ok(image.directory.one(tag)?.unwrap_or(0));
        let (mode, options) = match image.compression {
            Compression::Group3 => {
                let options = option(tag::T4_OPTIONS)?;
                (Self::Group3 { two_dimensional: options & 1 == 1 }, options)
            }
            Compression::Group4 => (Self::Group4, option(tag::T6_OPTIONS)?),
            _ => (Self::Runs, 0),
        };
        if options & 2 == 2 { Err(unsupported("fax rows without compression")) } else { Ok(mode) }
    }
}

/// Decodes rows of `width` pixels, highest bit first, a set bit for black.
pub(super) fn decode(stored: &[u8], mode: Mode, width: u32, out: &mut [u8]) -> Result<(), DecodeError> {
    let mut bits = Bits { bytes: stored, at: 0 };
    // Columns at which the colour changes, from white on, without the row's end.
    let (mut above, mut row) = (Vec::new(), Vec::new());
    for bytes in out.chunks_exact_mut(width.div_ceil(8) as usize) {
        row.clear();
        let two_dimensional = match mode {
            Mode::Runs => false,
            Mode::Group4 => true,
            Mode::Group3 { two_dimensional } => {
                bits.end_of_line()?;
                two_dimensional && !bits.bit()?
            }
        };
        if two_dimensional {
            changes(&mut bits, width, &above, &mut row)?;
        } else {
            runs(&mut bits, width, &mut row)?;
        }
        if mode == Mode::Runs {
            bits.at = bits.at.next_multiple_of(8);
        }
        if bits.at > 8 * bits.bytes.len() {
            return Err(DecodeError::Truncated { format: crate::format::Format::Tiff });
        }
        paint(&row, width, bytes);
        std::mem::swap(&mut above, &mut row);
    }
    Ok(())
}

/// A row of alternating runs, white first.
fn runs(bits: &mut Bits<'_>, width: u32, row: &mut Vec<u32>) -> Result<(), DecodeError> {
    let (mut at, mut is_black) = (0, false);
    while at < width {
        at += bits.run(is_black)?;
        push(row, at, width)?;
        is_black = !is_black;
    }
    Ok(())
}

/// A row of changes against the row above.
fn changes(bits: &mut Bits<'_>, width: u32, above: &[u32], row: &mut Vec<u32>) -> Result<(), DecodeError> {
    let (mut at, mut is_black, mut first) = (0, false, true);
    // Index into `above`; never has to go back by more than two.
    let mut from = 0;
    while at < width {
        // The next change above of the colour opposite to this one's, to the right of this place.
        from -= from.min(2);
        while above.get(from).is_some_and(|&change| change < at || (change == at && !first))
            || (from % 2 == 1) != is_black
        {
            from += 1;
        }
        let next = |i: usize| above.get(from + i).copied().unwrap_or(width);
        match mode::decode(bits) {
            Some(Code::Pass) => at = next(1),
            Some(Code::Horizontal) => {
                for colour in [is_black, !is_black] {
                    at += bits.run(colour)?;
                    push(row, at, width)?;
                }
            }
            Some(Code::Vertical(shift)) => {
                let to = next(0).checked_add_signed(shift.into());
                at = to.filter(|&to| to >= at).ok_or_else(|| corrupt("a fax row that goes back"))?;
                push(row, at, width)?;
                is_black = !is_black;
            }
            _ => return Err(corrupt("an unknown fax code")),
        }
        first = false;
    }
    Ok(())
}

fn push(row: &mut Vec<u32>, at: u32, width: u32) -> Result<(), DecodeError> {
    if at > width {
        return Err(corrupt("a fax row that is too long"));
    }
    // No encoder writes runs of no pixels but at the two ends of a row; libtiff makes other rows of them.
    if at < width && row.last() == Some(&at) {
        return Err(corrupt("a fax row with an empty run"));
    }
    row.try_reserve(1).map_err(|_| DecodeError::OutOfMemory)?;
    row.push(at);
    Ok(())
}

fn paint(changes: &[u32], width: u32, bytes: &mut [u8]) {
    bytes.fill(0);
    for pair in changes.chunks(2) {
        let (from, to) = (pair[0], pair.get(1).copied().unwrap_or(width));
        for x in from..to.min(width) {
            bytes[x as usize / 8] |= 0x80 >> (x % 8);
        }
    }
}

/// Bits, highest first; behind the end they are zero.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn bit(&mut self) -> Result<bool, DecodeError> {
        let bit = self.peek(1) == Some(1);
        self.at += 1;
        if self.at > 8 * self.bytes.len() { Err(super::directory::TRUNCATED) } else { Ok(bit) }
    }

    /// Reads zeros, at least eleven, and a one.
    fn end_of_line(&mut self) -> Result<(), DecodeError> {
        let start = self.at;
        while !self.bit()? {}
        if self.at - start < 12 { Err(corrupt("a fax row without an end-of-line code")) } else { Ok(()) }
    }

    /// The length of a run: any number of codes for multiples of 64, and one for the rest.
    fn run(&mut self, is_black: bool) -> Result<u32, DecodeError> {
        let mut len = 0_u32;
        loop {
            let code = if is_black { black::decode(self) } else { white::decode(self) };
            let code = code.ok_or_else(|| corrupt("an unknown fax code"))?;
            len = len.saturating_add(code.into());
            if len > i32::MAX as u32 {
                return Err(corrupt("a fax row that is too long"));
            }
            if code < 64 {
                return Ok(len);
            }
        }
    }
}

impl BitReader for Bits<'_> {
    type Error = ();

    fn peek(&self, bits: u8) -> Option<u16> {
        let byte = |i: usize| u32::from(self.bytes.get(self.at / 8 + i).copied().unwrap_or(0));
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        let shift = 24 - (self.at % 8) as u32 - u32::from(bits.min(16));
        Some(((word >> shift) & ((1 << bits.min(16)) - 1)) as u16)
    }

    fn consume(&mut self, bits: u8) -> Result<(), ()> {
        self.at += usize::from(bits);
        Ok(())
    }

    fn bits_to_byte_boundary(&self) -> u8 {
        ((8 - self.at % 8) % 8) as u8
    }
}
