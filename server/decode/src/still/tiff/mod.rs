//! TIFF with the verdicts and the pixels of Pillow, which reads files without compression itself and leaves all
//! others to libtiff.
//!
//! - `directory`: the first directory's entries.
//! - `layout`: which combinations of tags Pillow decodes, and what they mean.
//! - `image`: all that the tags say, checked.
//! - `orientation`: how stored pixels are turned.
//! - `raw`: files without compression, as Pillow reads them.
//! - `encoded`: strips and tiles of all others, as libtiff reads them.
//! - `codec`, `predictor`, `fax`, `jpeg`: their contents.
//! - `unpack`: stored bytes to pixels.

mod codec;
mod directory;
mod encoded;
mod fax;
mod image;
mod jpeg;
mod layout;
mod orientation;
mod predictor;
mod raw;
mod unpack;

use bandwise_kernels::Rect;

use self::image::{Compression, Image};
use crate::buffer::PixelBuffer;
use crate::error::DecodeError;
use crate::format::Format;
use crate::header::{Detail, Header};
use crate::jpeg::Turbo;
use crate::limits::DecodeLimits;
use crate::placement::Placement;

/// Format and size, and whether the file is of a kind that is decoded.
pub(super) fn header(bytes: &[u8], limits: &DecodeLimits) -> Result<Header, DecodeError> {
    let image = Image::read(bytes)?;
    let size = image.orientation.size((image.width, image.height));
    Header::checked(Format::Tiff, size, Detail::Tiff, limits)
}

/// Decodes the whole frame into `canvas`, four bytes a pixel, and the region, as RGB, into `pixels`.
pub(crate) fn decode(
    turbo: &mut Turbo,
    bytes: &[u8],
    header: &Header,
    region: Rect,
    canvas: &mut PixelBuffer,
    pixels: &mut PixelBuffer,
) -> Result<Placement, DecodeError> {
    let image = Image::read(bytes)?;
    let stored = (image.width, image.height);
    if image.orientation.size(stored) != (header.width, header.height) {
        return Err(directory::corrupt("the size is not that of the header"));
    }
    let count = header.width as usize * header.height as usize;
    canvas.prepare(4 * count)?;
    let canvas = &mut canvas.bytes_mut().as_chunks_mut::<4>().0[..count];
    match image.compression {
        Compression::None => raw::decode(bytes, &image, canvas)?,
        _ => encoded::decode(turbo, bytes, &image, &header.limits, canvas)?,
    }
    pixels.prepare(3 * region.width as usize * region.height as usize)?;
    let rows = pixels.bytes_mut().chunks_exact_mut(3 * region.width as usize);
    for (y, row) in (region.y..region.y + region.height).zip(rows) {
        for (rgb, index) in
            row.as_chunks_mut::<3>().0.iter_mut().zip(image.orientation.row(stored, region, y))
        {
            *rgb = unpack::to_rgb(image.layout, image.associated, canvas[index]);
        }
    }
    Ok(Placement::packed(region.width))
}
