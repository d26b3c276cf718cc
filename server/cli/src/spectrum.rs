//! Spectra for pictures that people look at: the log magnitude, and a low-pass filter that keeps the size.
//!
//! Everything is float64 with rustfft's scalar planner, whose bits are the same on every CPU. Speed is no
//! aim here; training batches go through the Fourier crop instead.

use bandwise_kernels::RgbView;
use rustfft::num_complex::Complex;
use rustfft::{FftDirection, FftPlannerScalar};

/// The centred log magnitude `ln(1 + |X|)` of a plane of `width` x `height`, scaled so that its maximum is 1.
///
/// Frequency 0 is at column `width / 2`, row `height / 2`. A plane of zeros gives zeros.
///
/// # Panics
///
/// If a side is 0 or `plane` is not exactly `width * height` floats.
pub(crate) fn log_magnitude(plane: &[f32], width: usize, height: usize) -> Vec<f32> {
    assert!(
        width > 0 && height > 0 && plane.len() == width * height,
        "{} floats in {width} x {height}",
        plane.len()
    );
    let mut spectrum: Vec<_> = plane.iter().map(|&value| Complex::new(f64::from(value), 0.0)).collect();
    transform(&mut spectrum, width, height, FftDirection::Forward);
    let mut centred = vec![0.0; spectrum.len()];
    for (i, value) in spectrum.iter().enumerate() {
        let (x, y) = ((i % width + width / 2) % width, (i / width + height / 2) % height);
        centred[y * width + x] = libm::log1p(libm::hypot(value.re, value.im));
    }
    let largest = centred.iter().copied().fold(0.0, f64::max);
    let scale = if largest > 0.0 { 1.0 / largest } else { 0.0 };
    centred.iter().map(|value| (value * scale) as f32).collect()
}

/// The picture without the frequencies outside `radius`: packed RGB of the same size, rounded half to even
/// and clamped.
///
/// A frequency of `kx` cycles per picture width and `ky` per height is kept if
/// `hypot(kx * L / width, ky * L / height) <= radius`, where `L` is the longer side: `radius` counts cycles
/// along the longer side, and the filter is round in the picture. For square pictures that is
/// `hypot(kx, ky) <= radius`. A negative radius gives black.
pub(crate) fn low_pass(view: RgbView<'_>, radius: f64) -> Vec<u8> {
    let (width, height) = (view.width(), view.height());
    let mut out = vec![0; 3 * width * height];
    for channel in 0..3 {
        let mut plane: Vec<_> = (0..height)
            .flat_map(|y| view.row(y).as_chunks::<3>().0)
            .map(|pixel| Complex::new(f64::from(pixel[channel]), 0.0))
            .collect();
        low_pass_plane(&mut plane, width, height, radius);
        for (out, value) in out[channel..].iter_mut().step_by(3).zip(&plane) {
            *out = value.re.round_ties_even().clamp(0.0, 255.0) as u8;
        }
    }
    out
}

fn low_pass_plane(plane: &mut [Complex<f64>], width: usize, height: usize, radius: f64) {
    transform(plane, width, height, FftDirection::Forward);
    let longer = width.max(height) as f64;
    let distance = |k: usize, side: usize| k.min(side - k) as f64 * longer / side as f64;
    let scale = 1.0 / (width * height) as f64;
    for (i, value) in plane.iter_mut().enumerate() {
        let kept = libm::hypot(distance(i % width, width), distance(i / width, height)) <= radius;
        *value *= if kept { scale } else { 0.0 };
    }
    transform(plane, width, height, FftDirection::Inverse);
}

/// The two-dimensional transform, not scaled.
fn transform(plane: &mut [Complex<f64>], width: usize, height: usize, direction: FftDirection) {
    let mut planner = FftPlannerScalar::new();
    planner.plan_fft(width, direction).process(plane);
    let columns = planner.plan_fft(height, direction);
    let mut column = vec![Complex::default(); height];
    for x in 0..width {
        for (value, row) in column.iter_mut().zip(plane.chunks_exact(width)) {
            *value = row[x];
        }
        columns.process(&mut column);
        for (value, row) in column.iter().zip(plane.chunks_exact_mut(width)) {
            row[x] = *value;
        }
    }
}

#[cfg(test)]
#[path = "spectrum_tests.rs"]
mod tests;
