//! The Fourier crop against a naive transform, torch's values, and every level against the scalar one.

#![allow(clippy::unwrap_used, reason = "what cannot be set up fails the test")]

mod common;

use bandwise_kernels::{FourierCrop, FourierError, MAX_FOURIER_SIDE, SimdLevel};
use common::plane;
use proptest::prelude::*;
use std::f64::consts::TAU;

fn crop(level: SimdLevel, side: usize, bandwidth: usize, input: &[f32]) -> Vec<f32> {
    let crop = FourierCrop::new(side, bandwidth).unwrap();
    let mut output = vec![f32::NAN; crop.output_side() * crop.output_side()];
    crop.apply(level, input, &mut output, &mut vec![f32::NAN; crop.scratch_len()]);
    output
}

/// The definition, one axis at a time: sums over all inputs and kept frequencies, in complex float64.
fn naive(side: usize, bandwidth: usize, input: &[f32]) -> Vec<f64> {
    let half = bandwidth as i64 / 2;
    let input: Vec<(f64, f64)> = input.iter().map(|&value| (f64::from(value), 0.0)).collect();
    let rows = naive_lines(side, half, &input);
    let columns = naive_lines(side, half, &rows);
    columns.iter().map(|value| value.0).collect()
}

/// Crops every line and transposes: lines of `side` numbers to lines of as many numbers as there were lines.
fn naive_lines(side: usize, half: i64, input: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let (n, m) = (side as i64, 2 * half);
    let turn = |k: i64, i: i64, n: i64, sign: f64| {
        let angle = sign * TAU * (k * i).rem_euclid(n) as f64 / n as f64;
        (angle.cos(), angle.sin())
    };
    let forward: Vec<_> =
        (-half..half).map(|k| (0..n).map(|i| turn(k, i, n, -1.0)).collect::<Vec<_>>()).collect();
    let back: Vec<_> =
        (0..m).map(|i| (-half..half).map(|k| turn(k, i, m, 1.0)).collect::<Vec<_>>()).collect();
    let dot = |a: &[(f64, f64)], b: &[(f64, f64)]| {
        a.iter()
            .zip(b)
            .fold((0.0, 0.0), |s, (a, b)| (s.0 + a.0 * b.0 - a.1 * b.1, s.1 + a.0 * b.1 + a.1 * b.0))
    };
    let lines = input.len() / side;
    let mut out = vec![(0.0, 0.0); lines * m as usize];
    for (y, line) in input.chunks(side).enumerate() {
        let spectrum: Vec<_> = forward.iter().map(|wave| dot(wave, line)).collect();
        for (i, wave) in back.iter().enumerate() {
            let value = dot(wave, &spectrum);
            out[i * lines + y] = (value.0 / side as f64, value.1 / side as f64);
        }
    }
    out
}

fn largest_error(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max)
}

#[test]
fn is_within_a_ten_thousandth_of_the_definition() {
    for bandwidth in [64, 96, 128, 160, 192] {
        let input = plane(bandwidth as u32, 224, 0);
        let error =
            largest_error(&crop(SimdLevel::detect(), 224, bandwidth, &input), &naive(224, bandwidth, &input));
        assert!(error < 1e-4, "{bandwidth}: {error:e}");
    }
    let input = plane(5, 225, 2);
    let error = largest_error(&crop(SimdLevel::detect(), 225, 96, &input), &naive(225, 96, &input));
    assert!(error < 1e-4, "odd side: {error:e}");
}

#[test]
fn gives_torchs_values() {
    let lines: Vec<Vec<f64>> = include_str!("golden/fourier.txt")
        .lines()
        .map(|line| line.split(' ').map(|field| field.parse().unwrap()).collect())
        .collect();
    for group in lines.chunk_by(|a, b| a[..2] == b[..2]) {
        let (side, bandwidth) = (group[0][0] as usize, group[0][1] as usize);
        let found = crop(SimdLevel::detect(), side, bandwidth, &plane((side + bandwidth) as u32, side, 1));
        for line in group {
            let difference = f64::from(found[line[2] as usize]) - line[3];
            assert!(difference.abs() < 1e-4, "{side} -> {bandwidth} at {}: {difference:e}", line[2]);
        }
    }
}

