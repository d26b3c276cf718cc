//! The scalar code beside the definition of the transform, every level beside the scalar code, and flat blocks.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use super::{
    super::tests::{Random, STRIDE, ordered, zigzag},
    *,
};
use crate::order::Order;

/// The inverse transform of the lowest coefficients as it is defined (T.81, A.3.3, with fewer of them).
fn naive(values: &[f64; 64], (across, down): (usize, usize)) -> Vec<f64> {
    let basis = |len: usize, at: usize, frequency: usize| {
        let scale = if frequency == 0 { FRAC_1_SQRT_2 } else { 1.0 };
        scale * (PI * ((2 * at + 1) * frequency) as f64 / (2 * len) as f64).cos() / 2.0
    };
    let sample = |at: usize| {
        let (x, y) = (at % across, at / across);
        let term = |u: usize, v: usize| basis(across, x, u) * basis(down, y, v) * values[8 * v + u];
        128.0 + (0..across * down).map(|at| term(at % across, at / across)).sum::<f64>()
    };
    (0..across * down).map(|at| sample(at).clamp(0.0, 255.0)).collect()
}

#[test]
fn samples_are_those_of_the_definition() {
    let mut random = Random(5);
    let (mut compared, mut different) = (0, 0);
    for round in 0..6000 {
        let size = [(4, 4), (8, 4), (4, 8)][round % 3];
        let mut steps = Steps::new(Order::Zigzag);
        steps.set([random.steps()].iter());
        let block = random.block(false);
        let values = std::array::from_fn(|at| f64::from(block[at]) * f64::from(steps.of(0)[at]));
        if values.iter().map(|value: &f64| value.abs()).sum::<f64>() > 5000.0 {
            continue; // may saturate between the passes
        }
        let expected = naive(&values, size);
        let mut samples = [9; 8 * STRIDE];
        let task = Task { coefficients: &zigzag(&block), component: 0, at: 2 };
        inverse(SimdLevel::SCALAR, &steps, size, &[task], &mut samples, STRIDE);
        for (at, expected) in expected.iter().enumerate() {
            let made = f64::from(samples[2 + at / size.0 * STRIDE + at % size.0]);
            assert!((made - expected).abs() <= 1.0, "{size:?}, sample {at}: {made}, not {expected}");
            compared += 1;
            different += usize::from(made != expected.round());
        }
        let beside =
            |at: &usize| at.checked_sub(2).is_none_or(|at| at % STRIDE >= size.0 || at / STRIDE >= size.1);
        assert!((0..samples.len()).filter(beside).all(|at| samples[at] == 9));
    }
    assert!(
        compared > 20_000 && 10 * different < compared,
        "{different} of {compared} are rounded otherwise"
    );
}

#[test]
fn every_level_transforms_alike() {
    let mut random = Random(6);
    for round in 0..20_000 {
        let size = [(4, 4), (8, 4), (4, 8)][random.below(3)];
        let quantisation = [random.steps(), random.steps(), random.steps()];
        let natural: Vec<_> = (0..=round % 9).map(|_| random.block(round % 3 == 0)).collect();
        let mut made = Vec::new();
        for order in [Order::Zigzag, Order::Natural] {
            let mut steps = Steps::new(order);
            steps.set(quantisation.iter());
            let blocks: Vec<_> = natural.iter().map(|block| ordered(block, order)).collect();
            for level in SimdLevel::available() {
                let mut samples = vec![9; 2 + 8 * STRIDE * blocks.len()];
                let task = |(number, coefficients)| Task {
                    coefficients,
                    component: number % 3,
                    at: 2 + number * 8 * STRIDE,
                };
                let tasks: Vec<_> = blocks.iter().enumerate().map(task).collect();
                inverse(level, &steps, size, &tasks, &mut samples, STRIDE);
                made.push(samples);
            }
        }
        assert!(made.iter().all(|samples| *samples == made[0]), "round {round}");
    }
}

#[test]
fn flat_blocks_are_filled_with_the_sample_of_the_transform() {
    let mut steps = Steps::new(Order::Zigzag);
    steps.set([[1; 64]].iter());
    for dc in i16::MIN..=i16::MAX {
        let mut coefficients = [0; 64];
        coefficients[0] = dc;
        let task = Task { coefficients: &coefficients, component: 0, at: 1 };
        for size in [(4, 4), (8, 4), (4, 8)] {
            let (mut flat, mut made) = ([7; 90], [7; 90]);
            inverse_flat(&steps, task, size, &mut flat, 10);
            inverse(SimdLevel::SCALAR, &steps, size, &[task], &mut made, 10);
            assert_eq!(flat, made, "{dc}, {size:?}");
        }
    }
}
