//! The calls into `openjp2`, in the order in which Pillow calls `OpenJPEG`: header, then tile by tile, then what is behind.
//!
//! The port is of `OpenJPEG` 2.5.2, Pillow has 2.5.4. What the later one refuses in addition, packets without the marker
//! that should end their headers, the earlier one warns of: a warning that speaks of it ends the decoding here.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_void};

use openjp2::openjpeg::{
    OPJ_CODEC_J2K, OPJ_CODEC_JP2, opj_dparameters_t, opj_stream_set_read_function,
    opj_stream_set_skip_function, opj_stream_set_user_data, opj_stream_t,
};
use openjp2::{COLOR_SPACE, Codec, Stream, TileInfo, opj_image};

use super::codestream::STREAM_SIGNATURE;
use super::samples::Component;

/// Bytes that the library reads at once.
const BUFFER_BYTES: usize = 64 << 10;

/// The colour space that the container states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ColorSpace {
    Unknown,
    Srgb,
    Grey,
    Ycc,
    Cmyk,
    Other,
}

/// The library's description of the picture.
pub(super) struct Picture {
    pub(super) space: ColorSpace,
    /// One to four.
    pub(super) components: Vec<Component>,
    origin: (u32, u32),
}

/// A tile of which the header has been read.
pub(super) struct Tile {
    index: u32,
    /// Bytes that the library fills at most.
    pub(super) len: usize,
    corners: [i32; 4],
    components: u32,
}

/// The place of a tile's pixels.
pub(super) struct TileArea {
    pub(super) at: (u32, u32),
    pub(super) size: (u32, u32),
}

impl Picture {
    /// Nothing where the library has other numbers of components than Pillow takes.
    fn new(image: &opj_image) -> Option<Self> {
        let components = image.comps().filter(|components| (1..=4).contains(&components.len()))?;
        let space = match image.color_space {
            COLOR_SPACE::OPJ_CLRSPC_UNKNOWN | COLOR_SPACE::OPJ_CLRSPC_UNSPECIFIED => ColorSpace::Unknown,
            COLOR_SPACE::OPJ_CLRSPC_SRGB => ColorSpace::Srgb,
            COLOR_SPACE::OPJ_CLRSPC_GRAY => ColorSpace::Grey,
            COLOR_SPACE::OPJ_CLRSPC_SYCC => ColorSpace::Ycc,
            COLOR_SPACE::OPJ_CLRSPC_CMYK => ColorSpace::Cmyk,
            COLOR_SPACE::OPJ_CLRSPC_EYCC => ColorSpace::Other,
        };
        let components = components
            .iter()
            .map(|one| Component { depth: one.prec, is_signed: one.sgnd != 0, step: (one.dx, one.dy) })
            .collect();
        Some(Self { space, components, origin: (image.x0, image.y0) })
    }

    /// The place of a tile in a picture of `size`; nothing if Pillow finds that it does not belong there.
    pub(super) fn place(&self, tile: &Tile, size: (u32, u32)) -> Option<TileArea> {
        let [left, top, right, bottom] = tile.corners.map(u32::try_from);
        let (right, bottom) =
            (right.ok()?.checked_sub(self.origin.0)?, bottom.ok()?.checked_sub(self.origin.1)?);
        let (left, top) = (left.ok()?.checked_sub(self.origin.0)?, top.ok()?.checked_sub(self.origin.1)?);
        let fits = left < right && top < bottom && right <= size.0 && bottom <= size.1;
        let is_whole = tile.components as usize == self.components.len();
        (fits && is_whole).then_some(TileArea { at: (left, top), size: (right - left, bottom - top) })
    }

    /// Bytes of a tile at this place if all components had a sample for each pixel. Pillow counts in 32 bits.
    pub(super) fn tile_len(&self, place: &TileArea) -> Option<usize> {
        let bytes: usize = self.components.iter().map(Component::bytes).sum();
        let len = bytes as u64 * u64::from(place.size.0) * u64::from(place.size.1);
        u32::try_from(len).ok().map(|len| len as usize)
    }
}

/// The bytes from which the library's reads are answered.
struct Source<'a> {
    bytes: &'a [u8],
    /// Number of bytes read so far.
    at: usize,
    /// Whether the library has missed a marker.
    has_missed: bool,
}

/// A file in the hands of the library.
pub(super) struct Reader<'a> {
    codec: Codec,
    stream: Stream,
    /// From a box. Codec and stream point to it too, and use it while they are called.
    source: *mut Source<'a>,
}