#[test]
fn small_plane_has_the_reference_values() {
    let input: Vec<f32> = (0..64).map(|i| ((37 * (i % 8) + 11 * (i / 8)) % 256) as f32).collect();
    let expected = [
        18.7452, 101.9289, 155.9411, 130.7574, 17.5025, 84.6863, 186.6985, 190.7696, 36.0589, 119.2426,
        205.2548, 116.0711, 75.3015, 142.4853, 212.4975, 62.0589,
    ];
    for level in SimdLevel::available() {
        assert!(largest_error(&crop(level, 8, 4, &input), &expected) < 1e-4);
    }
}

#[test]
fn every_level_gives_the_same_bits() {
    for bandwidth in [64, 96, 128, 160, 192] {
        let input: Vec<f32> = plane(3, 224, 0).iter().map(|value| (value / 255.0 - 0.485) / 0.229).collect();
        let scalar = crop(SimdLevel::SCALAR, 224, bandwidth, &input);
        for level in SimdLevel::available() {
            assert!(
                crop(level, 224, bandwidth, &input)
                    .iter()
                    .zip(&scalar)
                    .all(|(a, b)| a.to_bits() == b.to_bits())
            );
        }
    }
}

/// Sides whose common factor of two is 1, 2, 4, 8, 16, 32 and more, with even and odd quotients, and outputs
/// that fill no whole number of vectors.
#[test]
fn every_common_factor_follows_the_definition_on_every_level() {
    for (side, bandwidth) in [
        (75, 50),
        (74, 50),
        (76, 60),
        (72, 40),
        (80, 48),
        (112, 80),
        (64, 32),
        (96, 64),
        (96, 32),
        (128, 64),
        (160, 96),
        (192, 160),
    ] {
        let input = plane(side as u32, side, 2);
        let expected = naive(side, bandwidth, &input);
        let scalar = crop(SimdLevel::SCALAR, side, bandwidth, &input);
        let error = largest_error(&scalar, &expected);
        assert!(error < 1e-4, "{side} -> {bandwidth}: {error:e}");
        for level in SimdLevel::available() {
            assert_eq!(crop(level, side, bandwidth, &input), scalar, "{side} -> {bandwidth}: {level}");
        }
    }
}

#[test]
fn normalised_images_are_within_a_hundred_thousandth() {
    for bandwidth in [96, 160, 192] {
        let input: Vec<f32> = plane(9, 224, 1).iter().map(|value| (value / 255.0 - 0.456) / 0.224).collect();
        let error =
            largest_error(&crop(SimdLevel::detect(), 224, bandwidth, &input), &naive(224, bandwidth, &input));
        assert!(error < 1e-5, "{bandwidth}: {error:e}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_size_follows_the_definition_on_every_level(
        (side, bandwidth) in (3usize..50).prop_flat_map(|side| (Just(side), 2..side)),
        seed in 0u32..10_000,
    ) {
        let input = plane(seed, side, 1);
        let expected = naive(side, bandwidth, &input);
        let scalar = crop(SimdLevel::SCALAR, side, bandwidth, &input);
        // Sums of rounding errors have no sharp edge: of 67 680 such pictures the worst was 9.8e-5 off, and a draw of
        // this test once reached 1e-4.
        prop_assert!(largest_error(&scalar, &expected) < 1.5e-4);
        for level in SimdLevel::available() {
            prop_assert_eq!(&crop(level, side, bandwidth, &input), &scalar);
        }
    }
}

#[test]
fn a_bandwidth_of_the_whole_side_copies() {
    for side in [1, 2, 7, 16] {
        let input = plane(1, side, 0);
        assert_eq!(crop(SimdLevel::detect(), side, side, &input), input);
    }
}

#[test]
fn impossible_sizes_are_refused() {
    let error = |side, bandwidth| FourierCrop::new(side, bandwidth).err();
    assert_eq!(error(0, 0), Some(FourierError::Side { side: 0 }));
    assert_eq!(error(MAX_FOURIER_SIDE + 1, 96), Some(FourierError::Side { side: MAX_FOURIER_SIDE + 1 }));
    for bandwidth in [0, 1, 225] {
        assert_eq!(error(224, bandwidth), Some(FourierError::Bandwidth { bandwidth, side: 224 }));
    }
}
