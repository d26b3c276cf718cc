//! Spectra of waves whose transform is known.

use super::*;
use std::f64::consts::TAU;

/// Grey pixels `128 + sum of amplitude * cos` of waves `(kx, ky, amplitude)`.
fn waves(width: usize, height: usize, waves: &[(f64, f64, f64)]) -> Vec<u8> {
    let value = |x: usize, y: usize| {
        let phase = |kx: f64, ky: f64| TAU * (kx * x as f64 / width as f64 + ky * y as f64 / height as f64);
        waves.iter().fold(128.0, |sum, &(kx, ky, amplitude)| sum + amplitude * phase(kx, ky).cos())
    };
    (0..height).flat_map(|y| (0..width).flat_map(move |x| [value(x, y).round() as u8; 3])).collect()
}

#[test]
fn a_wave_shows_as_two_points_around_the_centre() {
    let plane: Vec<f32> = (0..12 * 10).map(|i| (TAU * 3.0 * f64::from(i % 12) / 12.0).cos() as f32).collect();
    let magnitude = log_magnitude(&plane, 12, 10);
    for (i, &value) in magnitude.iter().enumerate() {
        let expected = if matches!((i % 12, i / 12), (3 | 9, 5)) { 1.0 } else { 0.0 };
        assert!((value - expected).abs() < 1e-5, "{i}: {value}");
    }
    assert_eq!(log_magnitude(&[0.0; 6], 3, 2), [0.0; 6]);
}

#[test]
fn low_pass_drops_waves_outside_the_radius() {
    let near = |a: &[u8], b: &[u8]| a.iter().zip(b).all(|(a, b)| a.abs_diff(*b) <= 1);
    let both = waves(32, 32, &[(2.0, 1.0, 40.0), (9.0, 5.0, 30.0)]);
    let low = waves(32, 32, &[(2.0, 1.0, 40.0)]);
    let view = RgbView::packed(&both, 32, 32);
    assert!(near(&low_pass(view, 10.0), &low));
    assert!(near(&low_pass(view, 10.3), &both));
    assert!(low_pass(view, 0.0).iter().all(|&v| v.abs_diff(128) <= 1));
    assert!(low_pass(view, -1.0).iter().all(|&v| v == 0));
    assert_eq!(low_pass(view, 100.0), both);
}

#[test]
fn the_radius_counts_cycles_along_the_longer_side() {
    let tall = waves(16, 32, &[(0.0, 6.0, 40.0), (4.0, 0.0, 30.0)]);
    let low = low_pass(RgbView::packed(&tall, 16, 32), 7.0);
    let expected = waves(16, 32, &[(0.0, 6.0, 40.0)]);
    assert!(low.iter().zip(&expected).all(|(a, b)| a.abs_diff(*b) <= 1));
}
