//! Rows of stored bytes to four 8-bit values a pixel, and those to RGB, with Pillow's arithmetic.

use super::directory::{Directory, corrupt, tag};
use super::image::Image;
use super::layout::{SampleLayout, Wide};
use crate::error::DecodeError;
use crate::format::Format;

/// Red, green, blue (or cyan, magenta, yellow), and alpha (or black) of a pixel.
pub(super) type Pixel = [u8; 4];

/// Turns rows into pixels.
#[derive(Debug)]
pub(super) struct Unpacker {
    layout: SampleLayout,
    little_endian: bool,
    reversed: bool,
    palette: Vec<[u8; 3]>,
}

impl Unpacker {
    /// For the rows of `image`; `reversed`, if the lowest bit of a byte comes first in them.
    pub(super) fn new(image: &Image<'_>, reversed: bool) -> Result<Self, DecodeError> {
        let (layout, little_endian) = (image.layout, image.directory.little_endian);
        let palette = match layout {
            SampleLayout::Index { .. } | SampleLayout::IndexAndMore { .. } => palette(&image.directory)?,
            _ => Vec::new(),
        };
        Ok(Self { layout, little_endian, reversed, palette })
    }

    /// Pillow's pixels where no strip is: all samples are zero.
    pub(super) fn background(&self) -> Pixel {
        match self.layout {
            SampleLayout::Index { .. } | SampleLayout::IndexAndMore { .. } => opaque(self.colour(0)),
            _ => [0; 4],
        }
    }

    /// Fills `out` from a row whose samples lie together, or from the only one of its planes.
    pub(super) fn row(&self, row: &[u8], out: &mut [Pixel]) {
        match self.layout {
            SampleLayout::Grey { bits, inverted } => {
                let scale = 255 / ((1u16 << bits) - 1) as u8;
                let mask = if inverted { 255 } else { 0 };
                self.each(row, out, bits, |value| [(value * scale) ^ mask; 3]);
            }
            SampleLayout::Index { bits } => self.each(row, out, bits, |value| self.colour(value)),
            SampleLayout::IndexAndMore { samples } => {
                for (pixel, stored) in out.iter_mut().zip(row.chunks_exact(samples.into())) {
                    *pixel = opaque(self.colour(stored[0]));
                }
            }
            SampleLayout::Grey12 => out.iter_mut().enumerate().for_each(|(x, pixel)| {
                let (at, odd) = (3 * (x / 2), x % 2 == 1);
                let value = if odd {
                    u16::from(row[at + 1] & 15) << 8 | u16::from(row[at + 2])
                } else {
                    u16::from(row[at]) << 4 | u16::from(row[at + 1] >> 4)
                };
                *pixel = opaque([value.min(255) as u8; 3]);
            }),
            SampleLayout::Wide(kind) => {
                let len = if matches!(kind, Wide::Unsigned16 | Wide::Signed16) { 2 } else { 4 };
                for (pixel, stored) in out.iter_mut().zip(row.chunks_exact(len)) {
                    *pixel = opaque([self.wide(kind, stored); 3]);
                }
            }
            SampleLayout::GreyAndMore { samples } => {
                for (pixel, stored) in out.iter_mut().zip(row.chunks_exact(samples.into())) {
                    *pixel = opaque([stored[0]; 3]);
                }
            }
            SampleLayout::Rgb { samples, bytes, .. } | SampleLayout::Cmyk { samples, bytes } => {
                self.colours(row, out, samples.into(), bytes.into());
            }
            SampleLayout::Ycc | SampleLayout::Lab => self.colours(row, out, 3, 1),
        }
    }

    /// Fills band `plane` of `out` from a row of it.
    pub(super) fn plane(&self, row: &[u8], out: &mut [Pixel], plane: usize) {
        match self.layout {
            _ if self.layout.bands() == 1 => self.row(row, out),
            // Alpha, which is left out.
            SampleLayout::GreyAndMore { .. } | SampleLayout::IndexAndMore { .. } if plane > 0 => {}
            SampleLayout::GreyAndMore { .. } => self.each(row, out, 8, |value| [value; 3]),
            SampleLayout::IndexAndMore { .. } => self.each(row, out, 8, |value| self.colour(value)),
            _ => {
                let len = (self.layout.sample_bits() / 8) as usize;
                let high = if self.little_endian { len - 1 } else { 0 };
                for (pixel, stored) in out.iter_mut().zip(row.chunks_exact(len)) {
                    pixel[plane] = stored[high];
                }
            }
        }
    }

