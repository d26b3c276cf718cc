//! Windows bitmaps, decoded here, since Pillow reads the odd ones in its own way: headers of seven generations,
//! pixel offsets that are zero, 5-bit colours widened by truncation, palettes that are grey ramps, runs that end
//! too early.
//!
//! - Colours of 5 or 6 bits become v 255 / 31 or v 255 / 63, rounded down.
//! - Masks are those of a list; others are refused, as Pillow does.
//! - A palette that is the ramp of all greys is left out, and the pixels count as values of 8 bits (1 bit where it is
//!   black and white), whatever their depth: files of 4 bits with such a palette are refused by that.

use super::bmp_runs;
use super::frame::Frame;
use crate::error::DecodeError;
use crate::format::Format;
use crate::header::{Detail, Header};
use crate::limits::DecodeLimits;

const FORMAT: Format = Format::Bmp;
const TRUNCATED: DecodeError = DecodeError::Truncated { format: FORMAT };

/// A palette as read: entries that the file does not have are black.
pub(super) type Palette = [[u8; 3]; 256];

/// The samples of a pixel in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Samples {
    /// 1, 4 or 8 bits into a palette.
    Indexed(u8),
    /// Black and white.
    Bit,
    /// A grey value of 8 bits.
    Grey,
    /// 5 bits each, or 6 for green.
    Word { green_bits: u8 },
    /// Bytes: the pixel's length and the places of red, green and blue in it.
    Bytes { len: u8, rgb: [u8; 3] },
}

impl Samples {
    const fn bits(self) -> usize {
        match self {
            Self::Indexed(bits) => bits as usize,
            Self::Bit => 1,
            Self::Grey => 8,
            Self::Word { .. } => 16,
            Self::Bytes { len, .. } => 8 * len as usize,
        }
    }
}

/// Contents of the header.
struct Bitmap {
    size: (u32, u32),
    top_down: bool,
    samples: Samples,
    palette: Palette,
    /// 1: runs of bytes, 2: runs of half bytes.
    runs: Option<u32>,
    /// Bytes from row to row.
    stride: usize,
    raster: usize,
}

/// Format and size.
pub(super) fn header(bytes: &[u8], limits: &DecodeLimits) -> Result<Header, DecodeError> {
    Header::checked(FORMAT, read(bytes)?.size, Detail::None, limits)
}

/// Decodes the whole frame.
pub(super) fn decode(bytes: &[u8], frame: &mut Frame<'_>) -> Result<(), DecodeError> {
    let bitmap = read(bytes)?;
    let raster = bytes.get(bitmap.raster..).ok_or(TRUNCATED)?;
    let Some(kind) = bitmap.runs else { return bitmap.unpack(raster, bitmap.stride, frame) };
    if !matches!(bitmap.samples, Samples::Grey | Samples::Indexed(_)) {
        return Err(corrupt("runs of pixels that are not indices"));
    }
    let size = (bitmap.size.0 as usize, bitmap.size.1 as usize);
    let indices = bmp_runs::expand(bytes, bitmap.raster, size, kind == 2)?;
    let samples = if bitmap.samples == Samples::Grey { Samples::Grey } else { Samples::Indexed(8) };
    Bitmap { samples, ..bitmap }.unpack(&indices, size.0, frame)
}

impl Bitmap {
    /// Unpacks rows that are `stride` bytes apart.
    fn unpack(&self, raster: &[u8], stride: usize, frame: &mut Frame<'_>) -> Result<(), DecodeError> {
        let row_len = (self.size.0 as usize * self.samples.bits()).div_ceil(8);
        if row_len > stride {
            return Err(corrupt("rows that are shorter than their pixels"));
        }
        let rows = self.size.1;
        for i in 0..rows {
            let row =
                raster.get(i as usize * stride..).and_then(|rest| rest.get(..row_len)).ok_or(TRUNCATED)?;
            let y = if self.top_down { i } else { rows - 1 - i };
            self.unpack_row(row, frame.row(y));
        }
        Ok(())
    }