impl<'a> Reader<'a> {
    /// Nothing where there is no memory for it.
    pub(super) fn new(bytes: &'a [u8]) -> Option<Self> {
        let is_bare = bytes.starts_with(&STREAM_SIGNATURE);
        let mut codec = Codec::new_decoder(if is_bare { OPJ_CODEC_J2K } else { OPJ_CODEC_JP2 })?;
        let mut parameters = opj_dparameters_t::default();
        parameters.set_defaults();
        codec.setup_decoder(&mut parameters);
        let mut stream = Stream::new_custom(BUFFER_BYTES, true);
        stream.set_stream_length(bytes.len() as u64);
        let source = Box::into_raw(Box::new(Source { bytes, at: 0, has_missed: false }));
        let handle: *mut opj_stream_t = (&raw mut stream).cast();
        let data: *mut c_void = source.cast();
        codec.set_warning_handler(Some(warn), data);
        // SAFETY: the handle is this stream, as the library's own constructor makes it. The functions take what is given as
        // user data for a `Source`, which it is; it lives for as long as the reader, which owns the stream.
        unsafe {
            opj_stream_set_read_function(handle, Some(read));
            opj_stream_set_skip_function(handle, Some(skip));
            opj_stream_set_user_data(handle, data, None);
        }
        Some(Self { codec, stream, source })
    }

    pub(super) fn header(&mut self) -> Option<Picture> {
        self.codec.read_header(&mut self.stream).and_then(|image| Picture::new(&image))
    }

    /// The next tile, or nothing at the end.
    pub(super) fn tile_header(&mut self) -> Result<Option<Tile>, ()> {
        let mut info = TileInfo::default();
        if !self.codec.read_tile_header(&mut self.stream, &mut info) {
            return Err(());
        }
        Ok(info.go_on.then(|| Tile {
            index: info.index,
            len: info.data_size.unwrap_or(0) as usize,
            corners: [info.x0, info.y0, info.x1, info.y1],
            components: info.nb_comps,
        }))
    }

    /// Fills `data` with the samples of the tile whose header was read last.
    pub(super) fn tile_data(&mut self, tile: &Tile, data: &mut [u8]) -> Result<(), ()> {
        let is_done = self.codec.decode_tile_data(&mut self.stream, tile.index, Some(data)) != 0;
        // SAFETY: it lives as long as the reader, and the library is not in a call.
        let has_missed = unsafe { (*self.source).has_missed };
        if is_done && !has_missed { Ok(()) } else { Err(()) }
    }

    pub(super) fn end(&mut self) -> Result<(), ()> {
        if self.codec.end_decompress(&mut self.stream) != 0 { Ok(()) } else { Err(()) }
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        // SAFETY: it comes from a box, and nothing looks at it any more: codec and stream do while they are called.
        drop(unsafe { Box::from_raw(self.source) });
    }
}

/// Answer of a stream's function at the end of the bytes.
const NOTHING: usize = usize::MAX;

/// Copies the next bytes, at most `len`, to `buffer`.
///
/// # Safety
///
/// `data` is a `Source` that nothing else uses meanwhile; `buffer` can be written for `len` bytes.
unsafe extern "C" fn read(buffer: *mut c_void, len: usize, data: *mut c_void) -> usize {
    // SAFETY: by the contract of this function.
    let source = unsafe { &mut *data.cast::<Source<'_>>() };
    let rest = source.bytes.get(source.at..).unwrap_or_default();
    let len = len.min(rest.len());
    if len == 0 {
        return NOTHING;
    }
    // SAFETY: `rest` has so many bytes, and so has the buffer, which is not in it.
    unsafe { buffer.cast::<u8>().copy_from_nonoverlapping(rest.as_ptr(), len) };
    source.at += len;
    len
}

/// Passes over `count` bytes, also beyond the end. Like Pillow's it answers with the new position.
///
/// # Safety
///
/// `data` is a `Source` that nothing else uses meanwhile.
unsafe extern "C" fn skip(count: i64, data: *mut c_void) -> i64 {
    // SAFETY: by the contract of this function.
    let source = unsafe { &mut *data.cast::<Source<'_>>() };
    let at = (source.at as i64).checked_add(count).and_then(|at| usize::try_from(at).ok());
    match at {
        Some(at) if at > 0 => {
            source.at = at;
            at as i64
        }
        _ => -1,
    }
}

/// Notes a warning of a missing marker.
///
/// # Safety
///
/// `message` is a string that ends with a zero, `data` a `Source` that nothing else uses meanwhile.
unsafe extern "C" fn warn(message: *const c_char, data: *mut c_void) {
    // SAFETY: by the contract of this function.
    let (message, source) = unsafe { (CStr::from_ptr(message), &mut *data.cast::<Source<'_>>()) };
    source.has_missed |= message.to_bytes().ends_with(b"EPH marker\n");
}
