//! One worker's scratch memory, and the execution of a program in it.
//!
//! An image is touched by one workbench from bytes to tensor. Memory is reused from image to image.

use bandwise_decode::{
    DecodeError, DecodeLimits, Decoder, DecoderInitError, EncodedImage, Header, JpegPath, has_room,
};
use bandwise_kernels::{
    Anchor, Augmenter, Dtype, Filter, FourierCrop, Rect, ReducedPart, ResizeChain, ResizeWeights, Resizer,
    RgbView, SimdLevel, flip_horizontal, rgb_to_planes_f32, write_pixels, write_planes,
};
use half::f16;

use crate::{
    draws::{DrawOp, ImageKey},
    erase::{self, RandomErase},
    fidelity,
    geometry::EvalGeometry,
    observer::{Work, WorkObserver},
    program::{Crop, CropKind, PixelStep, PlaneStep, Program, Shortcut},
    randaugment::DrawnOps,
};

/// Memory that a decoder takes at most for each pixel of an image: 16-bit samples, their conversion, and the
/// coefficients of a progressive JPEG.
const BYTES_PER_PIXEL: usize = 16;

/// Scratch memory of one worker. It remembers nothing of an image that could show in the next one.
#[derive(Debug)]
pub struct Workbench {
    level: SimdLevel,
    decoder: Decoder,
    resizer: Resizer,
    augmenter: Augmenter,
    /// The image as 8-bit pixels: `side` x `side`.
    pixels: Vec<u8>,
    side: usize,
    /// The output of a resize before it becomes `pixels`.
    other: Vec<u8>,
    planes: Vec<f32>,
    cropped: Vec<f32>,
    scratch: Vec<f32>,
    noise: Vec<f32>,
    converted: Vec<u8>,
    drawn: Drawn,
}

/// The draws of an image, for reports and checks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Drawn {
    /// The part that was cropped; `None` for the evaluation crop.
    pub crop: Option<Rect>,
    /// Whether the crop was asked for at half scale.
    pub half_scale: bool,
    /// Whether the image was mirrored.
    pub flipped: bool,
    /// The RandAugment operations, in order, with resolved arguments.
    pub augmented: DrawnOps,
    /// The box that was erased.
    pub erased: Option<Rect>,
}

impl Workbench {
    /// A workbench whose kernels run at `level`.
    ///
    /// # Errors
    ///
    /// If the decoder cannot be made.
    pub fn new(level: SimdLevel) -> Result<Self, DecoderInitError> {
        Self::sharing(level, ResizeWeights::default())
    }

    /// As [`Workbench::new`], with resize weights that other workbenches have as well.
    ///
    /// # Errors
    ///
    /// As [`Workbench::new`].
    pub fn sharing(level: SimdLevel, weights: ResizeWeights) -> Result<Self, DecoderInitError> {
        Ok(Self {
            level,
            decoder: Decoder::new(level)?,
            resizer: Resizer::sharing(level, weights),
            augmenter: Augmenter::new(level),
            pixels: Vec::new(),
            side: 0,
            other: Vec::new(),
            planes: Vec::new(),
            cropped: Vec::new(),
            scratch: Vec::new(),
            noise: Vec::new(),
            converted: Vec::new(),
            drawn: Drawn::default(),
        })
    }

    /// The way by which the last JPEG was decoded, once; `None` if none was decoded since the last call.
    pub fn take_jpeg_path(&mut self) -> Option<JpegPath> {
        self.decoder.take_jpeg_path()
    }

    /// The draws of the last image.
    pub fn drawn(&self) -> &Drawn {
        &self.drawn
    }

