//! One file of the corpus: its pixels, and their encoding.

use anyhow::{Context as _, Result};
use bandwise_kernels::{Filter, Resizer, RgbView, SimdLevel};
use turbojpeg::{Compressor, Image, PixelFormat, Subsamp};

use super::shape::Shape;

/// Qualities that encoders are used with.
const QUALITIES: (f64, f64) = (30.0, 100.0);

/// The pixels of a file to be: packed RGB rows.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) shape: Shape,
    pub(super) width: usize,
    pub(super) height: usize,
    pixels: Vec<u8>,
}

/// Cuts pictures out of photographs. One per thread.
pub(super) struct Cutter(Resizer);

impl Cutter {
    pub(super) fn new() -> Self {
        Self(Resizer::new(SimdLevel::detect()))
    }

    pub(super) fn cut(&mut self, photograph: RgbView<'_>, shape: Shape) -> Picture {
        let cut = shape.cut(photograph.width() as u32, photograph.height() as u32);
        let (width, height) = cut.size;
        let mut pixels = vec![0; 3 * width * height];
        self.0.resize(photograph.crop(cut.region), Filter::Lanczos, &mut pixels, width, height);
        Picture { shape, width, height, pixels }
    }
}

impl Picture {
    /// The JPEG file, at `base_quality` and what the shape adds to it.
    pub(super) fn encode(&self, base_quality: f64) -> Result<Vec<u8>> {
        let quality = (base_quality + self.shape.quality_offset).round().clamp(QUALITIES.0, QUALITIES.1);
        let image = Image {
            pixels: self.pixels.as_slice(),
            width: self.width,
            pitch: 3 * self.width,
            height: self.height,
            format: PixelFormat::RGB,
        };
        let encode = || {
            let mut compressor = Compressor::new()?;
            compressor.set_quality(quality as i32)?;
            compressor.set_subsamp(if self.shape.is_444 { Subsamp::None } else { Subsamp::Sub2x2 })?;
            compressor.set_progressive(self.shape.is_progressive)?;
            compressor.compress_to_vec(image)
        };
        encode().with_context(|| format!("cannot encode {} x {} pixels", self.width, self.height))
    }
}
