//! What each pixel value becomes: 256 numbers per channel, in every float format.

use half::{bf16, f16};

/// Mean and standard deviation per channel (R, G, B), of pixels scaled to 0..1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalization {
    /// What is subtracted.
    pub mean: [f32; 3],
    /// What is divided by afterwards; not 0.
    pub std: [f32; 3],
}

impl Normalization {
    /// The statistics of `ImageNet` that timm and torchvision use.
    pub const IMAGENET: Self = Self { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
}

/// Normalised values of all 8-bit pixels: `(v / 255 - mean) / std`, each step rounded to float32 as torch
/// does it; the narrow formats are that value rounded half to even. About 6 KiB.
#[derive(Clone, Debug)]
pub struct PixelTable {
    f32: Box<[[f32; 256]; 3]>,
    f16: Box<[[u16; 256]; 3]>,
    bf16: Box<[[u16; 256]; 3]>,
}

impl PixelTable {
    /// The table of a normalisation.
    pub fn new(normalization: &Normalization) -> Self {
        let value = |channel: usize, v: usize| {
            (v as f32 / 255.0 - normalization.mean[channel]) / normalization.std[channel]
        };
        let f32: Box<[[f32; 256]; 3]> =
            Box::new(std::array::from_fn(|channel| std::array::from_fn(|v| value(channel, v))));
        let f16 = Box::new(f32.map(|channel| channel.map(|value| f16::from_f32_const(value).to_bits())));
        let bf16 = Box::new(f32.map(|channel| channel.map(|value| bf16::from_f32_const(value).to_bits())));
        Self { f32, f16, bf16 }
    }

    /// The value of pixel value `v` in `channel` (0 red, 1 green, 2 blue).
    ///
    /// # Panics
    ///
    /// If `channel` is above 2.
    pub fn value(&self, channel: usize, v: u8) -> f32 {
        self.f32[channel][usize::from(v)]
    }

    pub(super) fn f32(&self) -> &[[f32; 256]; 3] {
        &self.f32
    }

    /// Bit patterns.
    pub(super) fn f16(&self) -> &[[u16; 256]; 3] {
        &self.f16
    }

    /// Bit patterns.
    pub(super) fn bf16(&self) -> &[[u16; 256]; 3] {
        &self.bf16
    }
}
