//! Operations allocate nothing once they have seen the sizes: counted with an allocator of this test binary.

#[path = "common/counting.rs"]
mod counting;

use bandwise_kernels::{AugmentOp, Augmenter, SimdLevel};
use counting::allocations_of;

const OPS: [AugmentOp; 16] = [
    AugmentOp::AutoContrast,
    AugmentOp::Equalize,
    AugmentOp::Invert,
    AugmentOp::Rotate { degrees: -17.0 },
    AugmentOp::Rotate { degrees: 90.0 },
    AugmentOp::Posterize { bits: 3 },
    AugmentOp::Solarize { threshold: 99 },
    AugmentOp::SolarizeAdd { add: 33 },
    AugmentOp::Color { factor: 1.3 },
    AugmentOp::Contrast { factor: 0.7 },
    AugmentOp::Brightness { factor: 1.2 },
    AugmentOp::Sharpness { factor: 0.4 },
    AugmentOp::ShearX { shear: 0.2 },
    AugmentOp::ShearY { shear: -0.2 },
    AugmentOp::TranslateX { pixels: 3.3 },
    AugmentOp::TranslateY { pixels: -4.5 },
];

#[test]
fn an_augmenter_stops_allocating_once_it_has_seen_its_sizes() {
    for level in SimdLevel::available() {
        let mut augmenter = Augmenter::new(level);
        let mut pixels: Vec<u8> = (0..3 * 60 * 60).map(|i| (i * 7 % 253) as u8).collect();
        let mut round = || {
            for (op, side) in OPS.into_iter().flat_map(|op| [60, 31].map(|side| (op, side))) {
                augmenter.apply(op, &mut pixels[..3 * side * side], side, side, [1, 2, 3]);
            }
        };
        assert!(allocations_of(&mut round) > 0, "the counter counts");
        assert_eq!(allocations_of(&mut round), 0, "{level}");
    }
}
