//! The container of WebP files, read as libwebp's demultiplexer does, and the first frame out of it.
//!
//! Of an animation Pillow shows the first frame on a black canvas, its pixels as they are stored: not blended with
//! anything, since it is the first.

use bandwise_kernels::Rect;

use super::frame::Frame;
use super::webp_pixels;
use crate::buffer::PixelBuffer;
use crate::error::DecodeError;
use crate::format::Format;
use crate::header::{Detail, Header};
use crate::limits::DecodeLimits;
use crate::placement::Placement;

const TRUNCATED: DecodeError = DecodeError::Truncated { format: Format::Webp };

const ANIMATION: u8 = 0x02;
const ALPHA: u8 = 0x10;
/// Animation, XMP, EXIF, alpha, profile.
const KNOWN_FLAGS: u8 = 0x3E;

/// Size of the canvas.
pub(super) fn header(bytes: &[u8], limits: &DecodeLimits) -> Result<Header, DecodeError> {
    Header::checked(Format::Webp, read(bytes)?.canvas, Detail::None, limits)
}

/// Decodes the first frame and says where the region is in `pixels`.
pub(super) fn decode(
    bytes: &[u8],
    header: &Header,
    region: Rect,
    raw: &mut PixelBuffer,
    pixels: &mut PixelBuffer,
) -> Result<Placement, DecodeError> {
    let first = read(bytes)?.first;
    let (width, height) = first.size;
    raw.prepare(4 * width as usize * height as usize)?;
    webp_pixels::decode(first.payload(bytes), first.size, raw.bytes_mut())?;
    if first.size == (header.width, header.height) {
        pixels.prepare(3 * region.width as usize * region.height as usize)?;
        drop_alpha(raw.bytes(), width, region, pixels.bytes_mut());
        return Ok(Placement::packed(region.width));
    }
    let mut canvas = Frame::new(pixels, (header.width, header.height))?;
    canvas.pixels.fill([0; 3]);
    for y in 0..height {
        let row = &mut canvas.row(first.at.1 + y)[first.at.0 as usize..][..width as usize];
        drop_alpha(raw.bytes(), width, Rect { x: 0, y, width, height: 1 }, row.as_flattened_mut());
    }
    Ok(Frame::place(header.width, region))
}

/// The colours of `region` of a frame of `width` RGBA pixels a row, packed.
fn drop_alpha(rgba: &[u8], width: u32, region: Rect, rgb: &mut [u8]) {
    let rows = rgba.as_chunks::<4>().0.chunks_exact(width as usize).skip(region.y as usize);
    for (row, out) in rows.zip(rgb.chunks_exact_mut(3 * region.width as usize)).take(region.height as usize) {
        for (pixel, rgb) in row[region.x as usize..].iter().zip(out.as_chunks_mut::<3>().0) {
            *rgb = [pixel[0], pixel[1], pixel[2]];
        }
    }
}

/// A frame's chunks.
#[derive(Clone, Copy, Debug, Default)]
struct Chunks {
    /// Upper left corner on the canvas.
    at: (u32, u32),
    size: (u32, u32),
    /// Offset of the ALPH chunk, if one is right before the image.
    alpha: Option<usize>,
    is_alpha_behind: bool,
    /// Start and end of the VP8 or VP8L chunk, with its header and padding.
    image: Option<(usize, usize)>,
}

impl Chunks {
    /// The chunks without their container: libwebp's demultiplexer hands them to its decoder like this.
    fn payload<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let range = self.image.map(|(start, end)| self.alpha.unwrap_or(start)..end);
        range.and_then(|range| bytes.get(range)).unwrap_or_default()
    }
}

/// Contents of the container's header.
struct Container {
    canvas: (u32, u32),
    first: Chunks,
}

