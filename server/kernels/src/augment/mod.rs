//! The operations of `RandAugment` on packed 8-bit RGB pixels, with the pixels of Pillow 12.3.0.
//!
//! An [`AugmentOp`] is an operation whose argument is already drawn and resolved; [`Augmenter::apply`] does
//! it in place. Drawing operations, levels and signs is not done here, nor is the way from a level to an
//! argument: that is the recipe's.
//!
//! One file, or folder, holds one operation. What several of them share stands beside them:
//!
//! ```text
//! lookup      a table of 256 values per channel     AutoContrast Equalize Contrast Brightness
//! enhance     the blend of the enhancers, grey      Color Contrast Brightness Sharpness
//! affine      positions and bicubic interpolation   ShearX ShearY TranslateX TranslateY Rotate
//! per_level   one source compiled per SIMD level    most of them
//! ```
//!
//! Sources: `RandAugment` is <https://arxiv.org/abs/1909.13719>; which operations, and what their arguments
//! mean, is timm 0.4.12; what they do to pixels is Pillow 12.3.0.

mod affine;
mod auto_contrast;
mod brightness;
mod color;
mod contrast;
mod enhance;
mod equalize;
mod invert;
mod lookup;
pub(crate) mod per_level;
mod posterize;
mod rotate;
mod sharpness;
mod shear_x;
mod shear_y;
mod solarize;
mod solarize_add;
mod translate_x;
mod translate_y;
pub(crate) mod truncate;

use crate::SimdLevel;
use affine::Workspace;

/// An operation with its resolved argument.
///
/// Every argument is allowed. Where Pillow's result is undefined, the variant says what happens here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AugmentOp {
    /// Stretches each channel to the full range.
    AutoContrast,
    /// Flattens each channel's histogram.
    Equalize,
    /// Turns each value into its negative.
    Invert,
    /// Turns the picture counter-clockwise around its centre, bicubic; what comes from outside is filled.
    Rotate {
        /// Degrees; negative turns clockwise. Infinite or not a number: only fill colour.
        degrees: f64,
    },
    /// Keeps only the upper bits of each value.
    Posterize {
        /// Bits to keep: 0 gives black, 8 and more change nothing.
        bits: u32,
    },
    /// Inverts bright values.
    Solarize {
        /// The first value that is inverted: 0 inverts all, 256 and more change nothing.
        threshold: u32,
    },
    /// Adds to dark values, those below 128.
    SolarizeAdd {
        /// The number that is added; sums stop at 255.
        add: u32,
    },
    /// Blends with the grey picture.
    Color {
        /// 0 is grey, 1 changes nothing, more exaggerates. Beyond `f32` counts as its end, not a number as 1.
        factor: f64,
    },
    /// Blends with the mean grey.
    Contrast {
        /// 0 is one grey, 1 changes nothing. Odd values as for [`AugmentOp::Color`].
        factor: f64,
    },
    /// Blends with black.
    Brightness {
        /// 0 is black, 1 changes nothing. Odd values as for [`AugmentOp::Color`].
        factor: f64,
    },
    /// Blends with the smoothed picture.
    Sharpness {
        /// 0 is smoothed, 1 changes nothing. Odd values as for [`AugmentOp::Color`].
        factor: f64,
    },
    /// Shifts each row in proportion to its distance from the top, bicubic; what comes from outside is filled.
    ShearX {
        /// Pixels per row; positive moves the picture left. Infinite or not a number: only fill colour.
        shear: f64,
    },
    /// Shifts each column in proportion to its distance from the left, bicubic.
    ShearY {
        /// Pixels per column; positive moves the picture up. Infinite or not a number: only fill colour.
        shear: f64,
    },
    /// Shifts the picture sideways, bicubic; what comes from outside is filled.
    TranslateX {
        /// Pixels, whole or not; positive moves the picture left. Infinite or not a number: only fill colour.
        pixels: f64,
    },
    /// Shifts the picture up or down, bicubic.
    TranslateY {
        /// Pixels, whole or not; positive moves the picture up. Infinite or not a number: only fill colour.
        pixels: f64,
    },
}

impl AugmentOp {
    /// timm's `TranslateXRel`: a translation by a fraction of the width, not rounded to whole pixels.
    pub fn translate_x_by(fraction: f64, width: usize) -> Self {
        Self::TranslateX { pixels: fraction * width as f64 }
    }

