//! The samples of plain Netpbm files, which are text, read in blocks of 1 MiB as Pillow does: a block is looked at
//! whole where its samples are bits, and no word may be longer than ten characters.

use super::pnm_words::{MOST_DIGITS, TRUNCATED, corrupt, is_space};
use crate::error::DecodeError;

const BLOCK_LEN: usize = 1 << 20;

/// The text in blocks, without comments.
struct Blocks<'a> {
    blocks: std::slice::Chunks<'a, u8>,
    in_comment: bool,
}

impl<'a> Blocks<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self { blocks: text.chunks(BLOCK_LEN), in_comment: false }
    }
}

impl Iterator for Blocks<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut kept = self.blocks.next()?.to_vec();
        kept.retain(|&byte| {
            let was_comment = self.in_comment;
            self.in_comment = if was_comment { !matches!(byte, b'\n' | b'\r') } else { byte == b'#' };
            !was_comment && !self.in_comment
        });
        Some(kept)
    }
}

/// `n_samples` bits, inverted: 1 stands for black.
pub(super) fn bits(text: &[u8], n_samples: usize) -> Result<Vec<u16>, DecodeError> {
    let mut samples = with_room(n_samples)?;
    for block in Blocks::new(text) {
        for byte in block.into_iter().filter(|&byte| !is_space(byte)) {
            match byte {
                b'0' | b'1' if samples.len() < n_samples => samples.push(u16::from(byte == b'0')),
                b'0' | b'1' => {}
                _ => return Err(corrupt(format!("byte {byte:02x} where a bit should be"))),
            }
        }
        if samples.len() == n_samples {
            return Ok(samples);
        }
    }
    Err(TRUNCATED)
}

/// `n_samples` decimal numbers of at most `maxval`, which is below 65536.
pub(super) fn numbers(text: &[u8], n_samples: usize, maxval: u32) -> Result<Vec<u16>, DecodeError> {
    let mut samples = with_room(n_samples)?;
    let mut half = Vec::new();
    // White space behind the last block ends the last word.
    for block in Blocks::new(text).chain([b" ".to_vec()]) {
        half.extend(block);
        let end = if half.last().is_some_and(|&byte| !is_space(byte)) {
            half.iter().rposition(|&byte| is_space(byte)).map_or(0, |at| at + 1)
        } else {
            half.len()
        };
        let rest = half.split_off(end);
        if rest.len() > MOST_DIGITS {
            return Err(corrupt("a number that is too long"));
        }
        for word in half.split(|&byte| is_space(byte)).filter(|word| !word.is_empty()) {
            if word.len() > MOST_DIGITS {
                return Err(corrupt("a number that is too long"));
            }
            match number(word)? {
                sample if sample <= maxval => samples.push(sample as u16),
                _ => return Err(corrupt("a sample above the maximum")),
            }
            if samples.len() == n_samples {
                return Ok(samples);
            }
        }
        half = rest;
    }
    Err(TRUNCATED)
}

/// A decimal number as Python reads it: a sign may stand before it, and single underscores between its digits.
pub(super) fn number(word: &[u8]) -> Result<u32, DecodeError> {
    let (is_negative, digits) = match word {
        [sign @ (b'+' | b'-'), digits @ ..] => (*sign == b'-', digits),
        digits => (false, digits),
    };
    let mut value = 0u64;
    for group in digits.split(|&byte| byte == b'_') {
        if group.is_empty() || !group.iter().all(u8::is_ascii_digit) {
            return Err(corrupt(format!("{:?} where a number should be", String::from_utf8_lossy(word))));
        }
        value = group.iter().fold(value, |value, digit| 10 * value + u64::from(digit - b'0'));
    }
    match u32::try_from(value) {
        Ok(value) if !is_negative || value == 0 => Ok(value),
        _ => Err(corrupt(format!("{:?} as a size or a sample", String::from_utf8_lossy(word)))),
    }
}

fn with_room(n_samples: usize) -> Result<Vec<u16>, DecodeError> {
    let mut samples = Vec::new();
    samples.try_reserve_exact(n_samples).map_err(|_| DecodeError::OutOfMemory)?;
    Ok(samples)
}
