//! PNG: chunks with Pillow's eyes (`png_chunks`, `png_text`), inflated and unfiltered (`png_rows`), then to RGB.
//!
//! The checksums of pixel chunks and of the pixels themselves are not looked at, nor is what follows the last row but
//! for its chunks' shape. Compressed pixels that end with a row leave the rest black. An index outside the palette is
//! black. Grey of 16 bits without alpha is clamped to 255; all other samples of 16 bits keep their high byte.

use super::frame::{Frame, unpack_bits};
use super::png_chunks::{Image, Kind, Stream};
use super::png_rows;
use crate::buffer::PixelBuffer;
use crate::error::DecodeError;
use crate::format::Format;
use crate::header::{Detail, Header};
use crate::limits::DecodeLimits;

/// Format and size.
pub(super) fn header(bytes: &[u8], limits: &DecodeLimits) -> Result<Header, DecodeError> {
    let image = Stream::new(bytes).open()?;
    Header::checked(Format::Png, image.size, Detail::None, limits)
}

/// Decodes the whole picture.
pub(super) fn decode(bytes: &[u8], raw: &mut PixelBuffer, out: &mut Frame<'_>) -> Result<(), DecodeError> {
    let mut stream = Stream::new(bytes);
    let image = stream.open()?;
    // A palette behind the pixels is none.
    let palette = stream.palette;
    let plan = png_rows::Plan::new(&image)?;
    raw.prepare(plan.raw_len())?;
    let raw = &mut raw.bytes_mut()[..plan.raw_len()];
    let n_rows = png_rows::inflate(&mut stream, &plan, raw)?;
    stream.close(&image)?;
    let pixels = Pixels::new(&image, palette, stream.has_transparent_index)?;
    out.pixels.fill(pixels.blank());
    // Pillow puts an interlaced frame of an animation into the corner, whatever its place.
    let (left, top) = if image.is_interlaced { (0, 0) } else { image.at };
    plan.unfilter(raw, n_rows, |row, place| {
        let to = &mut out.row(top + place.y)[left as usize + place.x as usize..];
        if place.step == 1 {
            pixels.unpack(row, &mut to[..place.count as usize]);
        } else {
            pixels.unpack_apart(row, to, place.step as usize, place.count as usize);
        }
    })
}

/// Conversion of samples to RGB.
struct Pixels<'a> {
    kind: Kind,
    palette: &'a [u8],
}

impl<'a> Pixels<'a> {
    fn new(
        image: &Image,
        stored: Option<&'a [u8]>,
        has_transparent_index: bool,
    ) -> Result<Self, DecodeError> {
        let palette = stored.unwrap_or_default();
        if image.kind.color == 3 {
            if palette.len() / 3 > 256 {
                return Err(DecodeError::corrupt(Format::Png, "a palette of more than 256 colours"));
            }
            if stored.is_none() && has_transparent_index {
                return Err(DecodeError::corrupt(Format::Png, "a transparent index without a palette"));
            }
        }
        Ok(Self { kind: image.kind, palette })
    }

    fn color(&self, index: u8) -> [u8; 3] {
        let entry = self.palette.get(3 * usize::from(index)..).and_then(|rest| rest.first_chunk::<3>());
        entry.copied().unwrap_or_default()
    }

    /// The color of a pixel that is zero.
    fn blank(&self) -> [u8; 3] {
        if self.kind.color == 3 { self.color(0) } else { [0; 3] }
    }

    fn unpack(&self, row: &[u8], out: &mut [[u8; 3]]) {
        match (self.kind.color, self.kind.depth) {
            (3, bits) => unpack_bits(row, bits, out, |index| self.color(index)),
            (0, 16) => each::<2>(row, out, |p| [if p[0] > 0 { 255 } else { p[1] }; 3]),
            (0, bits) => {
                let scale = 255 / ((1u16 << bits) - 1) as u8;
                unpack_bits(row, bits, out, |value| [value * scale; 3]);
            }
            (4, 8) => each::<2>(row, out, |p| [p[0]; 3]),
            (4, _) => each::<4>(row, out, |p| [p[0]; 3]),
            (2, 8) => out.iter_mut().zip(row.as_chunks::<3>().0).for_each(|(rgb, pixel)| *rgb = *pixel),
            (2, _) => each::<6>(row, out, |p| [p[0], p[2], p[4]]),
            (_, 8) => each::<4>(row, out, |p| [p[0], p[1], p[2]]),
            _ => each::<8>(row, out, |p| [p[0], p[2], p[4]]),
        }
    }

    /// Unpacks pixels that lie `step` apart.
    fn unpack_apart(&self, row: &[u8], out: &mut [[u8; 3]], step: usize, count: usize) {
        let bits = usize::from(self.kind.bits());
        for (i, rgb) in out.iter_mut().step_by(step).take(count).enumerate() {
            let pixel = &row[i * bits / 8..];
            if bits >= 8 {
                self.unpack(pixel, std::slice::from_mut(rgb));
            } else {
                // The pixel's bits to the front of a byte.
                self.unpack(&[pixel[0] << (i * bits % 8)], std::slice::from_mut(rgb));
            }
        }
    }
}

fn each<const N: usize>(row: &[u8], out: &mut [[u8; 3]], convert: impl Fn(&[u8; N]) -> [u8; 3]) {
    for (rgb, pixel) in out.iter_mut().zip(row.as_chunks::<N>().0) {
        *rgb = convert(pixel);
    }
}
