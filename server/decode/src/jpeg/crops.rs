//! Crops by [`bandwise_jpeg`], which reads no more of a file than a crop needs.
//!
//! It takes the files that ordinary encoders write and refuses all others, and whatever is damaged, by their bytes alone. A
//! refused file is libjpeg-turbo's, so verdicts and pixels are the same with and without this. Only files whose markers
//! `scans` has found healthy come here.
//!
//! At half scale the pixels of a refused file are others than ours would be, as libjpeg-turbo decodes it in full. So no
//! refusal may have another reason than the bytes: a lack of memory is an error there.
//!
//! With a memory of seek points, the first decoding of a file makes them in the same pass, which then runs to the end of
//! the file; later ones begin where the crop does. They are found by a hash of the whole file, so that those of other
//! bytes are never used.
//!
//! A panic of our decoder is a defect of ours, but not one that stops a job: libjpeg-turbo takes the file, and ours begins
//! afresh with the next one.

use bandwise_jpeg::{Crop, Frame, Part, Refusal, Scale, SeekTable};
use bandwise_kernels::{Rect, SimdLevel};

use super::path::JpegPath;
use crate::{
    buffer::PixelBuffer,
    error::DecodeError,
    fence::caught,
    placement::Placement,
    seek::{EncodedImage, SeekMemory},
};

/// Decodes crops of ordinary files.
#[derive(Debug)]
pub(crate) struct Crops {
    level: bandwise_jpeg::SimdLevel,
    decoder: bandwise_jpeg::Decoder,
    points: Vec<u8>,
}

impl Crops {
    pub(crate) fn new(level: SimdLevel) -> Self {
        // The two crates ask for nearly the same instructions: a CPU without one of them runs the plain code.
        let level = bandwise_jpeg::SimdLevel::named(level.name());
        let level = level.unwrap_or(bandwise_jpeg::SimdLevel::SCALAR);
        Self { level, decoder: bandwise_jpeg::Decoder::new(level), points: Vec::new() }
    }

    /// Decodes `region`, or its cover at half scale, into `pixels`, row behind row. The inner error says why it is left to
    /// libjpeg-turbo.
    pub(crate) fn decode(
        &mut self,
        image: EncodedImage<'_>,
        region: Rect,
        scale: Scale,
        pixels: &mut PixelBuffer,
    ) -> Result<Result<(Placement, JpegPath), JpegPath>, DecodeError> {
        if let Some(made) = caught(|| self.decode_or_panic(image, region, scale, pixels)) {
            return Ok(made?.map_err(JpegPath::from));
        }
        self.decoder = bandwise_jpeg::Decoder::new(self.level);
        Ok(Err(JpegPath::Panicked))
    }

    fn decode_or_panic(
        &mut self,
        image: EncodedImage<'_>,
        region: Rect,
        scale: Scale,
        pixels: &mut PixelBuffer,
    ) -> Result<Result<(Placement, JpegPath), Refusal>, DecodeError> {
        let frame = match Frame::read(image.bytes) {
            Ok(frame) => frame,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let Rect { x, y, width, height } = region;
        let part = Part { crop: Crop { x, y, width, height }, scale };
        let Crop { width, height, .. } = part.pixels();
        let len = 3 * width as usize * height as usize;
        pixels.prepare(len)?;
        let out = &mut pixels.bytes_mut()[..len];
        let made = match image.seek {
            None => self.decoder.crop(image.bytes, &frame, part, out).map(|()| JpegPath::Own),
            Some(memory) => self.with_points(image.bytes, &frame, memory, part, out),
        };
        match made {
            Err(Refusal::Memory) if scale == Scale::Half => Err(DecodeError::OutOfMemory),
            made => Ok(made.map(|path| (Placement::packed(width), path))),
        }
    }

    fn with_points(
        &mut self,
        bytes: &[u8],
        frame: &Frame,
        memory: &dyn SeekMemory,
        part: Part,
        out: &mut [u8],
    ) -> Result<JpegPath, Refusal> {
        let hash = memory.hash(bytes);
        if memory.find(hash, &mut self.points) {
            // Points that make no sense are as good as none.
            let table = SeekTable::read(frame, &self.points);
            let made = table.map(|table| self.decoder.crop_with(bytes, frame, &table, part, out));
            if made.is_some_and(|made| made.is_ok()) {
                return Ok(JpegPath::OwnFromPoints);
            }
        }
        let points = self.decoder.crop_and_index(bytes, frame, part, memory.spacing(), out)?;
        if let Some(points) = points {
            memory.keep(hash, &points);
        }
        Ok(JpegPath::Own)
    }
}
