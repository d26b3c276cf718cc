//! Every way to the pixels of a JPEG gives those of libjpeg-turbo: a small sample of what `examples/sweep.rs` compares.

// Functions beside the tests may fail a test, as the tests themselves may.
#![allow(clippy::unwrap_used)]
#![allow(unsafe_code, reason = "libjpeg-turbo's encoder has parameters that only its C functions set")]

mod check;
mod crafted;
mod damage;
mod generate;
mod oddities;
mod pool;
mod random;
mod segments;

use bandwise_decode::JpegPath;
use bandwise_kernels::SimdLevel;
use check::{Checker, Counts};
use random::Random;

const SEED: u64 = 1;

fn checked(files: impl Iterator<Item = Vec<u8>>, crops: usize) -> Counts {
    let mut checker = Checker::new(&SimdLevel::available());
    for (number, bytes) in (0..).zip(files) {
        let mut random = Random::new(SEED + 1, number);
        if let Err(difference) = checker.file(&bytes, crops, &mut random) {
            panic!("file {number} of {} bytes: {difference}", bytes.len());
        }
    }
    checker.counts
}

/// Whether each way was taken often enough for a test to mean something.
fn assert_all_ways(counts: &Counts, least: u64) {
    let own = counts.by(JpegPath::Own).min(counts.by(JpegPath::OwnFromPoints));
    let by_turbo = JpegPath::ALL.into_iter().filter(|path| !path.reason().is_empty());
    let by_turbo: u64 = by_turbo.map(|path| counts.by(path)).sum();
    assert!(own > least && by_turbo > least, "{counts}");
}

#[test]
fn generated_files_are_decoded_alike() {
    let step = 137;
    let counts = checked((0..200).map(|number| generate::image(SEED, number * step)), 2);
    assert_all_ways(&counts, 400);
    assert_eq!(counts.no_header + counts.no_pixels + counts.giant, 0, "{counts}");
}

#[test]
fn harmless_rewrites_are_decoded_alike() {
    let pool = pool::small(SEED);
    let rewritten = |number: u64| {
        let random = &mut Random::new(SEED, number);
        oddities::rewrite(&pool[number as usize % pool.len()], random)
    };
    let counts = checked((0..400).map(rewritten), 1);
    assert_all_ways(&counts, 300);
}

#[test]
fn crafted_files_are_decoded_alike() {
    let counts = checked((0..1000).map(|number| crafted::file(SEED, number)), 1);
    assert_all_ways(&counts, 300);
}

#[test]
fn damaged_files_are_decoded_or_refused_alike() {
    let pool = pool::small(SEED);
    let damaged = |number: u64| pool::damaged(&pool, SEED, number);
    let counts = checked((0..1500).map(damaged), 1);
    assert!(counts.no_header > 50 && counts.no_pixels > 20, "{counts}");
    assert_all_ways(&counts, 200);
}

#[test]
fn seek_points_of_other_files_stop_nothing() {
    let pool = pool::small(SEED);
    let mut checker = Checker::new(&[SimdLevel::detect()]);
    for number in 0..500 {
        let mut random = Random::new(SEED, number);
        let bytes = pool::damaged(&pool, SEED, number);
        let other = &pool[number as usize % pool.len()];
        checker.foreign_points(&bytes, other, &mut random).unwrap();
    }
}
