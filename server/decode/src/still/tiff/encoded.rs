//! Strips and tiles that are compressed, with libtiff's rules: every one that the image needs must be there, lie
//! inside the file and give all its bytes.

use super::directory::{Numbers, TRUNCATED, corrupt, tag, unsupported};
use super::image::{Compression, Image};
use super::predictor::Predictor;
use super::unpack::{Pixel, Unpacker};
use super::{codec, fax, jpeg};
use crate::error::DecodeError;
use crate::jpeg::Turbo;
use crate::limits::DecodeLimits;

/// Division of the image into strips or tiles.
#[derive(Clone, Copy, Debug)]
struct Grid {
    tiled: bool,
    /// Sides of a tile, or of all strips but the last.
    width: u32,
    height: u32,
    across: u32,
    down: u32,
}

/// Fills `canvas`.
pub(super) fn decode(
    turbo: &mut Turbo,
    bytes: &[u8],
    image: &Image<'_>,
    limits: &DecodeLimits,
    canvas: &mut [Pixel],
) -> Result<(), DecodeError> {
    let grid = grid(image)?;
    let planes = if image.planar { image.layout.bands() as u32 } else { 1 };
    let bits = if image.planar { image.layout.sample_bits() } else { image.layout.bits() };
    let row_len = (u64::from(grid.width) * bits).div_ceil(8);
    let tile_len = row_len.saturating_mul(grid.height.into());
    let all = tile_len.saturating_mul(u64::from(grid.across) * u64::from(grid.down) * u64::from(planes));
    if all > limits.max_alloc_bytes() {
        return Err(unsupported("more memory than its number of pixels warrants"));
    }
    if grid.tiled && tile_len > (u64::from(grid.height) * bits).div_ceil(8) * u64::from(grid.width) {
        return Err(corrupt("tiles of another size than Pillow expects"));
    }
    let mut reader = Reader::new(turbo, bytes, image, limits, grid)?;
    let unpacker = Unpacker::new(image, false)?;
    canvas.fill(unpacker.background());
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(tile_len as usize).map_err(|_| DecodeError::OutOfMemory)?;
    buffer.resize(tile_len as usize, 0);
    for plane in 0..planes {
        for (ty, tx) in (0..grid.down).flat_map(|ty| (0..grid.across).map(move |tx| (ty, tx))) {
            let (x, y) = (tx * grid.width, ty * grid.height);
            let (width, height) = (grid.width.min(image.width - x), grid.height.min(image.height - y));
            // The last strip is as high as the rest of the image, but a tile is always whole.
            let stored = if grid.tiled { grid.height } else { height };
            let part = &mut buffer[..row_len as usize * stored as usize];
            let index = u64::from(plane) * u64::from(grid.across) * u64::from(grid.down)
                + u64::from(ty) * u64::from(grid.across)
                + u64::from(tx);
            reader.read(index as usize, stored, part)?;
            for (i, row) in part.chunks_exact(row_len as usize).take(height as usize).enumerate() {
                let first = (y as usize + i) * image.width as usize + x as usize;
                let out = &mut canvas[first..first + width as usize];
                if image.planar {
                    unpacker.plane(row, out, plane as usize);
                } else {
                    unpacker.row(row, out);
                }
            }
        }
    }
    Ok(())
}

fn grid(image: &Image<'_>) -> Result<Grid, DecodeError> {
    let directory = &image.directory;
    let tiled = directory.has(tag::TILE_WIDTH) || directory.has(tag::TILE_LENGTH);
    if tiled && directory.has(tag::STRIP_OFFSETS) {
        return Err(corrupt("both strips and tiles"));
    }
    let side = |tag, most: u64| match directory.one(tag)? {
        Some(0) => Err(corrupt("strips or tiles without pixels")),
        Some(side) => Ok(u32::try_from(side.min(most)).map_err(|_| corrupt("tiles that are too large"))?),
        None => Err(corrupt("tiles without a size")),
    };
    let (width, height) = if tiled {
        (side(tag::TILE_WIDTH, u64::MAX)?, side(tag::TILE_LENGTH, u64::MAX)?)
    } else if let Some(rows) = directory.one(tag::ROWS_PER_STRIP)? {
        if rows > i32::MAX as u64 && rows != u64::from(u32::MAX) {
            return Err(corrupt(format!("strips of {rows} rows")));
        }
        (image.width, side(tag::ROWS_PER_STRIP, image.height.into())?)
    } else {
        (image.width, image.height)
    };
    if width > i32::MAX as u32 || height > i32::MAX as u32 {
        return Err(corrupt("tiles that are too large"));
    }
    Ok(Grid {
        tiled,
        width,
        height,
        across: image.width.div_ceil(width),
        down: image.height.div_ceil(height),
    })
}

