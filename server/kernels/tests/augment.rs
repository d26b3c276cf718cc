//! The RandAugment operations against Pillow's outputs, against naive ones, and every level against the
//! scalar one.

#![allow(clippy::unwrap_used, reason = "what cannot be set up fails the test")]

mod common;

use bandwise_kernels::{AugmentOp, Augmenter, SimdLevel};
use common::geometry::{FILL, naive_affine, naive_rotation};
use common::{augmented_picture, picture};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

fn applied(level: SimdLevel, op: AugmentOp, pixels: &[u8], width: usize, height: usize) -> Vec<u8> {
    let mut out = pixels.to_vec();
    Augmenter::new(level).apply(op, &mut out, width, height, FILL);
    out
}

/// The operation called `name`; the argument is the bits of a float or a whole number.
fn operation(name: &str, argument: &str) -> AugmentOp {
    let float = || f64::from_bits(u64::from_str_radix(argument, 16).unwrap());
    let whole = || argument.parse().unwrap();
    match name {
        "AutoContrast" => AugmentOp::AutoContrast,
        "Equalize" => AugmentOp::Equalize,
        "Invert" => AugmentOp::Invert,
        "Rotate" => AugmentOp::Rotate { degrees: float() },
        "Posterize" => AugmentOp::Posterize { bits: whole() },
        "Solarize" => AugmentOp::Solarize { threshold: whole() },
        "SolarizeAdd" => AugmentOp::SolarizeAdd { add: whole() },
        "Color" => AugmentOp::Color { factor: float() },
        "Contrast" => AugmentOp::Contrast { factor: float() },
        "Brightness" => AugmentOp::Brightness { factor: float() },
        "Sharpness" => AugmentOp::Sharpness { factor: float() },
        "ShearX" => AugmentOp::ShearX { shear: float() },
        "ShearY" => AugmentOp::ShearY { shear: float() },
        "TranslateX" => AugmentOp::TranslateX { pixels: float() },
        "TranslateY" => AugmentOp::TranslateY { pixels: float() },
        _ => panic!("{name}"),
    }
}

#[test]
fn equals_pillow_on_every_level() {
    let mut augmenters: Vec<_> =
        SimdLevel::available().into_iter().map(|level| (level, Augmenter::new(level))).collect();
    let mut cases = 0;
    for line in include_str!("golden/augment.txt").lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let n: Vec<usize> = fields[2..5].iter().map(|field| field.parse().unwrap()).collect();
        let op = operation(fields[0], fields[1]);
        assert_eq!(op.name(), fields[0]);
        let pixels = augmented_picture(n[0] as u32, n[1], n[2]);
        for (level, augmenter) in &mut augmenters {
            let mut out = pixels.clone();
            augmenter.apply(op, &mut out, n[1], n[2], FILL);
            let hash: String = Sha256::digest(&out)[..8].iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hash, fields[5], "{level}: {op:?} of {line}");
        }
        cases += 1;
    }
    assert!(cases >= 15 * 200, "{cases}");
}

/// The 8 x 8 picture of the published check values.
fn small_picture() -> Vec<u8> {
    let pixel = |x: i32, y: i32| {
        [(37 * x + 11 * y) as u8, (5 * x * x + 3 * y * y) as u8, 255 - (29 * x + 17 * y) as u8]
    };
    (0..64).flat_map(|i| pixel(i % 8, i / 8)).collect()
}

#[test]
fn small_picture_has_pillows_red_values_after_geometry() {
    let rows: [(AugmentOp, usize, usize, [u8; 8]); 4] = [
        (AugmentOp::ShearX { shear: 0.3 }, 7 * 8, 1, [163, 212, 173, 0, 57, 85, 124, 124]),
        (AugmentOp::TranslateY { pixels: 1.25 }, 2, 8, [88, 99, 110, 121, 132, 144, 152, 124]),
        (AugmentOp::Rotate { degrees: 15.0 }, 3 * 8, 1, [31, 75, 112, 150, 191, 220, 83, 45]),
        (AugmentOp::Rotate { degrees: 15.0 }, 0, 1, [124, 124, 106, 142, 180, 244, 50, 124]),
    ];
    for (level, (op, first, step, expected)) in
        SimdLevel::available().into_iter().flat_map(|level| rows.map(|row| (level, row)))
    {
        let out = applied(level, op, &small_picture(), 8, 8);
        let red: Vec<u8> = (0..8).map(|i| out[3 * (first + step * i)]).collect();
        assert_eq!(red, expected, "{level} {op:?}");
    }
}

