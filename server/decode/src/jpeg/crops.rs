//! Crops by [`bandwise_jpeg`], which reads no more of a file than a crop needs.
//!
//! It takes the files that ordinary encoders write and refuses all others, and whatever is damaged, by their bytes alone. A
//! refused file is libjpeg-turbo's, so verdicts and pixels are the same with and without this. Only files whose markers
//! `scans` has found healthy come here.

use bandwise_jpeg::{Crop, Frame, Refusal};
use bandwise_kernels::{Rect, SimdLevel};

use crate::{buffer::PixelBuffer, error::DecodeError, placement::Placement};

/// Decodes crops of ordinary files.
#[derive(Debug)]
pub(crate) struct Crops(bandwise_jpeg::Decoder);

impl Crops {
    pub(crate) fn new(level: SimdLevel) -> Self {
        // The two crates ask for nearly the same instructions: a CPU without one of them runs the plain code.
        let level = bandwise_jpeg::SimdLevel::named(level.name());
        Self(bandwise_jpeg::Decoder::new(level.unwrap_or(bandwise_jpeg::SimdLevel::SCALAR)))
    }

    /// Decodes `region` into `pixels`, row behind row; the inner error says why it is left to libjpeg-turbo.
    pub(crate) fn decode(
        &mut self,
        bytes: &[u8],
        region: Rect,
        pixels: &mut PixelBuffer,
    ) -> Result<Result<Placement, Refusal>, DecodeError> {
        let frame = match Frame::read(bytes) {
            Ok(frame) => frame,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let Rect { x, y, width, height } = region;
        let len = 3 * width as usize * height as usize;
        pixels.prepare(len)?;
        let out = &mut pixels.bytes_mut()[..len];
        let made = self.0.crop(bytes, &frame, Crop { x, y, width, height }, out);
        Ok(made.map(|()| Placement::packed(width)))
    }
}