    /// Samples of at most 8 bits.
    fn each(&self, row: &[u8], out: &mut [Pixel], bits: u8, rgb: impl Fn(u8) -> [u8; 3]) {
        let per_byte = usize::from(8 / bits);
        let mask = ((1u16 << bits) - 1) as u8;
        for (pixels, &byte) in out.chunks_mut(per_byte).zip(row) {
            let byte = if self.reversed { byte.reverse_bits() } else { byte };
            for (i, pixel) in pixels.iter_mut().enumerate() {
                let shift = 8 - bits as usize * (i + 1);
                *pixel = opaque(rgb((byte >> shift) & mask));
            }
        }
    }

    fn colours(&self, row: &[u8], out: &mut [Pixel], samples: usize, bytes: usize) {
        let high = if self.little_endian { bytes - 1 } else { 0 };
        for (pixel, stored) in out.iter_mut().zip(row.chunks_exact(samples * bytes)) {
            *pixel = [0, 0, 0, 255];
            for (value, sample) in pixel.iter_mut().zip(stored.chunks_exact(bytes)) {
                *value = if self.reversed { sample[high].reverse_bits() } else { sample[high] };
            }
        }
    }

    fn colour(&self, index: u8) -> [u8; 3] {
        // Pillow's palettes are black behind their last colour.
        self.palette.get(usize::from(index)).copied().unwrap_or_default()
    }

    /// One wide sample, clamped to 0..=255.
    fn wide(&self, kind: Wide, stored: &[u8]) -> u8 {
        let mut le = [0; 4];
        le[..stored.len()].copy_from_slice(stored);
        if !self.little_endian {
            le[..stored.len()].reverse();
        }
        if self.reversed {
            le = le.map(u8::reverse_bits);
        }
        let short = u16::from_le_bytes([le[0], le[1]]);
        match kind {
            Wide::Unsigned16 => short.min(255) as u8,
            Wide::Signed16 => short.cast_signed().clamp(0, 255) as u8,
            // Pillow holds unsigned numbers as signed ones.
            Wide::Unsigned32 | Wide::Signed32 => i32::from_le_bytes(le).clamp(0, 255) as u8,
            // This cast clamps, rounds towards zero and makes zero of what is no number.
            Wide::Float32 => f32::from_le_bytes(le) as u8,
        }
    }
}

/// The pixel in RGB; `associated`, if its colour is multiplied by alpha.
pub(super) fn to_rgb(layout: SampleLayout, associated: bool, pixel: Pixel) -> [u8; 3] {
    let [a, b, c, last] = pixel;
    match layout {
        SampleLayout::Cmyk { .. } => [a, b, c].map(|ink| {
            let white = u32::from(255 - last);
            let product = u32::from(ink) * white + 128;
            // The rounded product of two values below 256 over 255 is never above the smaller factor.
            (white - (((product >> 8) + product) >> 8)) as u8
        }),
        SampleLayout::Rgb { .. } if associated => match last {
            0 => [0; 3],
            255 => [a, b, c],
            alpha => [a, b, c].map(|value| (u32::from(value) * 255 / u32::from(alpha)).min(255) as u8),
        },
        _ => [a, b, c],
    }
}

fn opaque([r, g, b]: [u8; 3]) -> Pixel {
    [r, g, b, 255]
}

/// The high bytes of the colour map, of which a third each is red, green and blue.
fn palette(directory: &Directory<'_>) -> Result<Vec<[u8; 3]>, DecodeError> {
    let map = directory.all(tag::COLOR_MAP)?.ok_or_else(|| corrupt("no colour map"))?;
    let len = map.len() / 3;
    if len > 256 {
        return Err(corrupt(format!("a colour map of {len} colours")));
    }
    let value = |i: usize| {
        let value = map.get(i).unwrap_or(0) / 256;
        u8::try_from(value).map_err(|_| DecodeError::corrupt(Format::Tiff, "a colour map of wide numbers"))
    };
    (0..len).map(|i| Ok([value(i)?, value(i + len)?, value(i + 2 * len)?])).collect()
}
