//! The chunks of a PNG in the order in which Pillow reads them, with its checks and its forgiveness: each chunk
//! before the pixels needs its checksum, those behind need to be whole, and a missing end is none.
//!
//! Of an animation the default image is read, or the first frame where that is the first to come.

use super::png_error::{TRUNCATED, corrupt};
use super::png_text;
use crate::error::DecodeError;

const SIGNATURE_LEN: usize = 8;

/// Colour type and bits a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA.
    pub(super) color: u8,
    pub(super) depth: u8,
}

impl Kind {
    fn known(color: u8, depth: u8) -> Option<Self> {
        let is_known = match color {
            0 => matches!(depth, 1 | 2 | 4 | 8 | 16),
            3 => matches!(depth, 1 | 2 | 4 | 8),
            2 | 4 | 6 => matches!(depth, 8 | 16),
            _ => false,
        };
        is_known.then_some(Self { color, depth })
    }

    /// Bits a pixel.
    pub(super) fn bits(self) -> u8 {
        self.depth
            * match self.color {
                2 => 3,
                4 => 2,
                6 => 4,
                _ => 1,
            }
    }
}

/// State of the file when the pixels begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Image {
    /// Of the picture.
    pub(super) size: (u32, u32),
    pub(super) kind: Kind,
    pub(super) is_interlaced: bool,
    /// Upper left corner and sides of the part that the pixels fill.
    pub(super) at: (u32, u32),
    pub(super) part: (u32, u32),
    is_animated: bool,
}

/// A chunk's name, and the length that it states.
#[derive(Clone, Copy)]
struct Head {
    kind: [u8; 4],
    len: usize,
}

/// Outcome of reading a chunk.
enum Step<'a> {
    /// Its contents.
    Body(&'a [u8]),
    /// Pixels begin here, or the file ends.
    Stop,
}

/// A PNG file, and what its chunks said so far.
pub(super) struct Stream<'a> {
    bytes: &'a [u8],
    at: usize,
    size: (u32, u32),
    kind: Option<Kind>,
    is_interlaced: bool,
    /// The stored colours.
    pub(super) palette: Option<&'a [u8]>,
    /// Whether one index of a palette is transparent (several are no trouble to Pillow).
    pub(super) has_transparent_index: bool,
    n_frames: Option<u32>,
    sequence: Option<u32>,
    /// Left, upper, width, height of the last frame that was announced.
    part: Option<[u32; 4]>,
    text_len: usize,
    /// Bytes left in the current pixel chunk.
    left: usize,
}

