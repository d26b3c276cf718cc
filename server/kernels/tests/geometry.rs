//! Shears, translations and rotations of pictures of all kinds and sizes: every level against float64, one byte after the
//! other.

#![allow(clippy::unwrap_used, reason = "what cannot be set up fails the test")]

mod common;

use bandwise_kernels::{AugmentOp, Augmenter, SimdLevel};
use common::geometry::{FILL, naive_affine};
use common::picture;

/// Pictures with many and with few values, in which many bytes are next to whole numbers and many taps the same.
fn pictures(seed: u32, width: usize, height: usize) -> Vec<Vec<u8>> {
    let each = |value: &dyn Fn(usize, usize, usize) -> usize| {
        (0..3 * width * height).map(|i| value(i / 3 % width, i / 3 / width, i % 3) as u8).collect()
    };
    let busy = picture(seed, width, height);
    vec![
        each(&|_, _, _| seed as usize),
        each(&|x, y, c| x + 2 * y + 60 * c),
        each(&|x, y, _| (x + y) % 2 * 255),
        each(&|x, y, c| (x / 5 + y / 3 + c) % 2 * 255),
        each(&|x, y, c| (x / 7 + y / 6 + c) % 3 * 64),
        busy.iter().map(|value| value & 0xc0).collect(),
        busy.iter().map(|value| value % 3 + 253).collect(),
        busy,
    ]
}

/// All operations of an argument, with their maps.
fn operations(argument: f64) -> [(AugmentOp, [f64; 6]); 4] {
    [
        (AugmentOp::ShearX { shear: argument }, [1.0, argument, 0.0, 0.0, 1.0, 0.0]),
        (AugmentOp::ShearY { shear: argument }, [1.0, 0.0, 0.0, argument, 1.0, 0.0]),
        (AugmentOp::TranslateX { pixels: argument }, [1.0, 0.0, argument, 0.0, 1.0, 0.0]),
        (AugmentOp::TranslateY { pixels: argument }, [1.0, 0.0, 0.0, 0.0, 1.0, argument]),
    ]
}

/// Checks all operations. Rotations are those of the scalar level, which knows only float64: `augment` compares it.
fn check(augmenters: &mut [(SimdLevel, Augmenter)], from: &[u8], size: [usize; 2], argument: f64) {
    let [width, height] = size;
    let mut expected: Vec<_> = operations(argument)
        .into_iter()
        .map(|(op, map)| (op, naive_affine(from, width, height, map)))
        .collect();
    let op = AugmentOp::Rotate { degrees: argument };
    let mut turned = from.to_vec();
    augmenters[0].1.apply(op, &mut turned, width, height, FILL);
    expected.push((op, turned));
    for (op, expected) in expected {
        for (level, augmenter) in &mut *augmenters {
            let mut out = from.to_vec();
            augmenter.apply(op, &mut out, width, height, FILL);
            assert!(out == expected, "{level} {op:?} {width} x {height}");
        }
    }
}

fn augmenters() -> Vec<(SimdLevel, Augmenter)> {
    let levels = SimdLevel::available();
    assert_eq!(levels[0], SimdLevel::SCALAR);
    levels.into_iter().map(|level| (level, Augmenter::new(level))).collect()
}

/// Whole, nearly whole, tiny, far away, and with fractions that make many values whole.
const SPECIAL: [f64; 32] = [
    1.0,
    -2.0,
    0.5,
    -0.25,
    1.0 / 64.0,
    -3.0 / 128.0,
    0.1,
    -10.08,
    50.4,
    1.0 / 3.0,
    1e-17,
    -1e-17,
    1e-12,
    -1e-12,
    1e-7,
    -2e-8,
    3e-6,
    0.999_999_999_999,
    1.000_000_000_001,
    -0.3,
    0.3,
    0.41,
    -0.75,
    4.9,
    -17.0,
    29.9,
    1e8,
    -2e9,
    1e300,
    f64::NAN,
    f64::INFINITY,
    f64::MIN_POSITIVE,
];

#[test]
fn special_arguments_give_the_bytes_of_float64_at_every_level() {
    let mut augmenters = augmenters();
    for (seed, size) in (0..).zip([[33, 21], [64, 5], [65, 40], [1, 1], [22, 70]]) {
        for (kind, from) in pictures(seed, size[0], size[1]).into_iter().enumerate() {
            for (i, argument) in SPECIAL.into_iter().enumerate() {
                if (i + kind).is_multiple_of(2) || seed < 2 {
                    check(&mut augmenters, &from, size, argument);
                }
            }
        }
    }
}

#[test]
fn every_size_gives_the_bytes_of_float64_at_every_level() {
    let mut augmenters = augmenters();
    for side in 1..=70_usize {
        for size in [[side, 1 + side * 37 % 70], [1 + side * 37 % 70, side]] {
            let kinds = pictures(side as u32, size[0], size[1]);
            let from = &kinds[side % kinds.len()];
            let argument = (side as f64 * 0.618).fract() * 2.0 - 1.0;
            for most in [0.3, 1.0, 30.0] {
                check(&mut augmenters, from, size, most * argument);
            }
        }
    }
}

#[test]
fn whole_pictures_give_the_bytes_of_float64_at_every_level() {
    let mut augmenters = augmenters();
    for (i, from) in pictures(77, 224, 224).into_iter().enumerate() {
        for argument in [0.2731, -0.2969, 13.7 + i as f64, -61.2] {
            check(&mut augmenters, &from, [224, 224], argument);
            check(&mut augmenters, &from, [224, 224], argument * 1e-8);
        }
    }
}
