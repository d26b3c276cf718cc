//! The public interface: header, then pixels, in memory that one worker owns and reuses.

use bandwise_jpeg::{Crop, Scale};
use bandwise_kernels::{Rect, ReducedPart, RgbView, SimdLevel};

use crate::buffer::PixelBuffer;
use crate::error::{DecodeError, DecoderInitError};
use crate::fence::fenced;
use crate::format::Format;
use crate::header::{Detail, Header};
use crate::jpeg::{JpegDecoder, JpegPath};
#[cfg(feature = "jpeg2000")]
use crate::jpeg2000;
use crate::limits::DecodeLimits;
use crate::placement::Placement;
use crate::seek::EncodedImage;
use crate::{foreign, jpeg, still};

/// Decodes one image after the other. One per worker thread; `Send`, not shared.
///
/// It keeps up to 2 x 64 MiB between images and some MiB beside, and what a giant image needed beyond that only until the
/// next one.
#[derive(Debug)]
pub struct Decoder {
    level: SimdLevel,
    jpeg: JpegDecoder,
    pixels: PixelBuffer,
    samples: PixelBuffer,
}

impl Decoder {
    /// A decoder without pixel memory yet, with the instructions of `level`.
    ///
    /// # Errors
    ///
    /// If libjpeg-turbo cannot allocate its state.
    pub fn new(level: SimdLevel) -> Result<Self, DecoderInitError> {
        let jpeg = JpegDecoder::new(level)?;
        Ok(Self { level, jpeg, pixels: PixelBuffer::default(), samples: PixelBuffer::default() })
    }

    /// Leaves all JPEGs to libjpeg-turbo: the same pixels, later, and none at half scale. For comparisons.
    #[must_use]
    pub fn by_libjpeg_turbo_alone(mut self) -> Self {
        self.jpeg.switch_own_off();
        self
    }

    /// The way by which the last JPEG was decoded, once; `None` if none was decoded since the last call.
    pub fn take_jpeg_path(&mut self) -> Option<JpegPath> {
        self.jpeg.take_path()
    }

    /// Tells format and size of `bytes` and whether they are within `limits`, without decoding pixels.
    ///
    /// For JPEG this is also where truncation is found, by one pass over the markers (4 microseconds for
    /// 100 kB); other formats tell it when they are decoded.
    ///
    /// # Errors
    ///
    /// Every [`DecodeError`]; a file that passes may still turn out to be corrupt in [`Decoder::decode`].
    pub fn header(&mut self, bytes: &[u8], limits: &DecodeLimits) -> Result<Header, DecodeError> {
        if bytes.is_empty() {
            return Err(DecodeError::Empty);
        }
        if bytes.len() as u64 > limits.max_encoded_bytes {
            return Err(DecodeError::TooLong { bytes: bytes.len() as u64, limit: limits.max_encoded_bytes });
        }
        match Format::detect(bytes) {
            Some(Format::Jpeg) => jpeg::header(self.level, bytes, limits),
            #[cfg(feature = "jpeg2000")]
            Some(format @ Format::Jpeg2000) => fenced(format, || jpeg2000::header(bytes, limits)),
            Some(format) => fenced(format, || still::header(bytes, format, limits)),
            None => Err(match foreign::detect(bytes) {
                Some((what, way_out)) => DecodeError::ForeignFormat { what, way_out },
                None => DecodeError::UnknownFormat { start: bytes[..bytes.len().min(8)].to_vec() },
            }),
        }
    }

    /// The pixels of `image` inside `region`, as a view into this decoder's memory with at least 64 readable
    /// bytes behind its last row.
    ///
    /// `header` must be what [`Decoder::header`] returned for the same bytes. A JPEG costs a pass over its coded
    /// data down to the region's last row, or from seek points less, and decodes the region only; other formats cost a whole decode.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Corrupt`], [`DecodeError::Truncated`], [`DecodeError::Unsupported`] where the reference
    /// refuses the file too (or as the crate's documentation says), [`DecodeError::OutOfMemory`]. Whether a file
    /// is refused does not depend on the region.
    ///
    /// # Panics
    ///
    /// If `region` does not fit into the image.
    pub fn decode<'a>(
        &mut self,
        image: impl Into<EncodedImage<'a>>,
        header: &Header,
        region: Rect,
    ) -> Result<RgbView<'_>, DecodeError> {
        let (width, height) = (header.width, header.height);
        assert!(region.fits(width, height), "{region:?} is outside an image of {width} x {height}");
        let image = image.into();
        let placement = match header.detail {
            Detail::Jpeg(layout) => {
                self.jpeg.decode(image, header, layout, region, Scale::Full, &mut self.pixels)?.0
            }
            detail => fenced(header.format, || self.decode_still(image.bytes, header, detail, region))?,
        };
        let pixels = &self.pixels.bytes()[placement.start..];
        Ok(RgbView::new(pixels, region.width as usize, region.height as usize, placement.stride))
    }

    fn decode_still(
        &mut self,
        bytes: &[u8],
        header: &Header,
        detail: Detail,
        region: Rect,
    ) -> Result<Placement, DecodeError> {
        let (samples, pixels) = (&mut self.samples, &mut self.pixels);
        match detail {
            Detail::Pnm(layout) => still::decode_pnm(bytes, layout, region, pixels),
            Detail::Tiff => still::decode_tiff(&mut self.jpeg.turbo, bytes, header, region, samples, pixels),
            #[cfg(feature = "jpeg2000")]
            Detail::Jpeg2000 => jpeg2000::decode(bytes, header, region, samples, pixels),
            Detail::None | Detail::Jpeg(_) => still::decode(bytes, header, region, samples, pixels),
        }
    }

    /// The pixels of `image` that cover `region`, at half scale if it is a JPEG of the kind that `bandwise_jpeg` decodes,
    /// which also says how they are defined; otherwise in full, as [`Decoder::decode`] gives them. Which of them depends on
    /// the bytes and the region alone.
    ///
    /// A pixel at half scale stands for 2 x 2 pixels of the image, from its upper left corner on.
    ///
    /// # Errors
    ///
    /// As [`Decoder::decode`]; the same files are refused.
    ///
    /// # Panics
    ///
    /// If `region` does not fit into the image.
    pub fn decode_half<'a>(
        &mut self,
        image: impl Into<EncodedImage<'a>>,
        header: &Header,
        region: Rect,
    ) -> Result<ReducedPart<'_>, DecodeError> {
        let Detail::Jpeg(layout) = header.detail else {
            return self.decode(image, header, region).map(ReducedPart::in_full);
        };
        let (width, height) = (header.width, header.height);
        assert!(region.fits(width, height), "{region:?} is outside an image of {width} x {height}");
        let made = self.jpeg.decode(image.into(), header, layout, region, Scale::Half, &mut self.pixels)?;
        let (Placement { start, stride }, scale) = made;
        let pixels = &self.pixels.bytes()[start..];
        let Rect { x, y, width, height } = region;
        if scale == Scale::Full {
            let pixels = RgbView::new(pixels, width as usize, height as usize, stride);
            return Ok(ReducedPart::in_full(pixels));
        }
        let cover = Crop { x, y, width, height }.halved();
        let pixels = RgbView::new(pixels, cover.width as usize, cover.height as usize, stride);
        Ok(ReducedPart { pixels, shrink: 2, part: Rect { x: x % 2, y: y % 2, width, height } })
    }
}
