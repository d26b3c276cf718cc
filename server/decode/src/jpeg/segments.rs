//! The segments before the first scan, read with Pillow's eyes.
//!
//! Pillow reads them itself before libjpeg does, and refuses some files that libjpeg would take. Followed here:
//! the order of its loop, which bytes it skips, which markers it does not know, and the lengths its handlers of
//! SOF, DQT, JFIF, Adobe, Photoshop and profiles insist on. Not followed: a broken MPO block.

use memchr::memchr;

use super::bytes::be16;
use crate::error::DecodeError;
use crate::format::Format;

/// The contents of the segments before the first scan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each says one thing about a file")]
pub(super) struct Frame {
    pub(super) width: u16,
    pub(super) height: u16,
    /// 1, 3 or 4.
    pub(super) components: u8,
    pub(super) progressive: bool,
    /// Lossless (predicted samples instead of a transform).
    pub(super) lossless: bool,
    /// Identifier and the two sampling factors (horizontal in the high nibble) of each component.
    pub(super) sampling: [(u8, u8); 4],
    /// Whether markers RST0..7 are due in the scans.
    pub(super) restarts: bool,
    /// Whether there is nothing before the first scan but segments that belong there, one frame header among
    /// them, of a process for which parts may be decoded alone.
    pub(super) plain: bool,
    /// The start of the first SOS segment (its length field).
    pub(super) first_scan: usize,
}

const SOS: u8 = 0xDA;

impl Frame {
    /// The sides of an iMCU in pixels if libjpeg-turbo decodes parts of such a frame exactly: one component, or
    /// three where both chroma planes are sampled once per iMCU and luma in one of the usual ways.
    pub(super) fn part_unit(&self) -> Option<(u32, u32)> {
        let factors = |i: usize| (u32::from(self.sampling[i].1 >> 4), u32::from(self.sampling[i].1 & 15));
        let (h, v) = factors(0);
        let known = match self.components {
            1 => (1..=4).contains(&h) && (1..=4).contains(&v),
            3 => {
                matches!((h, v), (1 | 2 | 4, 1) | (1, 2 | 4) | (2, 2))
                    && factors(1) == (1, 1)
                    && factors(2) == (1, 1)
            }
            _ => false,
        };
        (known && self.plain).then_some((8 * h, 8 * v))
    }
}

/// Reads from the start of the file to the first SOS marker.
pub(super) fn read(bytes: &[u8]) -> Result<Frame, DecodeError> {
    let mut frame = Frame { plain: true, ..Frame::default() };
    let mut profile = None;
    // The signature is SOI and the 0xFF of the first marker.
    let mut at = 3;
    loop {
        let code = *bytes.get(at).ok_or_else(truncated)?;
        at += 1;
        match code {
            0xC0..=0xFE => {
                if code == SOS {
                    frame.first_scan = at;
                    return finish(bytes, frame);
                }
                at = segment(bytes, code, at, &mut frame, &mut profile)?;
                at = skip_to_ff(bytes, at, &mut frame)?;
            }
            // A fill byte: the marker may still come.
            0xFF => frame.plain = false,
            0x00 => {
                frame.plain = false;
                at = skip_to_ff(bytes, at, &mut frame)?;
            }
            0x01..=0xBF => return Err(corrupt(format!("an unknown marker ff{code:02x} in the header"))),
        }
    }
}

/// Checks what must be known when the first scan begins.
fn finish(bytes: &[u8], frame: Frame) -> Result<Frame, DecodeError> {
    segment_body(bytes, frame.first_scan)?;
    if frame.components == 0 {
        return Err(corrupt("a scan before the frame header"));
    }
    Ok(frame)
}

/// Goes behind the next 0xFF at or after `at`.
fn skip_to_ff(bytes: &[u8], at: usize, frame: &mut Frame) -> Result<usize, DecodeError> {
    let found = bytes.get(at..).and_then(|rest| memchr(0xFF, rest)).ok_or_else(truncated)?;
    frame.plain &= found == 0;
    Ok(at + found + 1)
}

