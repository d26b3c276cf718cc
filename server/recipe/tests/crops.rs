//! The random resized crop: pinned values, bounds, and its exact distribution.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

use bandwise_kernels::Rect;
use bandwise_recipe::{CropRange, DrawOp, ImageKey};

fn sample(width: u32, height: u32, seed: u64, epoch: u64, sample: u64) -> Rect {
    let key = ImageKey { seed, epoch, sample, view: 0 };
    CropRange::IMAGENET.sample(width, height, &mut key.draws(DrawOp::Crop))
}

// Published runs rely on these values. They come from golden/draws.py, a second implementation.
#[test]
fn crops_are_pinned() {
    for (width, height, id, x, y, w, h) in [
        (500, 375, 0, 86, 83, 275, 255),
        (500, 375, 1, 110, 14, 302, 360),
        (500, 375, 2, 243, 1, 227, 272),
        (224, 224, 0, 31, 64, 142, 132),
        (224, 224, 1, 38, 34, 156, 186),
        (224, 224, 2, 96, 0, 117, 141),
        (1, 5000, 0, 0, 2499, 1, 1),
        (5000, 1, 1, 2499, 0, 1, 1),
        (1, 1, 2, 0, 0, 1, 1),
        (33, 1000, 0, 0, 478, 33, 44),
        (375, 500, 0, 38, 170, 275, 255),
        (375, 500, 1, 40, 126, 302, 360),
        (375, 500, 2, 132, 2, 227, 272),
    ] {
        let expected = Rect { x, y, width: w, height: h };
        assert_eq!(sample(width, height, 7, 3, id), expected, "{width} x {height}, sample {id}");
    }
}

#[test]
fn crops_always_fit() {
    for side in [1, 2, 3, 7, 50, 1000, 65_535] {
        for other in [1, 2, 5, 333, 65_535] {
            for id in 0..50 {
                assert!(sample(side, other, 0, 0, id).fits(side, other), "{side} x {other}, sample {id}");
            }
        }
    }
}

/// Largest distance between the empirical and the exact distribution function (Kolmogorov and Smirnov).
fn distance(mut values: Vec<f64>, exact: impl Fn(f64) -> f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len() as f64;
    let at = |(i, &value): (usize, &f64)| {
        let f = exact(value);
        (f - i as f64 / n).abs().max((f - (i + 1) as f64 / n).abs())
    };
    values.iter().enumerate().map(at).fold(0.0, f64::max)
}

/// Kolmogorov-Smirnov bound for p = 0.001.
fn bound(n: usize) -> f64 {
    1.95 / (n as f64).sqrt()
}

#[test]
fn area_ratio_and_place_follow_the_formulas() {
    // On a large square the first try fits unless the drawn sides exceed it, which bounds the area: with areas
    // up to 0.5 and ratios up to 4/3 it always fits, so the laws are exactly uniform.
    const N: usize = 40_000;
    const SIDE: u32 = 30_000;
    let range = CropRange { area: (0.08, 0.5), ..CropRange::IMAGENET };
    let rects: Vec<Rect> = (0..N as u64)
        .map(|id| {
            let key = ImageKey { seed: 1, epoch: 2, sample: id, view: 0 };
            range.sample(SIDE, SIDE, &mut key.draws(DrawOp::Crop))
        })
        .collect();
    let share = |r: &Rect| f64::from(r.width) * f64::from(r.height) / f64::from(SIDE).powi(2);
    let area = distance(rects.iter().map(share).collect(), |a| (a - 0.08) / (0.5 - 0.08));
    let (low, high) = ((3.0_f64 / 4.0).ln(), (4.0_f64 / 3.0).ln());
    let log_ratio = |r: &Rect| (f64::from(r.width) / f64::from(r.height)).ln();
    let ratio = distance(rects.iter().map(log_ratio).collect(), |q| (q - low) / (high - low));
    let place = |x: u32, w: u32| f64::from(x) / f64::from(SIDE - w);
    let left = distance(rects.iter().map(|r| place(r.x, r.width)).collect(), |x| x);
    let top = distance(rects.iter().map(|r| place(r.y, r.height)).collect(), |y| y);
    for (name, d) in [("area", area), ("ratio", ratio), ("left", left), ("top", top)] {
        assert!(d < bound(N), "{name}: distance {d}, bound {}", bound(N));
    }
}

#[test]
fn rejection_shapes_the_area_as_the_reference_does() {
    // The share of first tries that fit a square: w <= 1 and h <= 1 need area <= min(q, 1/q). Integrated over
    // ln q uniform in +-l: accepted = 1 - E[(1 - exp(-|u|)) / 0.92].
    const N: u64 = 40_000;
    let l = (4.0_f64 / 3.0).ln();
    let accepted = 1.0 - (1.0 - (1.0 - (-l).exp()) / l) / 0.92;
    let fits = (0..N)
        .filter(|&id| {
            let key = ImageKey { seed: 3, epoch: 0, sample: id, view: 0 };
            let mut draws = key.draws(DrawOp::Crop);
            let (area, u) = (draws.uniform(0.08, 1.0), draws.uniform(-l, l));
            let rect = sample(20_000, 20_000, 3, 0, id);
            let is = |side: u32, drawn: f64| (f64::from(side) - drawn.sqrt() * 20_000.0).abs() < 1.0;
            let of_first_try = is(rect.width, area * u.exp()) && is(rect.height, area / u.exp());
            // Sides within half a pixel of the image's round to it and fit.
            let at_the_edge = (area - (-u.abs()).exp()).abs() < 1e-4;
            assert!(at_the_edge || of_first_try == (area <= (-u.abs()).exp()), "sample {id}");
            of_first_try
        })
        .count() as f64;
    let expected = accepted * N as f64;
    let sigma = (N as f64 * accepted * (1.0 - accepted)).sqrt();
    assert!((fits - expected).abs() < 4.0 * sigma, "{fits} first tries fit, expected {expected} +- {sigma}");
}
