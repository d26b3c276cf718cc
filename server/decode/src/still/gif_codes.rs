//! The codes of a GIF (LZW of 2 to 12 bits in blocks), read with Pillow's eyes. It is particular in what it takes and
//! what not: a block must be there whole, codes continue behind the end code where the file has another 64 KiB,
//! and what follows the last pixel is not looked at. A general decoder gives other verdicts on damaged files.

use crate::error::DecodeError;
use crate::format::Format;

/// Entries of the table, and the longest string.
const TABLE: usize = 4096;
const MOST_BITS: u32 = 12;

/// Pillow reads this much at a time.
const READ_BYTES: usize = 1 << 16;

/// Calls `put` with index after index until it returns false, which is success.
///
/// # Errors
///
/// [`DecodeError::Truncated`] where the codes end before, [`DecodeError::Corrupt`] for a code that is not there yet.
pub(super) fn read(
    bytes: &[u8],
    at: usize,
    literal_bits: u8,
    mut put: impl FnMut(u8) -> bool,
) -> Result<(), DecodeError> {
    if u32::from(literal_bits) > MOST_BITS {
        return Err(corrupt("codes of too many bits"));
    }
    let mut source = Blocks { bytes, at, until: at.saturating_add(READ_BYTES), left: 0, bits: 0, n_bits: 0 };
    let clear = 1 << literal_bits;
    let mut codes = Codes::new(clear);
    let mut string = Vec::with_capacity(TABLE);
    loop {
        let code = source.code(codes.code_bits)?;
        if code == clear {
            codes.reset();
        } else if code == clear + 1 {
            source.read_more()?;
        } else {
            string.clear();
            codes.expand(code, &mut string)?;
            for &index in string.iter().rev() {
                if !put(index) {
                    return Ok(());
                }
            }
        }
    }
}

/// The table of strings: each entry is a string of another entry and one index.
struct Codes {
    clear: usize,
    next: usize,
    code_bits: u32,
    /// The code before, and the first index of its string; none right behind a clear code.
    last: Option<(usize, u8)>,
    prefix: Vec<u16>,
    index: Vec<u8>,
}

impl Codes {
    fn new(clear: usize) -> Self {
        let mut codes =
            Self { clear, next: 0, code_bits: 0, last: None, prefix: vec![0; TABLE], index: vec![0; TABLE] };
        codes.reset();
        codes
    }

    fn reset(&mut self) {
        self.next = self.clear + 2;
        self.code_bits = self.clear.trailing_zeros() + 1;
        self.last = None;
    }

    /// Puts the indices of `code` into `string`, the last one first, and learns a new string.
    fn expand(&mut self, code: usize, string: &mut Vec<u8>) -> Result<(), DecodeError> {
        let Some((last_code, last_first)) = self.last else {
            if code > self.clear {
                return Err(corrupt("a code behind a clear code that stands for no index"));
            }
            string.push(code as u8);
            self.last = Some((code, code as u8));
            return Ok(());
        };
        if code > self.next {
            return Err(corrupt("a code that is not known yet"));
        }
        let mut at = code;
        if code == self.next {
            string.push(last_first);
            at = last_code;
        }
        while at >= self.clear {
            if string.len() >= TABLE || at >= TABLE {
                return Err(corrupt("a string that is too long"));
            }
            string.push(self.index[at]);
            at = usize::from(self.prefix[at]);
        }
        string.push(at as u8);
        self.learn(last_code, at as u8);
        self.last = Some((code, at as u8));
        Ok(())
    }

    fn learn(&mut self, prefix: usize, index: u8) {
        if self.next < TABLE {
            (self.prefix[self.next], self.index[self.next]) = (prefix as u16, index);
            if self.next == (1 << self.code_bits) - 1 && self.code_bits < MOST_BITS {
                self.code_bits += 1;
            }
            self.next += 1;
        }
    }
}

/// Bits out of blocks of at most 255 bytes, each behind its length.
struct Blocks<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Behind the last byte that was read from the file so far.
    until: usize,
    /// Bytes left in the current block.
    left: usize,
    bits: u32,
    n_bits: u32,
}

impl Blocks<'_> {
    fn code(&mut self, code_bits: u32) -> Result<usize, DecodeError> {
        while self.n_bits < code_bits {
            if self.left > 0 {
                self.bits |= u32::from(self.bytes[self.at]) << self.n_bits;
                (self.at, self.left, self.n_bits) = (self.at + 1, self.left - 1, self.n_bits + 8);
            } else {
                self.begin_block()?;
            }
        }
        let code = self.bits & ((1 << code_bits) - 1);
        self.bits >>= code_bits;
        self.n_bits -= code_bits;
        Ok(code as usize)
    }

    /// A block counts once it was read whole.
    fn begin_block(&mut self) -> Result<(), DecodeError> {
        loop {
            let available = self.until.min(self.bytes.len());
            let len = self.bytes.get(self.at).map_or(0, |&len| usize::from(len));
            if self.at < available && self.at + len < available {
                (self.at, self.left) = (self.at + 1, len);
                return Ok(());
            }
            self.read_more()?;
        }
    }

    fn read_more(&mut self) -> Result<(), DecodeError> {
        if self.until >= self.bytes.len() {
            return Err(DecodeError::Truncated { format: Format::Gif });
        }
        self.until += READ_BYTES;
        Ok(())
    }
}

fn corrupt(detail: &str) -> DecodeError {
    DecodeError::corrupt(Format::Gif, detail)
}