fn read(bytes: &[u8]) -> Result<Container, DecodeError> {
    // The length counts from behind itself; bytes behind the end that it gives are not looked at.
    let stated = bytes.get(4..).and_then(|rest| rest.first_chunk::<4>()).map(|len| u32::from_le_bytes(*len));
    let end = stated.and_then(|len| (len as usize).checked_add(8)).ok_or(TRUNCATED)?;
    let mut file = Walk { bytes: bytes.get(..end).ok_or(TRUNCATED)?, at: 12, first: None };
    if file.rest().len() < 8 {
        return Err(TRUNCATED);
    }
    match &file.rest()[..4] {
        b"VP8 " | b"VP8L" => {
            let mut frame = file.frame(Chunks::default())?;
            frame.alpha = None;
            frame.image.ok_or_else(|| corrupt("no image"))?;
            Ok(Container { canvas: frame.size, first: frame })
        }
        b"VP8X" => file.extended(),
        _ => Err(corrupt("a first chunk that is unknown")),
    }
}

struct Chunk<'a> {
    kind: [u8; 4],
    /// Without padding.
    body: &'a [u8],
    /// With header and padding.
    whole: &'a [u8],
}

/// A walk over the chunks of a file that is complete.
struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    first: Option<Chunks>,
}

impl<'a> Walk<'a> {
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// The chunk here. Does not pass over it.
    fn chunk(&self) -> Result<Chunk<'a>, DecodeError> {
        let head = self.rest().first_chunk::<8>().ok_or(TRUNCATED)?;
        let kind = [head[0], head[1], head[2], head[3]];
        let len = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let padded = len.saturating_add(len % 2);
        let whole = self.rest().get(..padded.saturating_add(8)).ok_or(TRUNCATED)?;
        Ok(Chunk { kind, body: &whole[8..8 + len], whole })
    }

    fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    fn extended(mut self) -> Result<Container, DecodeError> {
        let head = self.chunk()?;
        let &[flags, _, _, _, w0, w1, w2, h0, h1, h2] = head.body else {
            return Err(corrupt("a first chunk of a wrong length"));
        };
        let canvas = (1 + triple(w0, w1, w2), 1 + triple(h0, h1, h2));
        let is_animation = flags & ANIMATION != 0;
        self.at += head.whole.len();
        let mut has_animation_chunk = false;
        loop {
            let chunk = self.chunk()?;
            match &chunk.kind {
                b"VP8X" => return Err(corrupt("a second VP8X chunk")),
                b"ALPH" | b"VP8 " | b"VP8L"
                    if has_animation_chunk || is_animation || self.first.is_some() =>
                {
                    return Err(corrupt("an image beside the frames"));
                }
                b"ALPH" | b"VP8 " | b"VP8L" => {
                    let mut frame = self.frame(Chunks::default())?;
                    frame.alpha = frame.alpha.filter(|_| flags & ALPHA != 0);
                    self.keep(frame, canvas, true)?;
                }
                b"ANMF" if !has_animation_chunk => return Err(corrupt("a frame before the animation")),
                b"ANMF" => self.animation_frame(&chunk, canvas, is_animation)?,
                kind => {
                    if kind == b"ANIM" && !has_animation_chunk {
                        has_animation_chunk = true;
                        if chunk.whole.len() < 14 {
                            return Err(corrupt("an animation chunk that is too short"));
                        }
                    }
                    self.at += chunk.whole.len();
                }
            }
            if self.is_at_end() {
                break;
            }
        }
        if flags & !KNOWN_FLAGS != 0 {
            return Err(corrupt(format!("flags {flags:02x}")));
        }
        Ok(Container { canvas, first: self.first.ok_or_else(|| corrupt("no image"))? })
    }

    /// Reads a frame of an animation; passes over its chunks, which may end before the frame does.
    fn animation_frame(
        &mut self,
        chunk: &Chunk<'a>,
        canvas: (u32, u32),
        is_animation: bool,
    ) -> Result<(), DecodeError> {
        const HEAD_LEN: usize = 16;
        let Some(&[x0, x1, x2, y0, y1, y2, ..]) = chunk.body.first_chunk::<HEAD_LEN>() else {
            return Err(corrupt("a frame that is too short"));
        };
        self.at += 8 + HEAD_LEN;
        let len = chunk.whole.len() - 8 - HEAD_LEN;
        let start = self.at;
        let frame =
            self.frame(Chunks { at: (2 * triple(x0, x1, x2), 2 * triple(y0, y1, y2)), ..Chunks::default() })?;
        if self.at - start > len {
            return Err(corrupt("chunks that leave their frame"));
        }
        let is_known = frame.alpha.is_some() || frame.image.is_some();
        if is_animation && is_known { self.keep(frame, canvas, false) } else { Ok(()) }
    }

    /// Reads the chunks of one image: at most one ALPH and one VP8 or VP8L.
    fn frame(&mut self, mut frame: Chunks) -> Result<Chunks, DecodeError> {
        loop {
            let chunk = self.chunk()?;
            match &chunk.kind {
                b"VP8L" if frame.alpha.is_some() => {
                    return Err(corrupt("lossless pixels with an alpha chunk"));
                }
                b"ALPH" if frame.alpha.is_none() => {
                    frame.alpha = Some(self.at);
                    frame.is_alpha_behind = frame.image.is_some();
                }
                b"VP8 " | b"VP8L" if frame.image.is_none() => {
                    frame.size = image_size(&chunk)?;
                    frame.image = Some((self.at, self.at + chunk.whole.len()));
                }
                _ => return Ok(frame),
            }
            self.at += chunk.whole.len();
            if self.is_at_end() {
                return Ok(frame);
            }
        }
    }

    /// Checks a frame against the canvas and keeps the first one.
    fn keep(&mut self, frame: Chunks, canvas: (u32, u32), is_exact: bool) -> Result<(), DecodeError> {
        if frame.image.is_none() {
            return Err(corrupt("a frame without an image"));
        }
        if frame.alpha.is_some() && frame.is_alpha_behind {
            return Err(corrupt("an alpha chunk behind its image"));
        }
        let fits = if is_exact {
            frame.size == canvas
        } else {
            frame.at.0 + frame.size.0 <= canvas.0 && frame.at.1 + frame.size.1 <= canvas.1
        };
        if !fits {
            return Err(corrupt("a frame that does not fit the canvas"));
        }
        self.first.get_or_insert(frame);
        Ok(())
    }
}

