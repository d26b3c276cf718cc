//! Netpbm files, plain and raw, with Pillow's reading of the header and its scaling of samples.
//!
//! A sample v of at most `maxval` becomes round(v / maxval * top), computed in f64 and rounded half to even, with
//! top = 255; grey with maxval above 255 has top = 65535 instead and is then clamped to 255, not scaled down. Floats
//! (kind f, grey only) are clamped to 0..255 and rounded down, rows from the bottom up.

use bandwise_kernels::Rect;

use super::pnm_plain;
use super::pnm_words::{MOST_DIGITS, TRUNCATED, corrupt, is_space};
use crate::buffer::PixelBuffer;
use crate::error::DecodeError;
use crate::format::Format;
use crate::header::{Detail, Header};
use crate::layout::{PnmKind, PnmLayout};
use crate::limits::DecodeLimits;
use crate::placement::Placement;

/// Format and size.
pub(super) fn header(bytes: &[u8], limits: &DecodeLimits) -> Result<Header, DecodeError> {
    let digit = bytes.get(1).copied().unwrap_or(0);
    let mut tokens = Tokens { bytes, at: 3 };
    let (width, height) = (tokens.number()?, tokens.number()?);
    let kind = match digit {
        b'1' | b'4' => PnmKind::Bits,
        b'2' | b'5' => PnmKind::Grey,
        b'f' => PnmKind::Float { is_little: tokens.scale()? < 0.0 },
        _ => PnmKind::Colour,
    };
    let maxval = if matches!(kind, PnmKind::Grey | PnmKind::Colour) { tokens.number()? } else { 1 };
    if !(1..65536).contains(&maxval) {
        return Err(corrupt(format!("a maximum value of {maxval}")));
    }
    let layout =
        PnmLayout { kind, plain: matches!(digit, b'1'..=b'3'), maxval, width, height, raster: tokens.at };
    Header::checked(Format::Pnm, (width, height), Detail::Pnm(layout), limits)
}

/// Decodes the region into the start of `pixels`.
pub(crate) fn decode(
    bytes: &[u8],
    layout: PnmLayout,
    region: Rect,
    pixels: &mut PixelBuffer,
) -> Result<Placement, DecodeError> {
    let whole_len = 3 * layout.width as usize * layout.height as usize;
    // The samples come first to a whole frame: a file must be refused for what it lacks outside the region too.
    pixels.prepare(whole_len)?;
    let out = &mut pixels.bytes_mut()[..whole_len];
    match (layout.plain, layout.kind) {
        (true, _) => layout.read_plain(bytes, out)?,
        (false, PnmKind::Float { is_little }) => layout.read_floats(bytes, is_little, out)?,
        (false, PnmKind::Bits) => layout.read_bits(bytes, out)?,
        (false, _) => layout.read_raw(bytes, out)?,
    }
    let stride = 3 * layout.width as usize;
    Ok(Placement { start: region.y as usize * stride + 3 * region.x as usize, stride })
}

impl PnmLayout {
    fn channels(&self) -> usize {
        if self.kind == PnmKind::Colour { 3 } else { 1 }
    }

    /// The 8-bit value of a sample.
    fn scale(&self, sample: u32) -> u8 {
        let top = if self.kind == PnmKind::Grey && self.maxval > 255 { 65535.0 } else { 255.0 };
        let scaled = (f64::from(sample) / f64::from(self.maxval) * top).round_ties_even();
        scaled.min(255.0) as u8
    }

    /// One bit a pixel, rows padded to bytes; a set bit is black.
    fn read_bits(&self, bytes: &[u8], out: &mut [u8]) -> Result<(), DecodeError> {
        let row_len = self.width.div_ceil(8) as usize;
        let raster = self.raster_bytes(bytes, row_len * self.height as usize)?;
        let rows = raster.chunks_exact(row_len).zip(out.chunks_exact_mut(3 * self.width as usize));
        for (row, out_row) in rows {
            for (x, rgb) in out_row.as_chunks_mut::<3>().0.iter_mut().enumerate() {
                let is_black = row[x / 8] >> (7 - x % 8) & 1 == 1;
                *rgb = [if is_black { 0 } else { 255 }; 3];
            }
        }
        Ok(())
    }

