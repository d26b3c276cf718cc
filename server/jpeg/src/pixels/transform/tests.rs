//! Every level beside the scalar code, and flat blocks beside the transform.

use super::*;
use crate::order::{NATURAL, Order};

/// Numbers that are the same in each run.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    /// Coefficients in natural order: few or many, ordinary or of any size.
    pub(super) fn block(&mut self, is_extreme: bool) -> [i16; 64] {
        let (end, size) = (1 + self.below(64), [3, 30, 300, 2000][self.below(4)]);
        std::array::from_fn(|at| match (at < end || self.below(20) == 0, is_extreme) {
            (false, _) => 0,
            (true, false) => (self.below(2 * size) as i32 - size as i32) as i16,
            // The first row must be ordinary for there to be samples to compare.
            (true, true) if at < 8 => [-32, 31, 0, 7][self.below(4)],
            (true, true) => [i16::MIN, i16::MAX, self.below(1 << 16) as u16 as i16][self.below(3)],
        })
    }

    pub(super) fn steps(&mut self) -> [u8; 64] {
        let most = [1, 4, 20, 255][self.below(4)];
        std::array::from_fn(|_| 1 + self.below(most) as u8)
    }
}

/// Coefficients in zigzag order.
pub(super) fn zigzag(natural: &[i16; 64]) -> [i16; 64] {
    NATURAL.map(|at| natural[usize::from(at)])
}

/// Coefficients in an order.
pub(super) fn ordered(natural: &[i16; 64], order: Order) -> [i16; 64] {
    match order {
        Order::Zigzag => zigzag(natural),
        Order::Natural => *natural,
    }
}

/// Rows are longer than two blocks.
pub(super) const STRIDE: usize = 23;

fn transform(level: SimdLevel, steps: &Steps, blocks: &[[i16; 64]]) -> Result<Vec<u8>, Refusal> {
    let mut samples = vec![9; 2 + 8 * STRIDE * blocks.len()];
    let blocks: Vec<_> = blocks.iter().map(|block| ordered(block, steps.order())).collect();
    let task =
        |(number, coefficients)| Task { coefficients, component: number % 3, at: 2 + number * 8 * STRIDE };
    let tasks: Vec<_> = blocks.iter().enumerate().map(task).collect();
    inverse(level, steps, &tasks, &mut samples, STRIDE).map(|()| samples)
}

#[test]
fn every_level_transforms_alike() {
    let mut random = Random(1);
    let (mut transformed, mut refused) = (0, 0);
    for round in 0..20_000 {
        let quantisation = [random.steps(), random.steps(), random.steps()];
        let steps = [Order::Zigzag, Order::Natural].map(|order| {
            let mut steps = Steps::new(order);
            steps.set(quantisation.iter());
            steps
        });
        let blocks: Vec<_> = (0..=round % 7).map(|_| random.block(round % 3 == 0)).collect();
        let expected = transform(SimdLevel::SCALAR, &steps[0], &blocks);
        for (level, steps) in
            SimdLevel::available().into_iter().flat_map(|level| steps.each_ref().map(|steps| (level, steps)))
        {
            assert!(
                transform(level, steps, &blocks) == expected,
                "{level}, {:?}, round {round}",
                steps.order()
            );
        }
        match expected {
            Ok(_) => transformed += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(transformed > 5000 && refused > 500, "{transformed} {refused}");
}

#[test]
fn every_level_refuses_each_extreme_coefficient_of_the_first_row() {
    let mut steps = Steps::new(Order::Zigzag);
    steps.set([[1; 64]; 3].iter());
    for count in 1..=6 {
        for at in 0..count {
            for (value, is_ordinary) in [(8191, true), (8192, false), (-8192, true), (-8193, false)] {
                let mut blocks = vec![[0; 64]; count];
                blocks[at][at + 2] = value;
                for level in SimdLevel::available() {
                    assert_eq!(transform(level, &steps, &blocks).is_ok(), is_ordinary, "{level} {value}");
                }
            }
        }
    }
}

#[test]
fn flat_blocks_are_filled_with_the_sample_of_the_transform() {
    // Samples of each product, by the transform with steps of 1.
    let mut steps = Steps::new(Order::Zigzag);
    steps.set([[1; 64]; 3].iter());
    let sample = |value: i16| {
        let mut block = [0; 64];
        block[0] = value;
        transform(SimdLevel::SCALAR, &steps, &[block]).map(|samples| {
            assert!((0..64).all(|at| samples[2 + at / 8 * STRIDE + at % 8] == samples[2]));
            samples[2]
        })
    };
    let expected: Vec<_> = (i16::MIN..=i16::MAX).map(sample).collect();
    for step in 1..=255 {
        let mut steps = Steps::new(Order::Zigzag);
        steps.set([[step; 64]; 3].iter());
        for dc in i16::MIN..=i16::MAX {
            let mut coefficients = [0; 64];
            coefficients[0] = dc;
            let (mut samples, task) = ([0; 8 * 8], Task { coefficients: &coefficients, component: 0, at: 0 });
            let made = inverse_flat(&steps, task, &mut samples, 8).map(|()| samples[63]);
            let product = dc.wrapping_mul(i16::from(step));
            assert_eq!(made, expected[(i32::from(product) + 32_768) as usize], "{dc} {step}");
            assert!(made.is_err() || samples == [samples[0]; 64]);
        }
    }
}