/// The size that a bitstream states, if its head is sound.
fn image_size(chunk: &Chunk<'_>) -> Result<(u32, u32), DecodeError> {
    let bad = || corrupt("a bad bitstream header");
    if &chunk.kind == b"VP8L" {
        let &[signature, a, b, c, d] = chunk.body.first_chunk::<5>().ok_or_else(bad)?;
        let bits = u32::from_le_bytes([a, b, c, d]);
        let is_sound = signature == 0x2F && bits >> 29 == 0;
        return if is_sound { Ok(((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)) } else { Err(bad()) };
    }
    let &[a, b, c, s0, s1, s2, w0, w1, h0, h1] = chunk.body.first_chunk::<10>().ok_or_else(bad)?;
    let bits = triple(a, b, c);
    let is_shown_key_frame = bits & 1 == 0 && bits >> 1 & 7 <= 3 && bits >> 4 & 1 == 1;
    let has_sound_length = ((bits >> 5) as usize) < chunk.body.len();
    let (width, height) = (triple(w0, w1, 0) & 0x3FFF, triple(h0, h1, 0) & 0x3FFF);
    let is_sound = is_shown_key_frame && has_sound_length && [s0, s1, s2] == [0x9D, 0x01, 0x2A];
    if is_sound && width > 0 && height > 0 { Ok((width, height)) } else { Err(bad()) }
}

fn triple(low: u8, middle: u8, high: u8) -> u32 {
    u32::from_le_bytes([low, middle, high, 0])
}

fn corrupt(detail: impl Into<String>) -> DecodeError {
    DecodeError::corrupt(Format::Webp, detail)
}