    /// Samples of one byte, or of two with the high byte first where `maxval` needs them.
    fn read_raw(&self, bytes: &[u8], out: &mut [u8]) -> Result<(), DecodeError> {
        let sample_len = if self.maxval > 255 { 2 } else { 1 };
        let n_samples = self.channels() * self.width as usize * self.height as usize;
        let raster = self.raster_bytes(bytes, sample_len * n_samples)?;
        let sample = |i: usize| match sample_len {
            1 => u32::from(raster[i]),
            _ => u32::from(raster[2 * i]) << 8 | u32::from(raster[2 * i + 1]),
        };
        self.fill(out, (0..n_samples).map(|i| Ok(sample(i))))
    }

    /// Decimal numbers between white space; bits may stand without it.
    fn read_plain(&self, bytes: &[u8], out: &mut [u8]) -> Result<(), DecodeError> {
        let text = bytes.get(self.raster..).unwrap_or_default();
        let n_samples = self.channels() * self.width as usize * self.height as usize;
        let samples = match self.kind {
            PnmKind::Bits => pnm_plain::bits(text, n_samples)?,
            _ => pnm_plain::numbers(text, n_samples, self.maxval)?,
        };
        self.fill(out, samples.into_iter().map(|sample| Ok(u32::from(sample))))
    }

    fn read_floats(&self, bytes: &[u8], is_little: bool, out: &mut [u8]) -> Result<(), DecodeError> {
        let (row_len, out_len) = (4 * self.width as usize, 3 * self.width as usize);
        let raster = self.raster_bytes(bytes, row_len * self.height as usize)?;
        let rows = raster.chunks_exact(row_len).rev();
        for (row, out_row) in rows.zip(out.chunks_exact_mut(out_len)) {
            for (quad, rgb) in row.as_chunks::<4>().0.iter().zip(out_row.as_chunks_mut::<3>().0) {
                let value = if is_little { f32::from_le_bytes(*quad) } else { f32::from_be_bytes(*quad) };
                // The cast clamps.
                *rgb = [value as u8; 3];
            }
        }
        Ok(())
    }

    /// Takes as many samples as the frame has.
    fn fill(
        &self,
        out: &mut [u8],
        mut samples: impl Iterator<Item = Result<u32, DecodeError>>,
    ) -> Result<(), DecodeError> {
        let mut next = || samples.next().unwrap_or(Err(TRUNCATED)).map(|sample| self.scale(sample));
        for rgb in out.as_chunks_mut::<3>().0 {
            *rgb = match self.kind {
                PnmKind::Colour => [next()?, next()?, next()?],
                _ => [next()?; 3],
            };
        }
        Ok(())
    }

    fn raster_bytes<'a>(&self, bytes: &'a [u8], len: usize) -> Result<&'a [u8], DecodeError> {
        bytes.get(self.raster..).and_then(|rest| rest.get(..len)).ok_or(TRUNCATED)
    }
}

/// Words between white space, with comments from `#` to the end of the line.
struct Tokens<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Tokens<'_> {
    /// The next byte that is not in a comment; the line's end belongs to the comment.
    fn byte(&mut self) -> Option<u8> {
        let mut in_comment = false;
        loop {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            match byte {
                b'\n' | b'\r' if in_comment => in_comment = false,
                _ if in_comment => {}
                b'#' => in_comment = true,
                _ => return Some(byte),
            }
        }
    }

    /// A word, and one byte of white space behind it.
    fn word(&mut self) -> Result<Vec<u8>, DecodeError> {
        let mut word = Vec::new();
        while word.len() <= MOST_DIGITS {
            match self.byte() {
                Some(byte) if is_space(byte) && word.is_empty() => {}
                Some(byte) if !is_space(byte) => word.push(byte),
                None if word.is_empty() => return Err(TRUNCATED),
                _ => return Ok(word),
            }
        }
        Err(corrupt("a number that is too long"))
    }

    fn number(&mut self) -> Result<u32, DecodeError> {
        pnm_plain::number(&self.word()?)
    }

    /// The scale of floats, of which only the sign counts.
    fn scale(&mut self) -> Result<f64, DecodeError> {
        let word = self.word()?;
        let scale = str::from_utf8(&word).ok().and_then(|text| text.parse::<f64>().ok());
        scale
            .filter(|scale| scale.is_finite() && *scale != 0.0)
            .ok_or_else(|| corrupt("a scale that is no number"))
    }
}
