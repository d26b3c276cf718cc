//! Operations allocate nothing once they have seen the sizes: counted with an allocator of this test binary.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use bandwise_kernels::{AugmentOp, Augmenter, SimdLevel};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all calls go to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, memory: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(memory) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, memory: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, memory) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

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
        round();
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        round();
        assert_eq!(ALLOCATIONS.load(Ordering::Relaxed), before, "{level}");
    }
}