    /// timm's `TranslateYRel`: a translation by a fraction of the height, not rounded to whole pixels.
    pub fn translate_y_by(fraction: f64, height: usize) -> Self {
        Self::TranslateY { pixels: fraction * height as f64 }
    }

    /// timm's name of the operation, without `Increasing` or `Rel`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AutoContrast => "AutoContrast",
            Self::Equalize => "Equalize",
            Self::Invert => "Invert",
            Self::Rotate { .. } => "Rotate",
            Self::Posterize { .. } => "Posterize",
            Self::Solarize { .. } => "Solarize",
            Self::SolarizeAdd { .. } => "SolarizeAdd",
            Self::Color { .. } => "Color",
            Self::Contrast { .. } => "Contrast",
            Self::Brightness { .. } => "Brightness",
            Self::Sharpness { .. } => "Sharpness",
            Self::ShearX { .. } => "ShearX",
            Self::ShearY { .. } => "ShearY",
            Self::TranslateX { .. } => "TranslateX",
            Self::TranslateY { .. } => "TranslateY",
        }
    }
}

/// Applies operations; keeps its scratch memory, so that pictures of sizes seen before allocate nothing.
#[derive(Debug)]
pub struct Augmenter {
    level: SimdLevel,
    workspace: Workspace,
}

/// A picture that an operation works on: packed RGB rows, at least one pixel.
struct Picture<'a> {
    pixels: &'a mut [u8],
    width: usize,
    height: usize,
}

impl Augmenter {
    /// The longest side of a picture, in pixels.
    pub const MAX_SIDE: usize = 1 << 24;

    /// An augmenter with empty scratch.
    pub fn new(level: SimdLevel) -> Self {
        Self { level, workspace: Workspace::default() }
    }

    /// Applies `op` in place to packed RGB pixels; `fill` is the colour of what a geometric operation brings
    /// in from outside.
    ///
    /// Reads and writes each pixel a few times. The geometric operations and [`AugmentOp::Sharpness`] keep a
    /// copy of the picture in the scratch memory.
    ///
    /// # Panics
    ///
    /// If a side is 0 or longer than [`Augmenter::MAX_SIDE`], or `pixels` is not `3 * width * height` long.
    pub fn apply(&mut self, op: AugmentOp, pixels: &mut [u8], width: usize, height: usize, fill: [u8; 3]) {
        assert!(
            (1..=Self::MAX_SIDE).contains(&width)
                && (1..=Self::MAX_SIDE).contains(&height)
                && pixels.len() / 3 / width == height
                && pixels.len().is_multiple_of(3 * width),
            "{} bytes for {width} x {height} pixels",
            pixels.len()
        );
        let (level, work) = (self.level, &mut self.workspace);
        let picture = Picture { pixels, width, height };
        match op {
            AugmentOp::AutoContrast => auto_contrast::apply(level, picture.pixels),
            AugmentOp::Equalize => equalize::apply(level, picture.pixels),
            AugmentOp::Invert => invert::apply(level, picture.pixels),
            AugmentOp::Rotate { degrees } => rotate::apply(level, work, picture, degrees, fill),
            AugmentOp::Posterize { bits } => posterize::apply(level, picture.pixels, bits),
            AugmentOp::Solarize { threshold } => solarize::apply(level, picture.pixels, threshold),
            AugmentOp::SolarizeAdd { add } => solarize_add::apply(level, picture.pixels, add),
            AugmentOp::Color { factor } => color::apply(level, picture.pixels, factor),
            AugmentOp::Contrast { factor } => contrast::apply(level, picture.pixels, factor),
            AugmentOp::Brightness { factor } => brightness::apply(level, picture.pixels, factor),
            AugmentOp::Sharpness { factor } => sharpness::apply(level, work, picture, factor),
            AugmentOp::ShearX { shear } => shear_x::apply(level, work, picture, shear, fill),
            AugmentOp::ShearY { shear } => shear_y::apply(level, work, picture, shear, fill),
            AugmentOp::TranslateX { pixels } => translate_x::apply(level, work, picture, pixels, fill),
            AugmentOp::TranslateY { pixels } => translate_y::apply(level, work, picture, pixels, fill),
        }
    }
}