#[test]
fn small_picture_has_pillows_pixels_after_enhancement() {
    #[rustfmt::skip]
    let rows: [(AugmentOp, [u8; 12]); 10] = [
        (AugmentOp::AutoContrast, [33, 27, 203, 70, 32, 174, 107, 47, 145, 144, 72, 116]),
        (AugmentOp::Sharpness { factor: 0.0 }, [33, 27, 204, 70, 36, 175, 107, 51, 146, 144, 76, 117]),
        (AugmentOp::Color { factor: 0.55 }, [40, 36, 134, 65, 44, 123, 93, 60, 114, 123, 84, 108]),
        (AugmentOp::Color { factor: 1.45 }, [25, 17, 255, 74, 19, 226, 120, 33, 177, 164, 59, 125]),
        (AugmentOp::Contrast { factor: 0.55 }, [67, 64, 161, 88, 67, 145, 108, 75, 129, 128, 89, 113]),
        (AugmentOp::Contrast { factor: 1.45 }, [0, 0, 246, 52, 0, 204, 105, 18, 162, 159, 54, 120]),
        (AugmentOp::Brightness { factor: 0.55 }, [18, 14, 112, 38, 17, 96, 58, 25, 80, 79, 39, 64]),
        (AugmentOp::Brightness { factor: 1.45 }, [47, 39, 255, 101, 46, 253, 155, 68, 211, 208, 104, 169]),
        (AugmentOp::Sharpness { factor: 0.55 }, [33, 27, 204, 70, 33, 175, 107, 48, 146, 144, 73, 117]),
        (AugmentOp::Sharpness { factor: 1.45 }, [33, 27, 204, 70, 30, 175, 107, 45, 146, 144, 70, 117]),
    ];
    for (level, (op, expected)) in
        SimdLevel::available().into_iter().flat_map(|level| rows.map(|row| (level, row)))
    {
        let out = applied(level, op, &small_picture(), 8, 8);
        assert_eq!(out[3 * 3 * 8..][..12], expected, "{level} {op:?}");
    }
}

/// Arguments of which a good part is special: whole, tiny or far away.
fn argument(most: f64) -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => -most..most,
        1 => (-8_i32..8).prop_map(|eighths| f64::from(eighths) / 4.0),
        1 => prop_oneof![Just(0.0), Just(-0.0), Just(1e-17), Just(-1e-17), Just(2e9), Just(-1e300)],
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_level_equals_the_naive_map(
        (width, height) in (prop_oneof![1_usize..6, 1_usize..70], prop_oneof![1_usize..6, 1_usize..50]),
        seed in 0_u32..10_000,
        shear in argument(0.6),
        pixels in argument(30.0),
        degrees in argument(400.0),
    ) {
        let from = augmented_picture(seed, width, height);
        let maps = [
            (AugmentOp::ShearX { shear }, [1.0, shear, 0.0, 0.0, 1.0, 0.0]),
            (AugmentOp::ShearY { shear }, [1.0, 0.0, 0.0, shear, 1.0, 0.0]),
            (AugmentOp::TranslateX { pixels }, [1.0, 0.0, pixels, 0.0, 1.0, 0.0]),
            (AugmentOp::TranslateY { pixels }, [1.0, 0.0, 0.0, 0.0, 1.0, pixels]),
            (AugmentOp::Rotate { degrees }, naive_rotation(degrees, width, height)),
        ];
        for (op, map) in maps {
            let expected = naive_affine(&from, width, height, map);
            // Another last decimal of the sine may move the middle of a picture of odd sides.
            let tolerance = matches!(op, AugmentOp::Rotate { .. }) && (width % 2 == 1 || height % 2 == 1);
            for level in SimdLevel::available() {
                let out = applied(level, op, &from, width, height);
                let differences = out.iter().zip(&expected).filter(|(a, b)| a != b).count();
                prop_assert!(
                    differences == 0 || tolerance && differences <= 3,
                    "{} {:?} {}x{}: {} differ", level, op, width, height, differences
                );
            }
        }
    }

    #[test]
    fn every_level_equals_the_scalar_one(
        (width, height) in (1_usize..90, 1_usize..20),
        seed in 0_u32..10_000,
        factor in prop_oneof![-3.0..4.0, 0.1..1.9, Just(f64::NAN), Just(f64::INFINITY), Just(f64::MIN)],
        whole in 0_u32..300,
        angle in any::<f64>(),
    ) {
        let pixels = augmented_picture(seed, width, height);
        let ops = [
            AugmentOp::AutoContrast,
            AugmentOp::Equalize,
            AugmentOp::Invert,
            AugmentOp::Posterize { bits: whole % 10 },
            AugmentOp::Solarize { threshold: whole },
            AugmentOp::SolarizeAdd { add: whole },
            AugmentOp::Color { factor },
            AugmentOp::Contrast { factor },
            AugmentOp::Brightness { factor },
            AugmentOp::Sharpness { factor },
            AugmentOp::Rotate { degrees: angle },
            AugmentOp::ShearX { shear: factor },
            AugmentOp::ShearY { shear: factor },
        ];
        for op in ops {
            let expected = applied(SimdLevel::SCALAR, op, &pixels, width, height);
            for level in SimdLevel::available() {
                prop_assert!(applied(level, op, &pixels, width, height) == expected, "{} {:?}", level, op);
            }
        }
    }

    #[test]
    fn sharpness_equals_the_naive_filter(
        (width, height) in (1_usize..40, 1_usize..12),
        seed in 0_u32..10_000,
        factor in -1.0_f32..3.0,
    ) {
        let pixels = augmented_picture(seed, width, height);
        let (one, five) = (1.0 / 13.0_f32, 5.0 / 13.0_f32);
        let at = |i: usize, dx: usize, dy: usize| f32::from(pixels[i + 3 * (dx + dy * width) - 3 * (width + 1)]);
        let expected: Vec<u8> = (0..pixels.len()).map(|i| {
            let (x, y) = (i / 3 % width, i / 3 / width);
            if x == 0 || y == 0 || x + 1 >= width || y + 1 >= height {
                return pixels[i];
            }
            let row = |dy, middle| at(i, 0, dy) * one + at(i, 1, dy) * middle + at(i, 2, dy) * one;
            let smooth = (0.5 + row(2, one) + row(1, five) + row(0, one)).clamp(0.0, 255.0) as u8;
            let difference = f32::from(pixels[i]) - f32::from(smooth);
            (f32::from(smooth) + factor * difference).clamp(0.0, 255.0) as u8
        }).collect();
        for level in SimdLevel::available() {
            let op = AugmentOp::Sharpness { factor: f64::from(factor) };
            prop_assert!(applied(level, op, &pixels, width, height) == expected, "{} {}", level, factor);
        }
    }
}

