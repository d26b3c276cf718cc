//! Files without compression, which Pillow reads itself: it looks at offsets only, not at byte counts, and
//! leaves samples that no strip covers zero.

use super::directory::{TRUNCATED, corrupt, tag};
use super::image::Image;
use super::unpack::{Pixel, Unpacker};
use crate::error::DecodeError;

/// A part of the image at a place in the file.
#[derive(Clone, Copy, Debug)]
struct Part {
    offset: u64,
    x: u32,
    y: u32,
    width: u32,
    height: u32,
    /// Bytes from row to row, 0 for rows without gaps.
    stride: u64,
    plane: u32,
}

/// Fills `canvas`.
pub(super) fn decode(bytes: &[u8], image: &Image<'_>, canvas: &mut [Pixel]) -> Result<(), DecodeError> {
    let unpacker = Unpacker::new(image, image.reversed)?;
    canvas.fill(unpacker.background());
    let mut parts = parts(image)?;
    // Pillow reads in the order of the file, and of several parts for one place only the last.
    parts.sort_by_key(|part| part.offset);
    for part in parts {
        copy(bytes, image, part, &unpacker, canvas)?;
    }
    Ok(())
}

/// Pillow's list of tiles.
fn parts(image: &Image<'_>) -> Result<Vec<Part>, DecodeError> {
    let directory = &image.directory;
    let strips = directory.all(tag::STRIP_OFFSETS)?;
    let (offsets, width, height) = if let Some(offsets) = strips {
        (offsets, u64::from(image.width), directory.one(tag::ROWS_PER_STRIP)?.unwrap_or(image.height.into()))
    } else {
        let offsets = directory.all(tag::TILE_OFFSETS)?.ok_or_else(|| corrupt("neither strips nor tiles"))?;
        let side = |tag| directory.one(tag)?.ok_or_else(|| corrupt("tiles without a size"));
        (offsets, side(tag::TILE_WIDTH)?, side(tag::TILE_LENGTH)?)
    };
    if width == 0 || height == 0 {
        return Err(corrupt("strips or tiles without pixels"));
    }
    let across = u64::from(image.width).div_ceil(width);
    let layers = if image.planar { image.layout.bands() } else { 1 };
    let most = across * u64::from(image.height).div_ceil(height) * layers;
    let covers_all = width == u64::from(image.width) && height == u64::from(image.height) && !image.planar;
    if offsets.len() as u64 > most && !covers_all {
        return Err(corrupt(format!("{} strips or tiles where {most} are due", offsets.len())));
    }
    let skipped = if covers_all { offsets.len() - 1 } else { 0 };
    let mut place = PixelCursor { image, size: (width, height), x: 0, y: 0, plane: 0 };
    Ok(offsets.iter().skip(skipped).map(|offset| place.next(offset)).collect())
}

/// Position of the next strip or tile.
struct PixelCursor<'a> {
    image: &'a Image<'a>,
    size: (u64, u64),
    x: u64,
    y: u64,
    plane: u32,
}

impl PixelCursor<'_> {
    fn next(&mut self, offset: u64) -> Part {
        let (full_width, full_height) = (u64::from(self.image.width), u64::from(self.image.height));
        let (width, height) = self.size;
        let overhangs = self.x + width > full_width;
        let mut stride = if overhangs { width.saturating_mul(self.image.pixel_bits) / 8 } else { 0 };
        if self.image.planar {
            stride /= self.image.expected_samples;
        }
        let part = Part {
            offset,
            x: self.x as u32,
            y: self.y as u32,
            width: width.min(full_width - self.x) as u32,
            height: height.min(full_height - self.y) as u32,
            stride,
            plane: self.plane,
        };
        self.x += width;
        if self.x >= full_width {
            (self.x, self.y) = (0, self.y + height);
            if self.y >= full_height {
                (self.y, self.plane) = (0, self.plane + 1);
            }
        }
        part
    }
}

fn copy(
    bytes: &[u8],
    image: &Image<'_>,
    part: Part,
    unpacker: &Unpacker,
    canvas: &mut [Pixel],
) -> Result<(), DecodeError> {
    let bits = if image.planar { 8 } else { image.layout.bits() };
    let row_len = (u64::from(part.width) * bits).div_ceil(8);
    let stride = if part.stride == 0 { row_len } else { part.stride };
    if stride < row_len {
        return Err(corrupt("tiles whose rows overlap"));
    }
    for i in 0..part.height {
        let start = u64::from(i).checked_mul(stride).and_then(|skipped| part.offset.checked_add(skipped));
        let start = start.and_then(|start| usize::try_from(start).ok()).ok_or(TRUNCATED)?;
        let row = bytes.get(start..).and_then(|rest| rest.get(..row_len as usize)).ok_or(TRUNCATED)?;
        let first = (part.y + i) as usize * image.width as usize + part.x as usize;
        let out = &mut canvas[first..first + part.width as usize];
        if image.planar {
            unpacker.plane(row, out, part.plane as usize);
        } else {
            unpacker.row(row, out);
        }
    }
    Ok(())
}