impl<'a> Stream<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: SIGNATURE_LEN,
            size: (0, 0),
            kind: None,
            is_interlaced: false,
            palette: None,
            has_transparent_index: false,
            n_frames: None,
            sequence: None,
            part: None,
            text_len: 0,
            left: 0,
        }
    }

    /// Reads up to the first pixel chunk.
    pub(super) fn open(&mut self) -> Result<Image, DecodeError> {
        loop {
            let head = self.head()?;
            match self.chunk(head)? {
                Step::Body(body) => self.checksum(head.kind, body)?,
                Step::Stop if head.kind == *b"IEND" => return Err(corrupt("no pixels")),
                Step::Stop => {
                    self.left = pixel_len(head);
                    return self.image();
                }
            }
        }
    }

    fn image(&self) -> Result<Image, DecodeError> {
        let kind = self.kind.ok_or_else(|| corrupt("a colour type or depth that does not exist"))?;
        let [left, top, width, height] = self.part.unwrap_or([0, 0, self.size.0, self.size.1]);
        let inside = |start: u32, len: u32, whole: u32| {
            whole == 0 || len > 0 && u64::from(start) + u64::from(len) <= u64::from(whole)
        };
        if !inside(left, width, self.size.0) || !inside(top, height, self.size.1) {
            return Err(corrupt("a frame that does not fit the picture"));
        }
        // A default image counts as a frame.
        let n_frames = self.n_frames.map_or(1, |n| u64::from(n) + u64::from(self.part.is_none()));
        Ok(Image {
            size: self.size,
            kind,
            is_interlaced: self.is_interlaced,
            at: (left, top),
            part: (width, height),
            is_animated: n_frames > 1,
        })
    }

    /// The next piece of compressed pixels, at most 64 KiB.
    pub(super) fn pixels(&mut self) -> Result<&'a [u8], DecodeError> {
        const MOST: usize = 1 << 16;
        while self.left == 0 {
            self.at += 4;
            let head = self.head()?;
            match &head.kind {
                b"IDAT" | b"DDAT" => {}
                b"fdAT" => _ = self.chunk(head)?,
                _ => return Err(TRUNCATED),
            }
            self.left = pixel_len(head);
        }
        let wanted = self.left.min(MOST);
        self.left -= wanted;
        let rest = self.rest();
        let piece = &rest[..wanted.min(rest.len())];
        self.at += piece.len();
        if piece.is_empty() { Err(TRUNCATED) } else { Ok(piece) }
    }

    /// Reads what follows the pixels.
    pub(super) fn close(&mut self, image: &Image) -> Result<(), DecodeError> {
        self.at = self.at.saturating_add(self.left).min(self.bytes.len());
        loop {
            self.at = (self.at + 4).min(self.bytes.len());
            let Ok(head) = self.head() else { return Ok(()) };
            if head.kind == *b"IEND" || head.kind == *b"fcTL" && image.is_animated {
                return Ok(());
            }
            if let Step::Stop = self.chunk(head)? {
                self.take(pixel_len(head))?;
            }
        }
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn head(&mut self) -> Result<Head, DecodeError> {
        let &[l0, l1, l2, l3, kind @ ..] = self.rest().first_chunk::<8>().ok_or(TRUNCATED)?;
        if !kind.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
            return Err(corrupt(format!("a chunk named {kind:02x?}")));
        }
        self.at += 8;
        Ok(Head { kind, len: u32::from_be_bytes([l0, l1, l2, l3]) as usize })
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let body = self.rest().get(..len).ok_or(TRUNCATED)?;
        self.at += len;
        Ok(body)
    }

    fn checksum(&mut self, kind: [u8; 4], body: &[u8]) -> Result<(), DecodeError> {
        let stored = self.take(4)?;
        if crc32(body, crc32(&kind, 0)).to_be_bytes() == stored {
            return Ok(());
        }
        Err(corrupt(format!("a wrong checksum in chunk {:?}", String::from_utf8_lossy(&kind))))
    }

    /// Reads the chunk whose contents begin here.
    fn chunk(&mut self, head: Head) -> Result<Step<'a>, DecodeError> {
        match &head.kind {
            b"IDAT" | b"IEND" => return Ok(Step::Stop),
            b"fdAT" => {
                let number = self.take(if head.len < 4 { usize::MAX } else { 4 })?;
                self.follow(long(number, 0)?, self.sequence.is_some())?;
                return Ok(Step::Stop);
            }
            _ => {}
        }
        let body = self.take(head.len)?;
        let known = self.kind.map(|kind| (kind.color, kind.depth));
        match &head.kind {
            b"IHDR" => self.image_header(body)?,
            b"PLTE" if self.kind.is_some_and(|kind| kind.color == 3) => self.palette = Some(body),
            b"tRNS" => match known {
                Some((3, _)) => self.has_transparent_index = png_text::is_one_transparent_index(body),
                Some((0, _)) => at_least(body, 2)?,
                Some((2, 8 | 16)) => at_least(body, 6)?,
                _ => {}
            },
            b"gAMA" => at_least(body, 4)?,
            b"cHRM" if body.len() % 4 != 0 => return Err(corrupt("a cHRM chunk of a wrong length")),
            b"sRGB" => at_least(body, 1)?,
            b"pHYs" => at_least(body, 9)?,
            b"acTL" => self.animation(body)?,
            b"fcTL" => self.frame(body)?,
            kind => png_text::check(*kind, body, &mut self.text_len)?,
        }
        Ok(Step::Body(body))
    }

    fn image_header(&mut self, body: &[u8]) -> Result<(), DecodeError> {
        at_least(body, 13)?;
        self.size = (long(body, 0)?, long(body, 4)?);
        self.kind = Kind::known(body[9], body[8]).or(self.kind);
        self.is_interlaced |= body[12] != 0;
        if body[11] != 0 { Err(corrupt("an unknown kind of filters")) } else { Ok(()) }
    }

    fn animation(&mut self, body: &[u8]) -> Result<(), DecodeError> {
        at_least(body, 8)?;
        let n_frames = long(body, 0)?;
        match self.n_frames {
            Some(_) => self.n_frames = None,
            None if n_frames > 0 && n_frames <= 0x8000_0000 => self.n_frames = Some(n_frames),
            None => {}
        }
        Ok(())
    }

    fn frame(&mut self, body: &[u8]) -> Result<(), DecodeError> {
        at_least(body, 26)?;
        self.follow(long(body, 0)?, true)?;
        let part = [long(body, 12)?, long(body, 16)?, long(body, 4)?, long(body, 8)?];
        let inside = |start: u32, len: u32, whole: u32| u64::from(start) + u64::from(len) <= u64::from(whole);
        if !inside(part[0], part[2], self.size.0) || !inside(part[1], part[3], self.size.1) {
            return Err(corrupt("a frame outside the picture"));
        }
        self.part = Some(part);
        Ok(())
    }

    /// Sequence numbers count up from 0, the first of them in a chunk that `may_begin`.
    fn follow(&mut self, number: u32, may_begin: bool) -> Result<(), DecodeError> {
        let expected = self.sequence.map_or(0, |last| u64::from(last) + 1);
        if u64::from(number) != expected || !may_begin {
            return Err(corrupt("frames out of order"));
        }
        self.sequence = Some(number);
        Ok(())
    }
}

/// Bytes of a pixel chunk, without the number that those of animations have.
fn pixel_len(head: Head) -> usize {
    if head.kind == *b"fdAT" { head.len - 4 } else { head.len }
}

fn long(body: &[u8], at: usize) -> Result<u32, DecodeError> {
    let quad = body.get(at..).and_then(|rest| rest.first_chunk::<4>()).ok_or(TRUNCATED)?;
    Ok(u32::from_be_bytes(*quad))
}

fn at_least(body: &[u8], len: usize) -> Result<(), DecodeError> {
    if body.len() < len { Err(corrupt("a chunk that is too short")) } else { Ok(()) }
}

/// The CRC of ISO 3309, polynomial 0xEDB88320, by a table of one byte, continued from `start`.
fn crc32(bytes: &[u8], start: u32) -> u32 {
    !bytes.iter().fold(!start, |crc, &byte| CRC_TABLE[((crc ^ u32::from(byte)) & 255) as usize] ^ (crc >> 8))
}

const CRC_TABLE: [u32; 256] = crc_table();

const fn crc_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let mut crc = i as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { 0xEDB8_8320 ^ (crc >> 1) } else { crc >> 1 };
            bit += 1;
        }
        table[i] = crc;
        i += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc_check_value() {
        // The check value that every catalogue of CRCs gives for this one.
        assert_eq!(crc32(b"123456789", 0), 0xCBF4_3926);
        assert_eq!(crc32(b"56789", crc32(b"1234", 0)), 0xCBF4_3926);
    }
}
