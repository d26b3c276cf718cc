//! Small pieces of image arithmetic that only the reports and single-image commands need.

/// The Fourier crop of whole pictures, outside a recipe.
pub(crate) mod fourier {
    use bandwise_kernels::{Dtype, FourierCrop, Layout, RgbView, SimdLevel, rgb_to_planes_f32, write_planes};

    /// Three planes cropped to the crop's output side.
    pub(crate) fn planes(crop: &FourierCrop, planes: &[f32]) -> Vec<f32> {
        let (from, to) = (crop.side() * crop.side(), crop.output_side() * crop.output_side());
        let (mut cropped, mut scratch) = (vec![0.0; 3 * to], vec![0.0; crop.scratch_len()]);
        for (plane, out) in planes.chunks_exact(from).zip(cropped.chunks_exact_mut(to)) {
            crop.apply(SimdLevel::detect(), plane, out, &mut scratch);
        }
        cropped
    }

    /// A square picture cropped in 0..255 space, rounded half to even and clamped.
    pub(crate) fn pixels(crop: &FourierCrop, view: RgbView<'_>) -> Vec<u8> {
        let mut values = vec![0.0; 3 * view.width() * view.height()];
        rgb_to_planes_f32(SimdLevel::detect(), None, view, &mut values);
        let (cropped, side) = (planes(crop, &values), crop.output_side());
        let mut out = vec![0; 3 * side * side];
        write_planes(SimdLevel::detect(), &cropped, side, side, Dtype::U8, Layout::Nhwc, &mut out);
        out
    }
}

/// Peak signal-to-noise ratio of 8-bit pictures in decibels; infinite for equal ones.
pub(crate) fn psnr_db(picture: &[u8], reference: &[u8]) -> f64 {
    let squares: f64 =
        picture.iter().zip(reference).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum();
    10.0 * (255.0_f64.powi(2) * picture.len() as f64 / squares).log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn psnr_follows_its_definition() {
        assert!((psnr_db(&[10, 20], &[10, 30]) - 10.0 * (255.0_f64.powi(2) / 50.0).log10()).abs() < 1e-12);
        assert_eq!(psnr_db(&[1], &[1]), f64::INFINITY);
    }
}
