//! Random erasing ("pixel" mode of timm 0.4.12): a box of the tensor becomes independent N(0, 1) noise.

use bandwise_kernels::{Dtype, Layout, Normalization, Rect, SimdLevel, write_planes};

use crate::{draws::Draws, output::OutputFormat};

/// Tries to find a box that fits.
const TRIES: u32 = 10;

/// The probability and the size of an erased box.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RandomErase {
    /// Probability, in [0, 1].
    pub probability: f64,
    /// Smallest and largest area as a share of the image, in (0, 1].
    pub area: (f64, f64),
    /// Smallest and largest aspect ratio (height over width), above 0.
    pub ratio: (f64, f64),
}

impl RandomErase {
    /// Probability 0.25, area 0.02 to 1/3, ratio 0.3 to 1/0.3.
    pub const EFFICIENTTRAIN: Self =
        Self { probability: 0.25, area: (0.02, 1.0 / 3.0), ratio: (0.3, 1.0 / 0.3) };

    /// The box for a square of `side` pixels; it is always smaller than the image. Each try draws the area, then
    /// the logarithm of the ratio; an accepted one draws the top, then the left.
    pub fn draw(&self, side: u32, draws: &mut Draws) -> Option<Rect> {
        if draws.unit() > self.probability {
            return None;
        }
        let log_ratio = (libm::log(self.ratio.0), libm::log(self.ratio.1));
        for _ in 0..TRIES {
            let area = draws.uniform(self.area.0, self.area.1) * f64::from(side) * f64::from(side);
            let ratio = libm::exp(draws.uniform(log_ratio.0, log_ratio.1));
            let height = (area * ratio).sqrt().round_ties_even();
            let width = (area / ratio).sqrt().round_ties_even();
            let fits = |length: f64| (1.0..f64::from(side)).contains(&length);
            if fits(width) && fits(height) {
                let (width, height) = (width as u32, height as u32);
                let y = draws.integer(u64::from(side - height)) as u32;
                let x = draws.integer(u64::from(side - width)) as u32;
                return Some(Rect { x, y, width, height });
            }
        }
        None
    }
}

/// The noise of a box: three planes of `width * height` values, drawn in that order.
///
/// For u8 output, values lie in 0..255 space: 255 * (mean + std * z), not clamped.
pub(crate) fn noise(
    area: Rect,
    dtype: Dtype,
    normalization: &Normalization,
    draws: Draws,
    planes: &mut Vec<f32>,
) {
    let size = area.width as usize * area.height as usize;
    planes.resize(3 * size, 0.0);
    draws.normals(planes);
    if dtype == Dtype::U8 {
        let statistics = normalization.mean.into_iter().zip(normalization.std);
        for (plane, (mean, std)) in planes.chunks_exact_mut(size).zip(statistics) {
            for z in plane {
                *z = 255.0 * (mean + std * *z);
            }
        }
    }
}

/// Puts the noise of a box into three planes of `side` x `side` values.
pub(crate) fn into_planes(area: Rect, noise: &[f32], side: usize, planes: &mut [f32]) {
    let (width, height) = (area.width as usize, area.height as usize);
    for (plane, noise) in planes.chunks_exact_mut(side * side).zip(noise.chunks_exact(width * height)) {
        for (row, values) in plane.chunks_exact_mut(side).skip(area.y as usize).zip(noise.chunks_exact(width))
        {
            row[area.x as usize..][..width].copy_from_slice(values);
        }
    }
}

/// Puts the noise of a box into a finished tensor of `side` x `side` pixels; `converted` is scratch memory.
pub(crate) fn into_tensor(
    level: SimdLevel,
    area: Rect,
    noise: &[f32],
    side: usize,
    format: OutputFormat,
    converted: &mut Vec<u8>,
    out: &mut [u8],
) {
    let (width, height) = (area.width as usize, area.height as usize);
    let size = format.dtype.size_in_bytes();
    converted.resize(noise.len() * size, 0);
    write_planes(level, noise, width, height, format.dtype, format.layout, converted);
    // Rows of the box, and where each lies in the tensor: an image of 3 channels, or 3 images of one.
    let (images, row_elements, channels) = match format.layout {
        Layout::Nchw => (3, width, 1),
        Layout::Nhwc => (1, 3 * width, 3),
    };
    let mut rows = converted.chunks_exact(row_elements * size);
    for image in 0..images {
        for y in 0..height {
            let Some(row) = rows.next() else { return };
            let pixel = (image * side + area.y as usize + y) * side + area.x as usize;
            out[pixel * channels * size..][..row.len()].copy_from_slice(row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_and_tensors_get_the_same_noise() {
        let area = Rect { x: 2, y: 1, width: 3, height: 4 };
        let noise: Vec<f32> = (0..36).map(|i| i as f32 - 17.5).collect();
        let side = 7;
        for dtype in [Dtype::U8, Dtype::F16, Dtype::Bf16, Dtype::F32] {
            for layout in [Layout::Nchw, Layout::Nhwc] {
                let format = OutputFormat { dtype, layout };
                let bytes = 3 * side * side * dtype.size_in_bytes();
                let level = SimdLevel::SCALAR;
                let mut planes: Vec<f32> = (0..147).map(|i| (i % 50) as f32).collect();
                let mut out = vec![0; bytes];
                write_planes(level, &planes, side, side, dtype, layout, &mut out);
                into_tensor(level, area, &noise, side, format, &mut Vec::new(), &mut out);
                into_planes(area, &noise, side, &mut planes);
                let mut expected = vec![0; bytes];
                write_planes(level, &planes, side, side, dtype, layout, &mut expected);
                assert_eq!(out, expected, "{dtype} {layout}");
            }
        }
    }
}