/// Reads the segment of marker `code` whose length field is at `at`; returns the position behind it.
/// `profile` is the least of the profile parts since the last frame header.
fn segment<'a>(
    bytes: &'a [u8],
    code: u8,
    at: usize,
    frame: &mut Frame,
    profile: &mut Option<&'a [u8]>,
) -> Result<usize, DecodeError> {
    // Pillow knows these names but reads no length after them.
    if matches!(code, 0xC8 | 0xD0..=0xD9 | 0xF0..=0xFD) {
        frame.plain = false;
        return Ok(at);
    }
    let body = segment_body(bytes, at)?;
    match code {
        0xC4 | 0xCC | 0xFE => {}
        0xC0..=0xCF | 0xDE => {
            start_of_frame(code, body, frame)?;
            // Pillow reads the number of parts from the first one.
            if profile.take().is_some_and(|part| part.len() < 14) {
                return Err(corrupt("a colour profile that is too short"));
            }
        }
        0xE2 if body.starts_with(b"ICC_PROFILE\0") => {
            *profile = Some(profile.map_or(body, |least| least.min(body)));
        }
        0xED if body.starts_with(b"Photoshop 3.0\0") => photoshop(body)?,
        0xDB => quantisation_tables(body)?,
        0xDD => frame.restarts = be16(body, 0).is_some_and(|interval| interval > 0),
        0xE0..=0xEF => application(code, body)?,
        _ => frame.plain = false,
    }
    Ok(at + 2 + body.len())
}

/// The bytes of a segment behind its length field.
fn segment_body(bytes: &[u8], at: usize) -> Result<&[u8], DecodeError> {
    let len = usize::from(be16(bytes, at).ok_or_else(truncated)?).saturating_sub(2);
    bytes.get(at + 2..at + 2 + len).ok_or_else(truncated)
}

fn start_of_frame(code: u8, body: &[u8], frame: &mut Frame) -> Result<(), DecodeError> {
    let (Some(height), Some(width), Some(&components)) = (be16(body, 1), be16(body, 3), body.get(5)) else {
        return Err(corrupt("a frame header that is too short"));
    };
    if body[0] != 8 {
        return Err(DecodeError::unsupported(Format::Jpeg, format!("{} bits a sample", body[0])));
    }
    if !matches!(components, 1 | 3 | 4) {
        return Err(DecodeError::unsupported(Format::Jpeg, format!("{components} components")));
    }
    if !body.len().is_multiple_of(3) {
        return Err(corrupt("a frame header of a wrong length"));
    }
    let expected_len = 6 + 3 * usize::from(components);
    let sequential_or_progressive = matches!(code, 0xC0..=0xC2);
    frame.plain &= frame.components == 0 && body.len() == expected_len && sequential_or_progressive;
    (frame.width, frame.height, frame.components) = (width, height, components);
    frame.progressive = matches!(code, 0xC2 | 0xC6 | 0xCA | 0xCE);
    frame.lossless = matches!(code, 0xC3 | 0xC7 | 0xCB | 0xCF);
    for (sampling, component) in frame.sampling.iter_mut().zip(body[6..].as_chunks::<3>().0) {
        *sampling = (component[0], component[1]);
    }
    Ok(())
}

fn quantisation_tables(mut body: &[u8]) -> Result<(), DecodeError> {
    while let Some(&kind) = body.first() {
        let len = if kind < 16 { 65 } else { 129 };
        body = body.get(len..).ok_or_else(|| corrupt("a quantisation table that is too short"))?;
    }
    Ok(())
}

/// Pillow reads a version from these two, and stumbles if it is not there.
fn application(code: u8, body: &[u8]) -> Result<(), DecodeError> {
    let is_jfif = code == 0xE0 && body.starts_with(b"JFIF");
    let is_adobe = code == 0xEE && body.starts_with(b"Adobe");
    if (is_jfif || is_adobe) && body.len() < 7 {
        return Err(corrupt("an application segment that is too short"));
    }
    Ok(())
}

/// Pillow passes over resources that are cut, but not over one that ends where the length of its name should be.
fn photoshop(body: &[u8]) -> Result<(), DecodeError> {
    let mut at = 14;
    while body.get(at..at + 4) == Some(b"8BIM") && be16(body, at + 4).is_some() {
        let name_len = body.get(at + 6).ok_or_else(|| corrupt("a photoshop resource without a name"))?;
        at = (at + 7 + usize::from(*name_len)).next_multiple_of(2);
        let (Some(high), Some(low)) = (be16(body, at), be16(body, at + 2)) else { return Ok(()) };
        at = (at + 4 + (usize::from(high) << 16 | usize::from(low))).next_multiple_of(2);
    }
    Ok(())
}

fn truncated() -> DecodeError {
    DecodeError::Truncated { format: Format::Jpeg }
}

fn corrupt(detail: impl Into<String>) -> DecodeError {
    DecodeError::corrupt(Format::Jpeg, detail)
}
