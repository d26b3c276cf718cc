//! One worker's scratch memory, and the execution of a program in it.
//!
//! An image is touched by one workbench from bytes to tensor. Memory is reused from image to image.

use bandwise_decode::{DecodeError, DecodeLimits, Decoder, DecoderInitError, Header};
use bandwise_kernels::{
    Dtype, FourierCrop, Rect, Resizer, RgbView, SimdLevel, flip_horizontal, rgb_to_planes_f32, write_pixels,
    write_planes,
};

use crate::{
    draws::{DrawKey, DrawOp, Draws},
    geometry::EvalGeometry,
    program::{Crop, CropKind, PixelStep, Program},
};

/// Scratch memory of one worker. It remembers nothing of an image that could show in the next one.
#[derive(Debug)]
pub struct Workbench {
    level: SimdLevel,
    decoder: Decoder,
    resizer: Resizer,
    /// The image as 8-bit pixels: `side` x `side`.
    pixels: Vec<u8>,
    side: usize,
    /// Where a resize writes before it becomes `pixels`.
    other: Vec<u8>,
    planes: Vec<f32>,
    cropped: Vec<f32>,
    scratch: Vec<f32>,
}

impl Workbench {
    /// A workbench whose kernels run at `level`.
    ///
    /// # Errors
    ///
    /// If the decoder cannot be made.
    pub fn new(level: SimdLevel) -> Result<Self, DecoderInitError> {
        Ok(Self {
            level,
            decoder: Decoder::new()?,
            resizer: Resizer::new(level),
            pixels: Vec::new(),
            side: 0,
            other: Vec::new(),
            planes: Vec::new(),
            cropped: Vec::new(),
            scratch: Vec::new(),
        })
    }

    /// Turns `bytes` into a tensor, in `out`, under the draws of `key`.
    ///
    /// # Errors
    ///
    /// If the bytes are undecodable; `out` is then in no particular state.
    ///
    /// # Panics
    ///
    /// If `out` is not [`Program::image_bytes`] long.
    pub fn make(
        &mut self,
        program: &Program,
        bytes: &[u8],
        limits: &DecodeLimits,
        key: DrawKey,
        out: &mut [u8],
    ) -> Result<(), DecodeError> {
        let header = self.decoder.header(bytes, limits)?;
        match program.crop() {
            crop @ Crop { kind: CropKind::Random(range), .. } => {
                let mut draws = Draws::new(key, DrawOp::Crop);
                let region = range.sample(header.width, header.height, &mut draws);
                self.crop_and_resize(crop, bytes, &header, region)?;
            }
            crop => self.center_crop(crop, bytes, &header)?,
        }
        for step in program.pixel_steps() {
            self.pixel_step(*step, key);
        }
        self.finish(program, out);
        Ok(())
    }

    fn crop_and_resize(
        &mut self,
        crop: Crop,
        bytes: &[u8],
        header: &Header,
        region: Rect,
    ) -> Result<(), DecodeError> {
        let view = self.decoder.decode(bytes, header, region)?;
        self.side = crop.side as usize;
        self.pixels.resize(3 * self.side * self.side, 0);
        self.resizer.resize(view, crop.filter, &mut self.pixels, self.side, self.side);
        Ok(())
    }

    fn center_crop(&mut self, crop: Crop, bytes: &[u8], header: &Header) -> Result<(), DecodeError> {
        let geometry = EvalGeometry::new(header.width, header.height, crop.side);
        let view = self.decoder.decode(bytes, header, Rect::whole(header.width, header.height))?;
        self.side = crop.side as usize;
        self.pixels.resize(3 * self.side * self.side, 0);
        let (width, height) = (geometry.resized.0 as usize, geometry.resized.1 as usize);
        self.resizer.resize_part(view, crop.filter, width, height, geometry.crop, &mut self.pixels);
        Ok(())
    }

    fn pixel_step(&mut self, step: PixelStep, key: DrawKey) {
        match step {
            PixelStep::Flip { probability } => {
                if Draws::new(key, DrawOp::Flip).unit() < probability {
                    flip_horizontal(self.level, &mut self.pixels, self.side);
                }
            }
            PixelStep::Resize { filter, side } => {
                let side = side as usize;
                self.other.resize(3 * side * side, 0);
                let view = RgbView::packed(&self.pixels, self.side, self.side);
                self.resizer.resize(view, filter, &mut self.other, side, side);
                std::mem::swap(&mut self.pixels, &mut self.other);
                self.side = side;
            }
        }
    }

    fn finish(&mut self, program: &Program, out: &mut [u8]) {
        let format = program.format();
        let view = RgbView::packed(&self.pixels, self.side, self.side);
        let Some(fourier) = program.fourier() else {
            return write_pixels(program.table(), view, format.dtype, format.layout, out);
        };
        let table = (format.dtype != Dtype::U8).then(|| program.table());
        self.planes.resize(3 * self.side * self.side, 0.0);
        rgb_to_planes_f32(table, view, &mut self.planes);
        let side = self.fourier_crop(fourier);
        write_planes(self.level, &self.cropped, side, side, format.dtype, format.layout, out);
    }

    /// Crops the spectrum of the three planes; returns the new side.
    fn fourier_crop(&mut self, fourier: &FourierCrop) -> usize {
        let (from, to) = (fourier.side() * fourier.side(), fourier.output_side() * fourier.output_side());
        self.cropped.resize(3 * to, 0.0);
        self.scratch.resize(fourier.scratch_len(), 0.0);
        for (plane, cropped) in self.planes.chunks_exact(from).zip(self.cropped.chunks_exact_mut(to)) {
            fourier.apply(self.level, plane, cropped, &mut self.scratch);
        }
        fourier.output_side()
    }
}
