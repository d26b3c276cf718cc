//! Mixup and CutMix within groups of consecutive rows (`mixup.py` of timm, "batch" mode).
//!
//! One draw for each group: either all its images are blended with their partners, or a box is pasted from them. The
//! partner of image i in a group of n is image n - 1 - i. Labels are not mixed: a row has its own label, its partner's,
//! and `lam`, the share of its own.
//!
//! Values are mixed as they are delivered: read from the output's dtype, computed in f32, rounded to it again. Mixing
//! on the GPU after a cast to float, the usual way, differs from this by one rounding.

use bandwise_choice::choices;
use bandwise_kernels::{Dtype, Layout, Rect};
use half::{bf16, f16};

use crate::{draws::Draws, output::OutputFormat};

choices! {
    /// The version of timm that decides the far edge of a CutMix box.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum CutMixEdge: "cutmix_edge" = Timm0 {
        /// centre + size // 2; an odd size loses one row or column.
        Timm0 = "timm-0.4.12",
        /// centre + (size + 1) // 2.
        Timm1 = "timm-1.0",
    }
}

/// The parameters of the mixing of groups of rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mix {
    /// Rows of a group: even, at least 2. A batch holds whole groups.
    pub group: u64,
    /// Probability that a group is mixed at all, in [0, 1].
    pub probability: f64,
    /// Mixup's `lam` is drawn from Beta(alpha, alpha); 0 switches Mixup off.
    pub mixup_alpha: f64,
    /// CutMix's `lam` is drawn from Beta(alpha, alpha); 0 switches CutMix off.
    pub cutmix_alpha: f64,
    /// With both on: how often CutMix is taken, in [0, 1].
    pub switch_probability: f64,
    /// The far edge of CutMix boxes.
    pub edge: CutMixEdge,
}

/// The draws of a group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DrawnMix {
    /// Nothing is mixed; `lam` is 1.
    Nothing,
    /// Every image is `lam` of itself and `1 - lam` of its partner.
    Mixup {
        /// Share of a row's own image and label.
        lam: f64,
    },
    /// A box of every image comes from its partner; `None` where the box is empty.
    CutMix {
        /// The box.
        area: Option<Rect>,
        /// Share of a row's own label: one minus the share of the box.
        lam: f64,
    },
}

impl DrawnMix {
    /// Share of a row's own label, in [0, 1].
    pub fn lam(&self) -> f64 {
        match *self {
            Self::Nothing => 1.0,
            Self::Mixup { lam } | Self::CutMix { lam, .. } => lam,
        }
    }
}

impl Mix {
    /// The values of EfficientTrain: probability 1, Mixup 0.8, CutMix 1.0, one half each, timm 0.4.12.
    pub const fn efficienttrain(group: u64) -> Self {
        Self {
            group,
            probability: 1.0,
            mixup_alpha: 0.8,
            cutmix_alpha: 1.0,
            switch_probability: 0.5,
            edge: CutMixEdge::Timm0,
        }
    }

    /// Draws for one group of images of `side` x `side` pixels.
    pub fn draw(&self, side: u32, draws: &mut Draws) -> DrawnMix {
        if draws.unit() >= self.probability {
            return DrawnMix::Nothing;
        }
        let cutmix = match (self.mixup_alpha > 0.0, self.cutmix_alpha > 0.0) {
            (true, true) => draws.unit() < self.switch_probability,
            (_, cutmix) => cutmix,
        };
        if cutmix {
            self.draw_cutmix(side, draws)
        } else {
            DrawnMix::Mixup { lam: draws.beta(self.mixup_alpha) }
        }
    }

    fn draw_cutmix(&self, side: u32, draws: &mut Draws) -> DrawnMix {
        let lam = draws.beta(self.cutmix_alpha);
        let cut = (f64::from(side) * (1.0 - lam).sqrt()) as u32;
        let far = match self.edge {
            CutMixEdge::Timm0 => cut / 2,
            CutMixEdge::Timm1 => cut.div_ceil(2),
        };
        // Rows first, as timm does.
        let (y, height) = Self::span(draws.integer(u64::from(side) - 1) as u32, cut / 2, far, side);
        let (x, width) = Self::span(draws.integer(u64::from(side) - 1) as u32, cut / 2, far, side);
        let share = f64::from(width) * f64::from(height) / f64::from(side).powi(2);
        let area = (width > 0 && height > 0).then_some(Rect { x, y, width, height });
        DrawnMix::CutMix { area, lam: 1.0 - share }
    }

    /// Start and length of a span around `centre`, cut off at the image.
    fn span(centre: u32, near: u32, far: u32, side: u32) -> (u32, u32) {
        let start = centre.saturating_sub(near);
        (start, (centre + far).min(side) - start)
    }
}

/// Mixes two partners in place.
///
/// # Panics
///
/// If the images are not `side * side * 3` elements of the format's dtype.
pub fn mix_pair(drawn: &DrawnMix, format: OutputFormat, side: usize, a: &mut [u8], b: &mut [u8]) {
    let size = format.dtype.size_in_bytes();
    assert!(a.len() == 3 * side * side * size && b.len() == a.len(), "two images of {side} x {side}");
    match *drawn {
        DrawnMix::Nothing | DrawnMix::CutMix { area: None, .. } => {}
        DrawnMix::Mixup { lam } => blend(lam, format.dtype, a, b),
        DrawnMix::CutMix { area: Some(area), .. } => swap_box(area, format.layout, size, side, a, b),
    }
}

fn blend(lam: f64, dtype: Dtype, a: &mut [u8], b: &mut [u8]) {
    match dtype {
        Dtype::U8 => {
            blend_as(lam, a, b, |[v]| f32::from(v), |v| [v.round_ties_even().clamp(0.0, 255.0) as u8]);
        }
        Dtype::F16 => {
            blend_as(lam, a, b, |v| f16::from_le_bytes(v).to_f32(), |v| f16::from_f32(v).to_le_bytes());
        }
        Dtype::Bf16 => {
            blend_as(lam, a, b, |v| bf16::from_le_bytes(v).to_f32(), |v| bf16::from_f32(v).to_le_bytes());
        }
        Dtype::F32 => blend_as(lam, a, b, f32::from_le_bytes, f32::to_le_bytes),
    }
}

fn blend_as<const N: usize>(
    lam: f64,
    a: &mut [u8],
    b: &mut [u8],
    read: impl Fn([u8; N]) -> f32,
    write: impl Fn(f32) -> [u8; N],
) {
    // Both weights are rounded from double, as torch rounds Python scalars.
    let (own, other) = (lam as f32, (1.0 - lam) as f32);
    for (a, b) in a.as_chunks_mut::<N>().0.iter_mut().zip(b.as_chunks_mut::<N>().0) {
        let (x, y) = (read(*a), read(*b));
        *a = write(x * own + y * other);
        *b = write(y * own + x * other);
    }
}

/// Each image gets the box of the other: an exchange.
fn swap_box(area: Rect, layout: Layout, size: usize, side: usize, a: &mut [u8], b: &mut [u8]) {
    let (images, channels) = match layout {
        Layout::Nchw => (3, 1),
        Layout::Nhwc => (1, 3),
    };
    let pixel_bytes = channels * size;
    for image in 0..images {
        for y in 0..area.height as usize {
            let pixel = (image * side + area.y as usize + y) * side + area.x as usize;
            let row = pixel * pixel_bytes..(pixel + area.width as usize) * pixel_bytes;
            a[row.clone()].swap_with_slice(&mut b[row]);
        }
    }
}
