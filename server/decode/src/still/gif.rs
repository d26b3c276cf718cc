//! GIF: the first frame, as Pillow shows it.
//!
//! The picture is as large as the screen, and larger where the frame leaves it. Around the frame lies the
//! transparent index, or index 0 where there is none; never the background colour. A palette that is the ramp of
//! greys counts as none. Extensions are read for the transparent index only.

use super::frame::Frame;
use super::gif_codes;
use crate::error::DecodeError;
use crate::format::Format;
use crate::header::{Detail, Header};
use crate::limits::DecodeLimits;

const FORMAT: Format = Format::Gif;
const TRUNCATED: DecodeError = DecodeError::Truncated { format: FORMAT };

/// Everything before the first frame's codes.
struct First<'a> {
    /// Of the picture, in pixels.
    size: (u32, u32),
    /// The frame's left and upper border and its sides, in pixels.
    frame: [u32; 4],
    is_interlaced: bool,
    transparent: Option<u8>,
    /// Packed colours; none stands for greys.
    palette: Option<&'a [u8]>,
    /// Bits of a literal code.
    code_bits: u8,
    /// Offset at which the codes begin.
    codes: usize,
}

/// Format and size.
pub(super) fn header(bytes: &[u8], limits: &DecodeLimits) -> Result<Header, DecodeError> {
    let first = read(bytes)?;
    let header = Header::checked(FORMAT, first.size, Detail::None, limits)?;
    if first.frame[2] == 0 || first.frame[3] == 0 {
        return Err(DecodeError::corrupt(FORMAT, "a frame without pixels"));
    }
    Ok(header)
}

/// Decodes the whole picture.
pub(super) fn decode(bytes: &[u8], out: &mut Frame<'_>) -> Result<(), DecodeError> {
    let first = read(bytes)?;
    let [left, top, width, height] = first.frame;
    let color = |index: u8| first.color(index);
    out.pixels.fill(color(first.transparent.unwrap_or(0)));
    let (mut x, mut rows) = (0, Rows::new(height, first.is_interlaced));
    let row_of = |y: u32| left as usize + (top + y) as usize * out.width as usize;
    let mut at = row_of(rows.y);
    gif_codes::read(bytes, first.codes, first.code_bits, |index| {
        out.pixels[at + x] = color(index);
        x += 1;
        if x < width as usize {
            return true;
        }
        x = 0;
        let has_more = rows.advance();
        if has_more {
            at = row_of(rows.y);
        }
        has_more
    })
}

impl First<'_> {
    fn color(&self, index: u8) -> [u8; 3] {
        match self.palette {
            Some(palette) => {
                palette.get(3 * usize::from(index)..).and_then(|rest| rest.first_chunk()).copied()
            }
            None => Some([index; 3]),
        }
        .unwrap_or_default()
    }
}

/// The order of rows: of an interlaced frame every eighth, then those between, four times.
struct Rows {
    y: u32,
    height: u32,
    step: u32,
    /// First rows and steps of the passes to come.
    passes: std::slice::Iter<'static, (u32, u32)>,
}

impl Rows {
    fn new(height: u32, is_interlaced: bool) -> Self {
        const PASSES: [(u32, u32); 3] = [(4, 8), (2, 4), (1, 2)];
        let (step, passes) = if is_interlaced { (8, PASSES.iter()) } else { (1, PASSES[..0].iter()) };
        Self { y: 0, height, step, passes }
    }

    /// Goes to the next row, if there is one.
    fn advance(&mut self) -> bool {
        self.y += self.step;
        while self.y >= self.height {
            let Some(&(y, step)) = self.passes.next() else { return false };
            (self.y, self.step) = (y, step);
        }
        true
    }
}

fn read(bytes: &[u8]) -> Result<First<'_>, DecodeError> {
    let mut file = Reader { bytes, at: 6 };
    let screen = file.array::<7>()?;
    let mut size = (word(screen[0], screen[1]), word(screen[2], screen[3]));
    let global = file.palette(screen[4])?.filter(|colors| !is_grey_ramp(colors));
    let mut transparent = None;
    loop {
        match file.byte()? {
            b'!' => file.extension(&mut transparent)?,
            b';' => return Err(DecodeError::corrupt(FORMAT, "no frame before the end")),
            b',' => break,
            _ => {}
        }
    }
    let [x0, x1, y0, y1, w0, w1, h0, h1, flags] = file.array::<9>()?;
    let frame = [word(x0, x1), word(y0, y1), word(w0, w1), word(h0, h1)];
    size = (size.0.max(frame[0] + frame[2]), size.1.max(frame[1] + frame[3]));
    let local = file.palette(flags)?.filter(|colors| !is_grey_ramp(colors));
    let palette = local.or(global);
    let code_bits = file.byte()?;
    Ok(First { size, frame, is_interlaced: flags & 64 != 0, transparent, palette, code_bits, codes: file.at })
}

fn word(low: u8, high: u8) -> u32 {
    u32::from(u16::from_le_bytes([low, high]))
}

fn is_grey_ramp(colors: &[u8]) -> bool {
    colors.chunks_exact(3).enumerate().all(|(i, color)| color.iter().all(|&part| usize::from(part) == i))
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let found = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<N>()).ok_or(TRUNCATED)?;
        self.at += N;
        Ok(*found)
    }

    fn byte(&mut self) -> Result<u8, DecodeError> {
        Ok(self.array::<1>()?[0])
    }

    /// The palette that bit 7 of `flags` announces, of 2 to 256 colours.
    fn palette(&mut self, flags: u8) -> Result<Option<&'a [u8]>, DecodeError> {
        if flags & 128 == 0 {
            return Ok(None);
        }
        let len = 3 << ((flags & 7) + 1);
        let colors = self.bytes.get(self.at..self.at + len).ok_or(TRUNCATED)?;
        self.at += len;
        Ok(Some(colors))
    }

    /// A block of at most 255 bytes, less where the file ends; empty at the end of a sequence.
    fn block(&mut self) -> &'a [u8] {
        let len = usize::from(self.byte().unwrap_or(0));
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let block = &rest[..len.min(rest.len())];
        self.at += block.len();
        block
    }

    /// Reads an extension as Pillow does: behind an empty first block of most kinds another sequence is expected.
    fn extension(&mut self, transparent: &mut Option<u8>) -> Result<(), DecodeError> {
        const CONTROL: u8 = 249;
        const COMMENT: u8 = 254;
        let kind = self.byte()?;
        let is_empty = self.bytes.get(self.at).is_none_or(|&len| len == 0);
        let block = self.block();
        if kind == CONTROL && !is_empty {
            let flags = *block.first().ok_or(TRUNCATED)?;
            if block.len() < 3 {
                return Err(DecodeError::corrupt(FORMAT, "a control extension that is too short"));
            }
            if flags & 1 == 1 {
                let too_short = || DecodeError::corrupt(FORMAT, "a control extension that is too short");
                *transparent = Some(*block.get(3).ok_or_else(too_short)?);
            }
        }
        if kind == COMMENT && block.is_empty() {
            return Ok(());
        }
        while !self.block().is_empty() {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interlaced_rows_are_all_rows_once() {
        for height in 1..40 {
            let mut rows = Rows::new(height, true);
            let mut seen = vec![rows.y];
            while rows.advance() {
                seen.push(rows.y);
            }
            seen.sort_unstable();
            assert_eq!(seen, (0..height).collect::<Vec<_>>());
        }
    }
}
