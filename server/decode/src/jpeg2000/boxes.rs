//! The container as Pillow reads it: size and mode from the first boxes, which decide before the code stream is looked at.

use super::codestream::{self, STREAM_SIGNATURE};
use super::error::{TRUNCATED, corrupt};
use super::mode::Mode;
use super::palette::{self, Palette};
use crate::error::DecodeError;

/// Pillow's knowledge of a file before it decodes it.
pub(super) struct Outline {
    pub(super) size: (u32, u32),
    pub(super) mode: Mode,
    pub(super) palette: Palette,
}

impl Outline {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.starts_with(&STREAM_SIGNATURE) {
            let (size, mode) = codestream::outline(bytes)?;
            codestream::look_for_comment(bytes, STREAM_SIGNATURE.len())?;
            return Ok(Self { size, mode, palette: Palette::default() });
        }
        let mut file = Boxes { bytes, at: 12 };
        loop {
            let found = file.next()?;
            match &found.kind {
                b"jp2h" => break Self::of_header(found.body.ok_or(TRUNCATED)?, bytes, file.at),
                b"ftyp" if found.len < 4 => return Err(corrupt("a file type of too few bytes")),
                b"ftyp" if found.start + 4 > bytes.len() => return Err(TRUNCATED),
                _ => {}
            }
        }
    }

    /// From the boxes inside `jp2h`, which ends at `end`.
    fn of_header(header: &[u8], bytes: &[u8], end: usize) -> Result<Self, DecodeError> {
        let mut fields = Fields::default();
        let mut boxes = Boxes { bytes: header, at: 0 };
        loop {
            let inner = boxes.next()?;
            let body = inner.body.ok_or_else(|| corrupt("a box that leaves its header"))?;
            match &inner.kind {
                b"ihdr" => fields.image_header(body)?,
                b"colr" => fields.color(body)?,
                b"pclr" => fields.palette(body)?,
                b"res " => resolution(body)?,
                _ => {}
            }
            if boxes.at >= header.len() {
                break;
            }
        }
        if bytes.get(end + 4..end + 12).is_some_and(|next| next == b"jp2c\xFF\x4F\xFF\x51") {
            codestream::look_for_comment(bytes, end + 12)?;
        }
        let (Some(size), Some(mode)) = (fields.size, fields.mode) else {
            return Err(corrupt("a header without size or number of channels"));
        };
        Ok(Self { size, mode, palette: fields.palette })
    }
}

/// Facts from the boxes of the header so far.
#[derive(Default)]
struct Fields {
    size: Option<(u32, u32)>,
    channels: Option<u16>,
    mode: Option<Mode>,
    color: Option<Color>,
    palette: Palette,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Color {
    Bilevel,
    Grey,
    Cmyk,
}

impl Fields {
    fn image_header(&mut self, body: &[u8]) -> Result<(), DecodeError> {
        let &[h0, h1, h2, h3, w0, w1, w2, w3, c0, c1, depth] =
            body.first_chunk::<11>().ok_or_else(|| corrupt("an image header of too few bytes"))?;
        self.size = Some((u32::from_be_bytes([w0, w1, w2, w3]), u32::from_be_bytes([h0, h1, h2, h3])));
        let channels = u16::from_be_bytes([c0, c1]);
        self.channels = Some(channels);
        // The field is the depth less 1, so 9 bits are not deep yet.
        match channels {
            1 if depth & 0x7F > 8 => self.mode = Some(Mode::I16),
            1 => self.mode = Some(Mode::L),
            2 => self.mode = Some(Mode::La),
            3 => self.mode = Some(Mode::Rgb),
            4 => self.mode = Some(Mode::Rgba),
            _ => {}
        }
        Ok(())
    }

    fn color(&mut self, body: &[u8]) -> Result<(), DecodeError> {
        let &[method, _, _, s0, s1, s2, s3] =
            body.first_chunk::<7>().ok_or_else(|| corrupt("a colour space of too few bytes"))?;
        match u32::from_be_bytes([s0, s1, s2, s3]) {
            _ if method != 1 => {}
            0 | 15 => self.color = Some(Color::Bilevel),
            12 => {
                self.color = Some(Color::Cmyk);
                if self.channels == Some(4) {
                    self.mode = Some(Mode::Cmyk);
                }
            }
            17 => self.color = Some(Color::Grey),
            _ => {}
        }
        Ok(())
    }

    fn palette(&mut self, body: &[u8]) -> Result<(), DecodeError> {
        let with_palette = match self.mode {
            Some(Mode::L) => Mode::P,
            Some(Mode::La) => Mode::Pa,
            _ => return Ok(()),
        };
        if matches!(self.color, Some(Color::Bilevel | Color::Grey)) {
            return Ok(());
        }
        if let Some(palette) = palette::read(body)? {
            self.palette = palette;
            self.mode = Some(with_palette);
        }
        Ok(())
    }
}

/// Pillow reads the first capture resolution of this box and refuses a file where it is too short.
fn resolution(body: &[u8]) -> Result<(), DecodeError> {
    let mut boxes = Boxes { bytes: body, at: 0 };
    loop {
        let inner = boxes.next()?;
        let body_len = inner.body.ok_or_else(|| corrupt("a box that leaves its resolution"))?.len();
        match &inner.kind {
            b"resc" if body_len < 10 => return Err(corrupt("a resolution of too few bytes")),
            b"resc" => return Ok(()),
            _ if boxes.at >= body.len() => return Ok(()),
            _ => {}
        }
    }
}

/// A walk over boxes.
struct Boxes<'a> {
    bytes: &'a [u8],
    /// Start of the next box; beyond the end if the last one reaches beyond it.
    at: usize,
}

struct Found<'a> {
    kind: [u8; 4],
    /// Offset and length of the body.
    start: usize,
    len: usize,
    /// Nothing where it reaches beyond the end.
    body: Option<&'a [u8]>,
}

impl<'a> Boxes<'a> {
    /// The next box. A length of 0, up to the end, is refused as in Pillow.
    fn next(&mut self) -> Result<Found<'a>, DecodeError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let &[l0, l1, l2, l3, k0, k1, k2, k3] = rest.first_chunk::<8>().ok_or(TRUNCATED)?;
        let mut len = u64::from(u32::from_be_bytes([l0, l1, l2, l3]));
        let mut head_len = 8;
        if len == 1 {
            len = u64::from_be_bytes(*rest[8..].first_chunk::<8>().ok_or(TRUNCATED)?);
            head_len = 16;
        }
        let body_len = usize::try_from(len).ok().and_then(|len| len.checked_sub(head_len));
        let body_len = body_len.ok_or_else(|| corrupt("a box of an impossible length"))?;
        let start = self.at + head_len;
        self.at = start.saturating_add(body_len);
        let body = self.bytes.get(start..self.at);
        Ok(Found { kind: [k0, k1, k2, k3], start, len: body_len, body })
    }
}