    fn unpack_row(&self, row: &[u8], out: &mut [[u8; 3]]) {
        match self.samples {
            Samples::Bit => super::frame::unpack_bits(row, 1, out, |bit| [255 * bit; 3]),
            Samples::Grey => out.iter_mut().zip(row).for_each(|(rgb, &grey)| *rgb = [grey; 3]),
            Samples::Indexed(bits) => {
                super::frame::unpack_bits(row, bits, out, |index| self.palette[usize::from(index)]);
            }
            Samples::Word { green_bits } => {
                for (rgb, word) in out.iter_mut().zip(row.as_chunks::<2>().0) {
                    *rgb = widen(u16::from_le_bytes(*word), green_bits);
                }
            }
            Samples::Bytes { len, rgb: places } => {
                for (rgb, pixel) in out.iter_mut().zip(row.chunks_exact(usize::from(len))) {
                    *rgb = places.map(|place| pixel[usize::from(place)]);
                }
            }
        }
    }
}

/// Blue in the low 5 bits, then green, then 5 bits of red.
fn widen(word: u16, green_bits: u8) -> [u8; 3] {
    let most_green = (1 << green_bits) - 1;
    let part = |shift: u8, most: u16| (u32::from(word >> shift & most) * 255 / u32::from(most)) as u8;
    [part(5 + green_bits, 31), part(5, most_green), part(0, 31)]
}

/// The information header, with what stands at the same place in all generations but the oldest.
struct Info<'a> {
    body: &'a [u8],
    bits: u16,
    compression: u32,
    n_colors: u64,
}

fn read(bytes: &[u8]) -> Result<Bitmap, DecodeError> {
    let offset = long(bytes, 10)?;
    let info_len = long(bytes, 14)?;
    let body = bytes.get(18..).and_then(|rest| rest.get(..(info_len as usize).wrapping_sub(4)));
    let body = body.ok_or(TRUNCATED)?;
    let (size, top_down, mut info) = match info_len {
        12 => {
            let info = Info { body, bits: short(body, 6)?, compression: 0, n_colors: 0 };
            ((u32::from(short(body, 0)?), u32::from(short(body, 2)?)), false, info)
        }
        40 | 52 | 56 | 64 | 108 | 124 => {
            let (width, height, top_down) = (long(body, 0)?, long(body, 4)?, body[7] == 0xFF);
            let n_colors = u64::from(long(body, 28)?);
            let info = Info { body, bits: short(body, 10)?, compression: long(body, 12)?, n_colors };
            ((width, if top_down { height.wrapping_neg() } else { height }), top_down, info)
        }
        _ => return Err(corrupt(format!("an information header of {info_len} bytes"))),
    };
    if !matches!(info.bits, 1 | 4 | 8 | 16 | 24 | 32) {
        return Err(corrupt(format!("{} bits a pixel", info.bits)));
    }
    if info.n_colors == 0 {
        info.n_colors = 1 << info.bits.min(32);
    }
    let entry_len = if info_len == 12 { 3 } else { 4 };
    let mut at = 14 + info_len as usize;
    let (mut samples, runs) = info.samples(bytes, &mut at)?;
    let mut palette = [[0; 3]; 256];
    let mut raster = u64::from(offset);
    if let Samples::Indexed(_) = samples {
        if raster == 14 + u64::from(info_len) {
            raster += entry_len as u64 * info.n_colors;
        }
        samples = read_palette(bytes, &mut at, entry_len, info.n_colors, samples, &mut palette)?;
    }
    let raster = if raster == 0 { at as u64 } else { raster };
    let stride = (u64::from(size.0) * u64::from(info.bits)).div_ceil(32) * 4;
    let (raster, stride) = (raster as usize, stride as usize);
    Ok(Bitmap { size, top_down, samples, palette, runs, stride, raster })
}