#[test]
fn nothing_changes_where_nothing_should() {
    let ops = [
        AugmentOp::Rotate { degrees: 0.0 },
        AugmentOp::Rotate { degrees: -720.0 },
        AugmentOp::Posterize { bits: 8 },
        AugmentOp::Posterize { bits: u32::MAX },
        AugmentOp::Solarize { threshold: 256 },
        AugmentOp::Solarize { threshold: u32::MAX },
        AugmentOp::SolarizeAdd { add: 0 },
        AugmentOp::Color { factor: 1.0 },
        AugmentOp::Contrast { factor: f64::NAN },
        AugmentOp::Brightness { factor: 1.0 },
        AugmentOp::Sharpness { factor: 1.0 },
        AugmentOp::ShearX { shear: 0.0 },
        AugmentOp::ShearY { shear: -0.0 },
        AugmentOp::translate_x_by(0.0, 31),
        AugmentOp::translate_y_by(-0.0, 20),
    ];
    let pixels = picture(5, 31, 20);
    for (level, op) in SimdLevel::available().into_iter().flat_map(|level| ops.map(|op| (level, op))) {
        assert_eq!(applied(level, op, &pixels, 31, 20), pixels, "{level} {op:?}");
    }
}

#[test]
fn what_is_not_finite_moves_everything_outside() {
    let pixels = picture(6, 9, 7);
    for argument in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for op in [
            AugmentOp::Rotate { degrees: argument },
            AugmentOp::ShearX { shear: argument },
            AugmentOp::ShearY { shear: argument },
            AugmentOp::TranslateX { pixels: argument },
            AugmentOp::TranslateY { pixels: argument },
        ] {
            for level in SimdLevel::available() {
                assert_eq!(applied(level, op, &pixels, 9, 7), FILL.repeat(63), "{level} {op:?}");
            }
        }
    }
}

#[test]
fn fractions_become_pixels_as_in_timm() {
    assert_eq!(AugmentOp::translate_x_by(0.45, 224), AugmentOp::TranslateX { pixels: 0.45 * 224.0 });
    assert_eq!(AugmentOp::translate_y_by(-0.1, 97), AugmentOp::TranslateY { pixels: -0.1 * 97.0 });
}

#[test]
fn a_reused_augmenter_gives_what_a_new_one_gives() {
    for level in SimdLevel::available() {
        let mut reused = Augmenter::new(level);
        for round in 0..60_usize {
            let (width, height) = (1 + round * 37 % 90, 1 + round * 23 % 70);
            let pixels = picture(round as u32, width, height);
            let value = round as f64 / 60.0;
            for op in [
                AugmentOp::Rotate { degrees: 30.0 * value },
                AugmentOp::ShearY { shear: 0.3 * value },
                AugmentOp::TranslateX { pixels: 9.0 * value },
                AugmentOp::Sharpness { factor: 2.0 * value },
            ] {
                let mut out = pixels.clone();
                reused.apply(op, &mut out, width, height, FILL);
                assert_eq!(out, applied(level, op, &pixels, width, height), "{level} {op:?}");
            }
        }
    }
}

#[test]
#[should_panic(expected = "12 bytes for 2 x 3 pixels")]
fn pixels_that_do_not_fill_the_picture_are_refused() {
    applied(SimdLevel::SCALAR, AugmentOp::Invert, &[0; 12], 2, 3);
}
