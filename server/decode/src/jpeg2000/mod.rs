//! JPEG 2000, bare (J2K) or in boxes (JP2), as Pillow decodes it: its reading of the headers, the tiles of `OpenJPEG`, and
//! its way from samples to pixels.
//!
//! - `boxes`: what Pillow takes from the container: size, mode, palette.
//! - `codestream`: the markers, and what they would make the library allocate (`cost`).
//! - `library`: the calls into `openjp2`, a port of `OpenJPEG` to Rust, tile by tile as Pillow makes them.
//! - `unpack`: samples of a tile to pixels (`samples`), by mode and colour space; `ycc`: luma and chroma; `palette`.
//!
//! The library asks for its memory with `malloc` and accepts a refusal, except for small things. What the headers make
//! it ask for is added up before the first call (`cost`), compared with the limits and asked for.

mod boxes;
mod codestream;
mod cost;
mod error;
mod library;
mod mode;
mod palette;
mod samples;
mod unpack;
mod ycc;

use bandwise_kernels::Rect;

use self::boxes::Outline;
use self::codestream::Codestream;
use self::error::{TRUNCATED, corrupt, unsupported};
use self::unpack::Unpacker;
use crate::buffer::PixelBuffer;
use crate::error::DecodeError;
use crate::format::Format;
use crate::header::{Detail, Header};
use crate::headroom::has_room;
use crate::limits::DecodeLimits;
use crate::placement::Placement;
use crate::still::Frame;

/// Size of the picture as Pillow states it, after a look at all that the file would make the library allocate.
pub(crate) fn header(bytes: &[u8], limits: &DecodeLimits) -> Result<Header, DecodeError> {
    let outline = Outline::read(bytes)?;
    let header = Header::checked(Format::Jpeg2000, outline.size, Detail::Jpeg2000, limits)?;
    let stream = Codestream::read(bytes)?;
    // The picture of the code stream may be another one than that of the container.
    Header::checked(Format::Jpeg2000, stream.size.picture(), Detail::Jpeg2000, limits)?;
    if stream.cost() > limits.max_alloc_bytes() {
        return Err(unsupported("more tiles, precincts, layers or code blocks than its size is worth"));
    }
    Ok(header)
}

/// Decodes the whole picture, with `samples` for one tile, and says where the region is in `pixels`.
pub(crate) fn decode(
    bytes: &[u8],
    header: &Header,
    region: Rect,
    samples: &mut PixelBuffer,
    pixels: &mut PixelBuffer,
) -> Result<Placement, DecodeError> {
    let outline = Outline::read(bytes)?;
    let stream = Codestream::read(bytes)?;
    let needed = usize::try_from(stream.peak()).map_err(|_| DecodeError::OutOfMemory)?;
    let ask = || if has_room(needed) { Ok(()) } else { Err(DecodeError::OutOfMemory) };
    ask()?;
    let mut frame = Frame::new(pixels, (header.width, header.height))?;
    let refused = |step| if stream.is_cut { TRUNCATED } else { corrupt(step) };
    let mut library = library::Reader::new(bytes).ok_or(DecodeError::OutOfMemory)?;
    // Another machine may decode a picture that the library refuses for want of memory.
    let refuse = |step| ask().err().unwrap_or_else(|| refused(step));
    let picture = library.header().ok_or_else(|| refuse("openjpeg refuses its header"))?;
    let unpacker = Unpacker::new(&outline, &picture)?;
    frame.pixels.fill(unpacker.blank());
    while let Some(tile) =
        library.tile_header().map_err(|()| refuse("openjpeg refuses the header of a tile"))?
    {
        let place =
            picture.place(&tile, outline.size).ok_or_else(|| corrupt("a tile outside the picture"))?;
        let len = tile.len.max(picture.tile_len(&place).ok_or_else(|| corrupt("a tile of too many bytes"))?);
        samples.prepare(len)?;
        // Pixels that the library leaves out are zero, as in Pillow.
        let data = &mut samples.bytes_mut()[..len];
        data.fill(0);
        library.tile_data(&tile, data).map_err(|()| refuse("openjpeg refuses the data of a tile"))?;
        unpacker.unpack(data, &place, &mut frame);
    }
    library.end().map_err(|()| refuse("openjpeg refuses what is behind its tiles"))?;
    Ok(Frame::place(header.width, region))
}