    /// Turns an image into a tensor, in `out`, under the draws of `key`.
    ///
    /// # Errors
    ///
    /// If the bytes are undecodable; `out` is then in no particular state.
    ///
    /// # Panics
    ///
    /// If `out` is not [`Program::image_bytes`] long.
    pub fn make<'a>(
        &mut self,
        program: &Program,
        image: impl Into<EncodedImage<'a>>,
        limits: &DecodeLimits,
        key: ImageKey,
        out: &mut [u8],
    ) -> Result<(), DecodeError> {
        self.make_watched(program, image, limits, key, out, &mut ())
    }

    /// As [`Workbench::make`], and tells `watch` what is done.
    ///
    /// # Errors
    ///
    /// As [`Workbench::make`].
    ///
    /// # Panics
    ///
    /// As [`Workbench::make`].
    pub fn make_watched<'a>(
        &mut self,
        program: &Program,
        image: impl Into<EncodedImage<'a>>,
        limits: &DecodeLimits,
        key: ImageKey,
        out: &mut [u8],
        watch: &mut impl WorkObserver,
    ) -> Result<(), DecodeError> {
        self.drawn = Drawn::default();
        let image = image.into();
        let header = self.decoder.header(image.bytes, limits)?;
        if !has_room(
            BYTES_PER_PIXEL * header.width as usize * header.height as usize + image.bytes.len() + out.len(),
        ) {
            return Err(DecodeError::OutOfMemory);
        }
        match program.crop() {
            crop @ Crop { kind: CropKind::Random(range), .. } => {
                let mut draws = key.draws(DrawOp::Crop);
                let region = range.sample(header.width, header.height, &mut draws);
                self.drawn.crop = Some(region);
                watch.done(Work::Header);
                let mirrored = program.pixel_steps().iter().any(|step| step.flips(key));
                self.crop_and_resize(crop, image, &header, region, mirrored, watch)?;
            }
            crop => {
                watch.done(Work::Header);
                self.center_crop(crop, image, &header, watch)?;
            }
        }
        watch.done(Work::Resize);
        for step in program.pixel_steps() {
            watch.done(self.pixel_step(*step, key));
        }
        self.finish(program, key, out, watch);
        Ok(())
    }

    fn crop_and_resize(
        &mut self,
        crop: Crop,
        image: EncodedImage<'_>,
        header: &Header,
        region: Rect,
        mirrored: bool,
        watch: &mut impl WorkObserver,
    ) -> Result<(), DecodeError> {
        let side = crop.side as usize;
        self.side = side;
        self.pixels.resize(3 * side * side, 0);
        let Some(Shortcut { between, for_spectrum }) = crop.shortcut else {
            let view = self.decoder.decode(image, header, region)?;
            watch.done(Work::Decode);
            self.resizer.resize(view, crop.filter, &mut self.pixels, side, side);
            return Ok(());
        };
        self.drawn.half_scale = fidelity::is_halved(region, crop.side);
        let source = if self.drawn.half_scale {
            self.decoder.decode_half(image, header, region)?
        } else {
            ReducedPart::in_full(self.decoder.decode(image, header, region)?)
        };
        watch.done(Work::Decode);
        let anchors = match (for_spectrum, mirrored) {
            (false, _) => [Anchor::Ends; 2],
            (true, false) => [Anchor::First; 2],
            (true, true) => [Anchor::Last, Anchor::First],
        };
        let chain = ResizeChain { first: crop.filter, between, last: Filter::Lanczos, anchors };
        self.resizer.resize_chain(source, chain, &mut self.pixels, side);
        Ok(())
    }

    fn center_crop(
        &mut self,
        crop: Crop,
        image: EncodedImage<'_>,
        header: &Header,
        watch: &mut impl WorkObserver,
    ) -> Result<(), DecodeError> {
        let geometry = EvalGeometry::new(header.width, header.height, crop.side);
        let view = self.decoder.decode(image, header, Rect::whole(header.width, header.height))?;
        watch.done(Work::Decode);
        self.side = crop.side as usize;
        self.pixels.resize(3 * self.side * self.side, 0);
        let (width, height) = (geometry.resized.0 as usize, geometry.resized.1 as usize);
        self.resizer.resize_part(view, crop.filter, width, height, geometry.crop, &mut self.pixels);
        Ok(())
    }

    fn pixel_step(&mut self, step: PixelStep, key: ImageKey) -> Work {
        match step {
            PixelStep::Flip { .. } => {
                self.drawn.flipped = step.flips(key);
                if self.drawn.flipped {
                    flip_horizontal(self.level, &mut self.pixels, self.side);
                }
                Work::Flip
            }
            PixelStep::RandAugment { policy, magnitude, fill } => {
                let mut draws = key.draws(DrawOp::RandAugment);
                self.drawn.augmented = policy.draw(magnitude, self.side as u32, &mut draws);
                for op in self.drawn.augmented.into_iter().flatten() {
                    self.augmenter.apply(op, &mut self.pixels, self.side, self.side, fill);
                }
                Work::Augment
            }
            PixelStep::Resize { filter, side } => {
                let side = side as usize;
                self.other.resize(3 * side * side, 0);
                let view = RgbView::packed(&self.pixels, self.side, self.side);
                self.resizer.resize(view, filter, &mut self.other, side, side);
                std::mem::swap(&mut self.pixels, &mut self.other);
                self.side = side;
                Work::LowFrequency
            }
        }
    }

    fn finish(&mut self, program: &Program, key: ImageKey, out: &mut [u8], watch: &mut impl WorkObserver) {
        let format = program.format();
        let view = RgbView::packed(&self.pixels, self.side, self.side);
        match program.plane_steps() {
            [] if !program.is_through_half() => {
                write_pixels(self.level, program.table(), view, format.dtype, format.layout, out);
                watch.done(Work::Normalize);
            }
            [PlaneStep::Erase(erase)] if !program.is_through_half() => {
                write_pixels(self.level, program.table(), view, format.dtype, format.layout, out);
                watch.done(Work::Normalize);
                if let Some(area) = self.draw_noise(erase, program, key) {
                    let noise = &self.noise;
                    erase::into_tensor(self.level, area, noise, self.side, format, &mut self.converted, out);
                }
                watch.done(Work::Erase);
            }
            steps => {
                let table = (format.dtype != Dtype::U8).then(|| program.table());
                self.planes.resize(3 * self.side * self.side, 0.0);
                rgb_to_planes_f32(self.level, table, view, &mut self.planes);
                watch.done(Work::Normalize);
                for step in steps {
                    watch.done(self.plane_step(step, program, key));
                }
                if program.is_through_half() {
                    round_to_half(&mut self.planes);
                }
                let side = self.side;
                write_planes(self.level, &self.planes, side, side, format.dtype, format.layout, out);
                watch.done(Work::Normalize);
            }
        }
    }

    fn plane_step(&mut self, step: &PlaneStep, program: &Program, key: ImageKey) -> Work {
        match step {
            PlaneStep::Fourier(fourier) => {
                self.fourier_crop(fourier);
                std::mem::swap(&mut self.planes, &mut self.cropped);
                self.side = fourier.output_side();
                Work::LowFrequency
            }
            PlaneStep::Erase(erase) => {
                if let Some(area) = self.draw_noise(erase, program, key) {
                    erase::into_planes(area, &self.noise, self.side, &mut self.planes);
                }
                Work::Erase
            }
        }
    }

    /// Draws whether and where to erase, and the noise of the box.
    fn draw_noise(&mut self, erase: &RandomErase, program: &Program, key: ImageKey) -> Option<Rect> {
        let mut draws = key.draws(DrawOp::Erase);
        self.drawn.erased = erase.draw(self.side as u32, &mut draws);
        let area = self.drawn.erased?;
        let dtype = program.format().dtype;
        erase::noise(area, dtype, program.normalization(), draws, &mut self.noise);
        Some(area)
    }

    /// Crops the spectrum of the three planes, into `cropped`.
    fn fourier_crop(&mut self, fourier: &FourierCrop) {
        let (from, to) = (fourier.side() * fourier.side(), fourier.output_side() * fourier.output_side());
        self.cropped.resize(3 * to, 0.0);
        self.scratch.resize(fourier.scratch_len(), 0.0);
        for (plane, cropped) in self.planes.chunks_exact(from).zip(self.cropped.chunks_exact_mut(to)) {
            fourier.apply(self.level, plane, cropped, &mut self.scratch);
        }
    }
}

/// Rounds every value to the nearest f16, half to even.
fn round_to_half(values: &mut [f32]) {
    for value in values {
        *value = f16::from_f32(*value).to_f32();
    }
}
