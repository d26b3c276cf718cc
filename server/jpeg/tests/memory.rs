//! Crafted and damaged files by every way at every level, without libjpeg-turbo: the ways agree with each other, and Miri
//! or a sanitizer can watch each access to memory.
//!
//! `cargo +nightly miri test -p bandwise-jpeg --test memory`; with `RUSTFLAGS=-Ctarget-cpu=x86-64-v3` it runs AVX2 too.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

#[path = "../../decode/tests/sweep/crafted.rs"]
mod crafted;
#[path = "../../decode/tests/sweep/damage.rs"]
mod damage;
#[path = "../../decode/tests/sweep/oddities.rs"]
mod oddities;
#[path = "../../decode/tests/sweep/random.rs"]
mod random;
#[path = "../../decode/tests/sweep/segments.rs"]
mod segments;
mod ways;

use bandwise_jpeg::{Decoder, Frame, SimdLevel};
use random::Random;

/// Progressive files, in all samplings, with restarts and without.
fn progressive() -> Vec<Vec<u8>> {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| std::fs::read(here.join("tests/golden").join(name)).unwrap();
    let others = ["420_progressive.jpg", "444_progressive.jpg", "grey_progressive.jpg"]
        .map(|name| std::fs::read(here.join("../decode/tests/golden/files").join(name)).unwrap());
    let restarts = (0..6).map(|number| {
        read(&format!("progressive-restart-{}-subsampling-{}.jpg", 1 + number % 2, number / 2))
    });
    [read("grey-progressive.jpg")].into_iter().chain(restarts).chain(others).collect()
}

/// Files; Miri takes a minute for each.
const FILES: u64 = if cfg!(miri) { 2 } else { 1500 };

#[test]
fn all_ways_and_levels_agree_on_crafted_and_damaged_files() {
    let mut decoders: Vec<Decoder> = SimdLevel::available().into_iter().map(Decoder::new).collect();
    let progressive = progressive();
    let (mut decoded, mut with_own, mut with_other, mut refused) = (0, 0, 0, 0);
    for number in 0..FILES {
        let random = &mut Random::new(3, number);
        let healthy = if number % 3 == 1 {
            progressive[random.below(progressive.len())].clone()
        } else {
            crafted::file(2, number)
        };
        let other = crafted::file(2, number + 1);
        let damaged = damage::damage(&healthy, &other, random);
        let frame = Frame::read(&healthy).unwrap_or_else(|_| Frame::read(&crafted::file(2, 0)).unwrap());
        let points = decoders[0].index(&healthy, &frame, random.of(&[1, 2, 8])).ok();
        for (bytes, other) in [(&healthy, None), (&damaged, points.as_deref())] {
            let Some(made) = ways::all_agree(&mut decoders, bytes, other, random) else { continue };
            decoded += usize::from(made.alone.is_ok());
            refused += usize::from(made.alone.is_err());
            with_own += usize::from(made.with_own.is_some_and(|pixels| pixels.is_ok()));
            with_other += usize::from(made.with_other.is_some_and(|pixels| pixels.is_ok()));
        }
    }
    let counts = [decoded, refused, with_own, with_other];
    assert!(cfg!(miri) || counts.iter().all(|&count| count > 100), "{counts:?}");
}
