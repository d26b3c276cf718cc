//! JPEG: verdict and layout from the markers, pixels from `bandwise_jpeg` or libjpeg-turbo.
//!
//! - `bytes`: the search for the next marker.
//! - `segments`: everything before the first scan, read as Pillow reads it.
//! - `scans`: everything after it; finds truncation and says whether a part may be decoded alone.
//! - `crops`: ordinary files, by our own decoder, in full or at half scale.
//! - `window`: which part libjpeg-turbo has to decode for a region.
//! - `turbo`: the calls into libjpeg-turbo, the only unsafe code of the crate.
//! - `cmyk`: four components to RGB.
//!
//! Decoding parameters are libjpeg's defaults, as in Pillow: accurate integer inverse DCT, triangle filter for
//! chroma. Nothing here looks at EXIF or at colour profiles.

mod bytes;
mod cmyk;
mod crops;
mod path;
mod scans;
mod segments;
mod turbo;
mod window;

#[cfg(feature = "jpeg2000")]
pub(crate) use cmyk::to_rgb as stored_cmyk_to_rgb;
pub use path::JpegPath;
pub(crate) use turbo::Turbo;

use bandwise_jpeg::Scale;
use bandwise_kernels::{Rect, SimdLevel};

use crops::Crops;

use crate::buffer::PixelBuffer;
use crate::error::{DecodeError, DecoderInitError};
use crate::format::Format;
use crate::header::{Detail, Header};
use crate::layout::{JpegLayout, Samples};
use crate::limits::DecodeLimits;
use crate::placement::Placement;
use crate::seek::EncodedImage;

/// Reads all markers of `bytes`.
pub(crate) fn header(level: SimdLevel, bytes: &[u8], limits: &DecodeLimits) -> Result<Header, DecodeError> {
    let frame = segments::read(bytes)?;
    let max_scans = limits.max_scans(u64::from(frame.width) * u64::from(frame.height));
    let layout = JpegLayout {
        samples: match (frame.components, frame.lossless) {
            (4, _) => Samples::Cmyk,
            (1, true) => Samples::Grey,
            _ => Samples::Rgb,
        },
        is_lossless: frame.lossless,
        part_unit: None,
    };
    // The size comes first: a bomb is to be called a bomb, whatever its scans look like.
    let size = (u32::from(frame.width), u32::from(frame.height));
    let mut header = Header::checked(Format::Jpeg, size, Detail::Jpeg(layout), limits)?;
    let is_plain = scans::read(level, bytes, &frame, max_scans)?;
    let part_unit = frame.part_unit().filter(|_| is_plain);
    header.detail = Detail::Jpeg(JpegLayout { part_unit, ..layout });
    Ok(header)
}

/// Size, components and sampling factors (horizontal in the high nibble) of a JPEG inside another file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InnerFrame {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) components: u8,
    pub(crate) sampling: [u8; 4],
}

/// Reads all markers of a JPEG inside another file.
pub(crate) fn inner_frame(bytes: &[u8], max_scans: u32) -> Result<InnerFrame, DecodeError> {
    let frame = segments::read(bytes)?;
    // Small parts of a file: the level does not matter.
    scans::read(SimdLevel::SCALAR, bytes, &frame, max_scans)?;
    let (width, height) = (u32::from(frame.width), u32::from(frame.height));
    let sampling = frame.sampling.map(|(_, factors)| factors);
    Ok(InnerFrame { width, height, components: frame.components, sampling })
}

/// Decodes a whole JPEG inside another file into `out`: four components as they are, or else RGB.
pub(crate) fn decode_inner(
    turbo: &mut Turbo,
    bytes: &[u8],
    frame: InnerFrame,
    out: &mut [u8],
) -> Result<(), DecodeError> {
    let samples = if frame.components == 4 { Samples::Cmyk } else { Samples::Rgb };
    let size = (frame.width, frame.height);
    turbo.decode(bytes, size, Rect::whole(size.0, size.1), samples, out)
}

/// The decoders of JPEGs.
#[derive(Debug)]
pub(crate) struct JpegDecoder {
    /// libjpeg-turbo: any file.
    pub(crate) turbo: Turbo,
    /// Our own; `None` where it is switched off.
    crops: Option<Crops>,
    /// The way of the last image.
    path: Option<JpegPath>,
}

impl JpegDecoder {
    pub(crate) fn new(level: SimdLevel) -> Result<Self, DecoderInitError> {
        Ok(Self { turbo: Turbo::new()?, crops: Some(Crops::new(level)), path: None })
    }

    /// Leaves all images to libjpeg-turbo.
    pub(crate) fn switch_own_off(&mut self) {
        self.crops = None;
    }

    /// The way of the last image since the last call.
    pub(crate) fn take_path(&mut self) -> Option<JpegPath> {
        self.path.take()
    }

    /// Decodes `region` into `pixels` and says where it lies there. If half scale is asked for, our own decoder makes it
    /// so, and libjpeg-turbo what is left to it in full: the result says which.
    pub(crate) fn decode(
        &mut self,
        image: EncodedImage<'_>,
        header: &Header,
        layout: JpegLayout,
        region: Rect,
        scale: Scale,
        pixels: &mut PixelBuffer,
    ) -> Result<(Placement, Scale), DecodeError> {
        let path = match self.crops.as_mut() {
            None => JpegPath::SwitchedOff,
            Some(_) if layout.part_unit.is_none() => JpegPath::Irregular,
            Some(crops) => match crops.decode(image, region, scale, pixels)? {
                Ok((placement, path)) => {
                    self.path = Some(path);
                    return Ok((placement, scale));
                }
                Err(path) => path,
            },
        };
        self.path = Some(path);
        let placement = by_turbo(&mut self.turbo, image.bytes, header, layout, region, pixels)?;
        Ok((placement, Scale::Full))
    }
}

/// [`JpegDecoder::decode`] by libjpeg-turbo, in full.
fn by_turbo(
    turbo: &mut Turbo,
    bytes: &[u8],
    header: &Header,
    layout: JpegLayout,
    region: Rect,
    pixels: &mut PixelBuffer,
) -> Result<Placement, DecodeError> {
    let whole = Rect::whole(header.width, header.height);
    let window = match layout.part_unit {
        Some(unit) => window::around(region, unit, whole),
        None => whole,
    };
    let stride = layout.samples.bytes_per_pixel() * window.width as usize;
    // Grey values are spread to three bytes afterwards.
    let spread_to = if layout.samples == Samples::Grey { 3 } else { 1 };
    pixels.prepare(spread_to * stride * window.height as usize)?;
    let size = (header.width, header.height);
    turbo.decode(bytes, size, window, layout.samples, pixels.bytes_mut())?;
    match layout.samples {
        Samples::Rgb => {
            let (x, y) = ((region.x - window.x) as usize, (region.y - window.y) as usize);
            Ok(Placement { start: y * stride + 3 * x, stride })
        }
        Samples::Cmyk => {
            cmyk::region_to_rgb(pixels.bytes_mut(), header.width, region);
            Ok(Placement::packed(region.width))
        }
        Samples::Grey => {
            spread(&mut pixels.bytes_mut()[..3 * window.width as usize * window.height as usize]);
            Ok(Placement {
                start: region.y as usize * 3 * stride + 3 * region.x as usize,
                stride: 3 * stride,
            })
        }
    }
}

/// Turns the grey values in the first third of `bytes` into RGB, from the last one on.
fn spread(bytes: &mut [u8]) {
    for i in (0..bytes.len() / 3).rev() {
        let grey = bytes[i];
        bytes[3 * i..3 * i + 3].fill(grey);
    }
}