impl Info<'_> {
    /// The pixels' kind, and the kind of runs. Advances `at` over masks behind the oldest header with masks.
    fn samples(&self, bytes: &[u8], at: &mut usize) -> Result<(Samples, Option<u32>), DecodeError> {
        let plain = match self.bits {
            16 => Samples::Word { green_bits: 5 },
            24 => Samples::Bytes { len: 3, rgb: [2, 1, 0] },
            32 => Samples::Bytes { len: 4, rgb: [2, 1, 0] },
            bits => Samples::Indexed(bits as u8),
        };
        match self.compression {
            0 => Ok((plain, None)),
            1 | 2 => Ok((plain, Some(self.compression))),
            3 => Ok((masked(self.bits, self.masks(bytes, at)?)?, None)),
            other => Err(corrupt(format!("compression {other}"))),
        }
    }

    /// Masks of red, green, blue and alpha.
    fn masks(&self, bytes: &[u8], at: &mut usize) -> Result<[u32; 4], DecodeError> {
        let from_body = |i: usize| long(self.body, 36 + 4 * i);
        if self.body.len() >= 48 {
            let alpha = if self.body.len() >= 52 { from_body(3)? } else { 0 };
            return Ok([from_body(0)?, from_body(1)?, from_body(2)?, alpha]);
        }
        let masks = [long(bytes, *at)?, long(bytes, *at + 4)?, long(bytes, *at + 8)?, 0];
        *at += 12;
        Ok(masks)
    }
}

/// The kinds of masks that Pillow knows.
fn masked(bits: u16, masks: [u32; 4]) -> Result<Samples, DecodeError> {
    const LOW: [u32; 3] = [0xFF0000, 0xFF00, 0xFF];
    let [r, g, b, alpha] = masks;
    let quad = |rgb| Ok(Samples::Bytes { len: 4, rgb });
    match (bits, [r, g, b], alpha) {
        (32, LOW, 0 | 0xFF000000) | (32, [0, 0, 0], 0) => quad([2, 1, 0]),
        (32, [0xFF000000, 0xFF0000, 0xFF00], 0 | 0xFF) => quad([3, 2, 1]),
        (32, [0xFF000000, 0xFF00, 0xFF], 0 | 0xFF0000) => quad([3, 1, 0]),
        (32, [0xFF, 0xFF00, 0xFF0000], 0xFF000000) => quad([0, 1, 2]),
        (24, LOW, _) => Ok(Samples::Bytes { len: 3, rgb: [2, 1, 0] }),
        (16, [0xF800, 0x7E0, 0x1F], _) => Ok(Samples::Word { green_bits: 6 }),
        (16, [0x7C00, 0x3E0, 0x1F], _) => Ok(Samples::Word { green_bits: 5 }),
        _ => Err(corrupt(format!("masks {masks:x?} of {bits} bits"))),
    }
}

/// Reads the palette at `at`, goes behind it, and says what the pixels are if it is a ramp of greys.
fn read_palette(
    bytes: &[u8],
    at: &mut usize,
    entry_len: usize,
    n_colors: u64,
    samples: Samples,
    palette: &mut Palette,
) -> Result<Samples, DecodeError> {
    if !(1..=65536).contains(&n_colors) {
        return Err(corrupt(format!("a palette of {n_colors} colours")));
    }
    let n_colors = n_colors as usize;
    let rest = bytes.get((*at).min(bytes.len())..).unwrap_or_default();
    let stored = &rest[..rest.len().min(entry_len * n_colors)];
    *at += stored.len();
    let step = if n_colors == 2 { 255 } else { 1 };
    let is_ramp = (0..n_colors).all(|i| {
        let color = stored.get(i * entry_len..).unwrap_or_default();
        color.len() >= 3 && color[..3] == [(i * step) as u8; 3]
    });
    if is_ramp {
        return Ok(if n_colors == 2 { Samples::Bit } else { Samples::Grey });
    }
    if stored.len() / entry_len > 256 {
        return Err(corrupt(format!("a palette of {n_colors} colours")));
    }
    for (color, entry) in palette.iter_mut().zip(stored.chunks_exact(entry_len)) {
        *color = [entry[2], entry[1], entry[0]];
    }
    Ok(samples)
}

fn short(bytes: &[u8], at: usize) -> Result<u16, DecodeError> {
    let pair = bytes.get(at..).and_then(|rest| rest.first_chunk::<2>()).ok_or(TRUNCATED)?;
    Ok(u16::from_le_bytes(*pair))
}

fn long(bytes: &[u8], at: usize) -> Result<u32, DecodeError> {
    let quad = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()).ok_or(TRUNCATED)?;
    Ok(u32::from_le_bytes(*quad))
}

fn corrupt(detail: impl Into<String>) -> DecodeError {
    DecodeError::corrupt(FORMAT, detail)
}
