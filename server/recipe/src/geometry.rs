//! The position of a crop: the random resized crop of timm 0.4.12 and the evaluation crop of the reference.
//!
//! Formulas: `RandomResizedCropAndInterpolation.get_params` of timm 0.4.12 (equal in 1.0.31), and the
//! evaluation transform of the EfficientTrain++ code (short side to S / 0.875, then the centre).

use bandwise_kernels::Rect;

use crate::draws::Draws;

/// Tries of the random resized crop before it falls back to the centre.
const TRIES: u32 = 10;

/// Range of the crop's area (as a share of the image's) and of its aspect ratio (width over height).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CropRange {
    /// Smallest and largest area, in (0, 1].
    pub area: (f64, f64),
    /// Smallest and largest aspect ratio, above 0.
    pub ratio: (f64, f64),
}

impl CropRange {
    /// Area 0.08 to 1, ratio 3/4 to 4/3: the usual ones of ImageNet training.
    pub const IMAGENET: Self = Self { area: (0.08, 1.0), ratio: (3.0 / 4.0, 4.0 / 3.0) };

    /// Area 0.2 to 1, ratio 3/4 to 4/3: those of MAE pre-training.
    pub const MAE: Self = Self { area: (0.2, 1.0), ..Self::IMAGENET };

    /// Draws a crop of an image of `width` x `height` (both at least 1). It always fits.
    ///
    /// Each try draws the area, then the logarithm of the ratio; an accepted one draws the top, then the left.
    /// After 10 rejections the crop is the largest centred one within the ratio range. Sides that round to 0
    /// are rejected too (the guard of torchvision; it concerns images one pixel wide).
    pub fn sample(&self, width: u32, height: u32, draws: &mut Draws) -> Rect {
        let image_area = f64::from(width) * f64::from(height);
        let log_ratio = (libm::log(self.ratio.0), libm::log(self.ratio.1));
        for _ in 0..TRIES {
            let area = draws.uniform(self.area.0, self.area.1) * image_area;
            let ratio = libm::exp(draws.uniform(log_ratio.0, log_ratio.1));
            let w = (area * ratio).sqrt().round_ties_even();
            let h = (area / ratio).sqrt().round_ties_even();
            let fits = (1.0..=f64::from(width)).contains(&w) && (1.0..=f64::from(height)).contains(&h);
            if fits {
                let (w, h) = (w as u32, h as u32);
                let y = draws.integer(u64::from(height - h)) as u32;
                let x = draws.integer(u64::from(width - w)) as u32;
                return Rect { x, y, width: w, height: h };
            }
        }
        self.fallback(width, height)
    }

    fn fallback(&self, width: u32, height: u32) -> Rect {
        let (image_w, image_h) = (f64::from(width), f64::from(height));
        let ratio = image_w / image_h;
        let (w, h) = if ratio < self.ratio.0 {
            (width, (image_w / self.ratio.0).round_ties_even() as u32)
        } else if ratio > self.ratio.1 {
            ((image_h * self.ratio.1).round_ties_even() as u32, height)
        } else {
            (width, height)
        };
        let (w, h) = (w.clamp(1, width), h.clamp(1, height));
        Rect { x: (width - w) / 2, y: (height - h) / 2, width: w, height: h }
    }
}

/// The evaluation transform for an output of `side` pixels: how large the image becomes, and which part of it
/// is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvalGeometry {
    /// Size of the whole image after the resize.
    pub resized: (u32, u32),
    /// The `side` x `side` part of the resized image.
    pub crop: Rect,
}

/// From this output side on, the reference warps the whole image instead of cropping its centre.
const WARP_FROM: u32 = 384;

impl EvalGeometry {
    /// Below 384: the short side becomes `trunc(side / 0.875)`, the long side keeps the aspect ratio
    /// (truncated), and the centre is cut out (half to even). From 384 on: the image is warped to the square.
    ///
    /// The long side is `trunc(short * long_in / short_in)` as in torchvision's `Resize(int)`; it can exceed any
    /// sensible size for an extreme aspect ratio, which is why the caller resizes only what the crop needs.
    pub fn new(width: u32, height: u32, side: u32) -> Self {
        if side >= WARP_FROM {
            return Self { resized: (side, side), crop: Rect::whole(side, side) };
        }
        let short = (f64::from(side) / 0.875) as u32;
        let long = |long_in: u32, short_in: u32| {
            (u64::from(short) * u64::from(long_in) / u64::from(short_in)).min(u64::from(u32::MAX)) as u32
        };
        let (w, h) =
            if width <= height { (short, long(height, width)) } else { (long(width, height), short) };
        let centre = |resized: u32| (f64::from(resized - side) / 2.0).round_ties_even() as u32;
        Self { resized: (w, h), crop: Rect { x: centre(w), y: centre(h), width: side, height: side } }
    }
}
