//! A workbench allocates nothing once it has seen the sizes: counted with an allocator of this test binary.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

#[path = "../../kernels/tests/common/counting.rs"]
mod counting;

use std::{fs, path::PathBuf};

use bandwise_decode::DecodeLimits;
use bandwise_kernels::{Dtype, Layout, SimdLevel};
use bandwise_recipe::{ImageKey, LowFrequency, OutputFormat, Program, Recipe, Workbench};
use counting::allocations_of;

#[test]
fn whole_recipes_allocate_nothing_in_steady_state() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../assets/photos");
    let photos = ["nature/cat.jpg", "place/palace.jpg", "thing/cup.jpg"]
        .map(|name| fs::read(root.join(name)).unwrap());
    for (name, method) in [
        ("efficienttrain++", LowFrequency::Lanczos),
        ("efficienttrain++", LowFrequency::Fourier),
        ("efficienttrain", LowFrequency::Fourier),
    ] {
        let recipe = Recipe::named(name, Some(method)).unwrap();
        let format = OutputFormat { dtype: Dtype::F16, layout: Layout::Nchw };
        let program = Program::new(&recipe, 224, 160, 9.0, format).unwrap();
        let mut bench = Workbench::new(SimdLevel::detect()).unwrap();
        let mut out = vec![0; program.image_bytes()];
        let mut run = |epochs: std::ops::Range<u64>| {
            allocations_of(|| {
                for epoch in epochs {
                    for (sample, bytes) in photos.iter().enumerate() {
                        let key = ImageKey { seed: 3, epoch, sample: sample as u64, view: 0 };
                        bench.make(&program, bytes, &DecodeLimits::default(), key, &mut out).unwrap();
                    }
                }
            })
        };
        assert!(run(0..20) > 0, "the counter counts");
        // Slots of the resizer's weights grow until each has met the largest of the sizes that come by.
        (0..8).for_each(|_| {
            run(0..20);
        });
        assert_eq!(run(0..20), 0, "{name} {method}");
    }
}