/// Finds and decodes strips and tiles.
struct Reader<'a> {
    turbo: &'a mut Turbo,
    bytes: &'a [u8],
    image: &'a Image<'a>,
    limits: &'a DecodeLimits,
    grid: Grid,
    offsets: Numbers<'a>,
    lengths: Numbers<'a>,
    predictor: Option<Predictor>,
    jpeg: jpeg::Stream,
    fax: fax::Mode,
}

impl<'a> Reader<'a> {
    fn new(
        turbo: &'a mut Turbo,
        bytes: &'a [u8],
        image: &'a Image<'a>,
        limits: &'a DecodeLimits,
        grid: Grid,
    ) -> Result<Self, DecodeError> {
        let directory = &image.directory;
        let (offsets, lengths) = if grid.tiled {
            (tag::TILE_OFFSETS, tag::TILE_BYTES)
        } else {
            (tag::STRIP_OFFSETS, tag::STRIP_BYTES)
        };
        Ok(Self {
            offsets: directory.all(offsets)?.ok_or_else(|| corrupt("no places of strips or tiles"))?,
            lengths: directory.all(lengths)?.ok_or_else(|| unsupported("no lengths of strips or tiles"))?,
            predictor: Predictor::read(image)?,
            jpeg: jpeg::Stream::new(image)?,
            fax: fax::Mode::read(image)?,
            turbo,
            bytes,
            image,
            limits,
            grid,
        })
    }

    /// Decodes one strip or tile of `height` rows.
    fn read(&mut self, index: usize, height: u32, out: &mut [u8]) -> Result<(), DecodeError> {
        let stored = self.stored(index)?;
        let is_jpeg = self.image.compression == Compression::Jpeg;
        let mut turned = Vec::new();
        let stored = if self.image.reversed && !is_jpeg {
            turned.try_reserve_exact(stored.len()).map_err(|_| DecodeError::OutOfMemory)?;
            turned.extend(stored.iter().map(|byte| byte.reverse_bits()));
            &turned[..]
        } else {
            stored
        };
        match self.image.compression {
            Compression::Lzw => codec::lzw(stored, out)?,
            Compression::Deflate => codec::deflate(stored, out)?,
            Compression::PackBits => codec::pack_bits(stored, out)?,
            Compression::Runs | Compression::Group3 | Compression::Group4 => {
                fax::decode(stored, self.fax, self.grid.width, out)?;
            }
            Compression::Jpeg => {
                let size = (self.grid.width, height);
                let limit = (!self.grid.tiled).then_some(self.grid.height);
                self.jpeg.decode(self.turbo, stored, size, limit, self.limits, out)?;
            }
            Compression::None => return Err(corrupt("no compression")),
        }
        if let Some(predictor) = self.predictor {
            let row_len = out.len() / height as usize;
            out.chunks_exact_mut(row_len).try_for_each(|row| predictor.undo(row))?;
        }
        Ok(())
    }

    /// The bytes of a strip or tile in the file.
    fn stored(&self, index: usize) -> Result<&'a [u8], DecodeError> {
        let (Some(offset), Some(len)) = (self.offsets.get(index), self.lengths.get(index)) else {
            return Err(corrupt(format!("strip or tile {index} is missing")));
        };
        if len == 0 && !self.grid.tiled && self.grid.down == 1 && !self.image.planar && offset > 0 {
            // libtiff knows of writers that did not know the length of their only strip.
            return usize::try_from(offset).ok().and_then(|offset| self.bytes.get(offset..)).ok_or(TRUNCATED);
        }
        if len == 0 {
            return Err(corrupt(format!("strip or tile {index} is empty")));
        }
        let (offset, len) = (usize::try_from(offset), usize::try_from(len));
        let (offset, len) = (offset.map_err(|_| TRUNCATED)?, len.map_err(|_| TRUNCATED)?);
        self.bytes.get(offset..).and_then(|rest| rest.get(..len)).ok_or(TRUNCATED)
    }
}
