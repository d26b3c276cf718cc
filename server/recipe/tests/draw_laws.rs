//! What RandAugment, flips, erasing and mixing draw, against the exact laws of timm 0.4.12.
//!
//! Every test states its law, its number of draws and its bound: chi-square at p = 0.001, Kolmogorov-Smirnov at
//! p = 0.001, or four standard deviations of a count. Draws are keyed, so a passing test passes always.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

use std::collections::BTreeMap;

use bandwise_kernels::AugmentOp;
use bandwise_recipe::{
    CutMixEdge, DrawKey, DrawOp, DrawnMix, Draws, ImageKey, Mix, RandAugment, RandomErase,
};

const N: u64 = 400_000;

fn draws(sample: u64, op: DrawOp) -> Draws {
    ImageKey { seed: 5, epoch: 1, sample, view: 0 }.draws(op)
}

/// The draws of the groups of one step.
fn mixing(group: u64) -> Draws {
    Draws::new(DrawKey::Group { seed: 5, step: 1, group })
}

/// A count must lie within four standard deviations (and one, where nearly none is expected) of its expectation.
fn assert_share(what: &str, count: u64, of: u64, probability: f64) {
    let probability = probability.clamp(0.0, 1.0);
    let expected = of as f64 * probability;
    let sigma = (expected * (1.0 - probability)).sqrt();
    assert!(
        (count as f64 - expected).abs() < 4.0 * sigma + 1.0,
        "{what}: {count} of {of}, expected {expected} +- {sigma}"
    );
}

/// The Kolmogorov-Smirnov distance to `exact` must lie below the bound for p = 0.001.
fn assert_law(what: &str, mut values: Vec<f64>, exact: impl Fn(f64) -> f64) {
    values.sort_by(f64::total_cmp);
    let n = values.len() as f64;
    assert!(n > 5_000.0, "{what}: only {n} values");
    let distance = values
        .iter()
        .enumerate()
        .map(|(i, &v)| (exact(v) - i as f64 / n).abs().max((exact(v) - (i + 1) as f64 / n).abs()))
        .fold(0.0, f64::max);
    assert!(distance < 1.95 / n.sqrt(), "{what}: distance {distance} over {n} values");
}

/// The distribution function of N(0, 1), by Simpson's rule.
fn phi(x: f64) -> f64 {
    const STEPS: i32 = 400;
    let density = |t: f64| (-t * t / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let h = x / f64::from(STEPS);
    let inner: f64 = (1..STEPS).map(|i| density(f64::from(i) * h) * if i % 2 == 1 { 4.0 } else { 2.0 }).sum();
    0.5 + h / 3.0 * (density(0.0) + inner + density(x))
}

fn name(op: &AugmentOp) -> &'static str {
    op.name()
}

#[test]
fn operations_are_uniform_and_layers_binomial() {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let mut layers = [0_u64; 3];
    for sample in 0..N {
        let ops = RandAugment::EFFICIENTTRAIN.draw(9.0, 224, &mut draws(sample, DrawOp::RandAugment));
        layers[ops.iter().flatten().count()] += 1;
        ops.iter().flatten().for_each(|op| *counts.entry(name(op)).or_default() += 1);
    }
    for (count, probability) in layers.into_iter().zip([0.25, 0.5, 0.25]) {
        assert_share("layers", count, N, probability);
    }
    let total: u64 = counts.values().sum();
    let expected = total as f64 / 15.0;
    let chi2: f64 = counts.values().map(|&c| (c as f64 - expected).powi(2) / expected).sum();
    assert_eq!(counts.len(), 15, "{counts:?}");
    assert!(chi2 < 36.12, "chi-square {chi2} with 14 degrees of freedom, {counts:?}");
}

#[test]
fn levels_follow_the_clamped_normal_law_and_signs_are_even() {
    for m in [0.0, 5.0, 9.0] {
        let (mut levels, mut negative, mut total) = (Vec::new(), 0, 0);
        for sample in 0..N {
            let ops = RandAugment::EFFICIENTTRAIN.draw(m, 224, &mut draws(sample, DrawOp::RandAugment));
            for op in ops.into_iter().flatten() {
                // Shears are proportional to the level: 0.3 at 10.
                let (AugmentOp::ShearX { shear } | AugmentOp::ShearY { shear }) = op else { continue };
                total += 1;
                negative += u64::from(shear.is_sign_negative());
                levels.push(shear.abs() / 0.3 * 10.0);
            }
        }
        assert!(total >= 20_000, "{total} draws");
        assert_share("negative", negative, total, 0.5);
        let at = |bound: f64| levels.iter().filter(|&&level| (level - bound).abs() < 1e-12).count() as u64;
        assert_share("level 0", at(0.0), total, phi(-2.0 * m));
        assert_share("level 10", at(10.0), total, 1.0 - phi(2.0 * (10.0 - m)));
        let inside: Vec<f64> = levels.into_iter().filter(|&l| l > 1e-12 && l < 10.0 - 1e-12).collect();
        let (low, high) = (phi(-2.0 * m), phi(2.0 * (10.0 - m)));
        assert_law("level", inside, |l| (phi(2.0 * (l - m)) - low) / (high - low));
    }
}

#[test]
fn every_sign_and_argument_has_its_range() {
    let mut extremes: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for sample in 0..N {
        let ops = RandAugment::EFFICIENTTRAIN.draw(9.0, 200, &mut draws(sample, DrawOp::RandAugment));
        for op in ops.iter().flatten() {
            let value = match *op {
                AugmentOp::Rotate { degrees } => degrees,
                AugmentOp::Posterize { bits } => f64::from(bits),
                AugmentOp::Solarize { threshold } => f64::from(threshold),
                AugmentOp::SolarizeAdd { add } => f64::from(add),
                AugmentOp::Color { factor }
                | AugmentOp::Contrast { factor }
                | AugmentOp::Brightness { factor }
                | AugmentOp::Sharpness { factor } => factor,
                AugmentOp::ShearX { shear } | AugmentOp::ShearY { shear } => shear,
                AugmentOp::TranslateX { pixels } | AugmentOp::TranslateY { pixels } => pixels,
                _ => 0.0,
            };
            let range = extremes.entry(name(op)).or_insert((value, value));
            *range = (range.0.min(value), range.1.max(value));
        }
    }
    // At m = 9 the largest level, 10, comes with probability 2.3 %, so the extremes are met.
    for (name, (low, high)) in extremes {
        let (least, most) = match name {
            "Rotate" => (-30.0, 30.0),
            "Posterize" | "Solarize" => (0.0, f64::NAN),
            "SolarizeAdd" => (f64::NAN, 110.0),
            "Color" | "Contrast" | "Brightness" | "Sharpness" => (1.0 - 0.9, 1.0 + 0.9),
            "ShearX" | "ShearY" => (-0.3, 0.3),
            "TranslateX" | "TranslateY" | "TranslateXRel" | "TranslateYRel" => (-90.0, 90.0),
            _ => (0.0, 0.0),
        };
        assert!(least.is_nan() || low == least, "{name}: {low} to {high}");
        assert!(most.is_nan() || high == most, "{name}: {low} to {high}");
    }
}

#[test]
fn erasing_has_its_rate_area_and_ratio() {
    const SIDE: u32 = 20_000;
    let erase = RandomErase::EFFICIENTTRAIN;
    let boxes: Vec<_> =
        (0..N).filter_map(|sample| erase.draw(SIDE, &mut draws(sample, DrawOp::Erase))).collect();
    // With areas up to 1/3 and ratios up to 1/0.3 a side exceeds the image only if area * ratio >= 1, so a tenth
    // try is never needed in practice and the rate is the probability.
    assert_share("erased", boxes.len() as u64, N, 0.25);
    assert!(boxes.iter().all(|b| b.width < SIDE && b.height < SIDE && b.fits(SIDE, SIDE)));
    // The first accepted pair (area, log ratio) is uniform on {area * exp(|log ratio|) < 1}.
    let (a0, a1, l) = (0.02, 1.0 / 3.0, -(0.3_f64.ln()));
    let accepted = |a: f64| (-(a.ln())).min(l) / l;
    let integral = |to: f64| {
        const STEPS: i32 = 2000;
        let h = (to - a0) / f64::from(STEPS);
        (0..STEPS).map(|i| accepted(a0 + (f64::from(i) + 0.5) * h) * h).sum::<f64>()
    };
    let whole = integral(a1);
    let area =
        |b: &bandwise_kernels::Rect| f64::from(b.width) * f64::from(b.height) / f64::from(SIDE).powi(2);
    let thinned: Vec<f64> = boxes.iter().step_by(8).map(area).collect();
    assert_law("area", thinned, |a| integral(a) / whole);
    let log_ratio = |b: &bandwise_kernels::Rect| (f64::from(b.height) / f64::from(b.width)).ln();
    // Areas up to exp(-l) = 0.3 accept every ratio, so that there the ratio is uniform.
    let ratios: Vec<f64> = boxes.iter().filter(|b| area(b) < 0.29).map(log_ratio).collect();
    assert_law("log ratio", ratios, |q| (q + l) / (2.0 * l));
    let tops = boxes.iter().map(|b| f64::from(b.y) / f64::from(SIDE - b.height)).collect();
    assert_law("top", tops, |y| y);
    let lefts = boxes.iter().map(|b| f64::from(b.x) / f64::from(SIDE - b.width)).collect();
    assert_law("left", lefts, |x| x);
}

#[test]
fn noise_is_standard_normal() {
    let mut noise = draws(0, DrawOp::Erase);
    let values: Vec<f64> = (0..100_000).map(|_| noise.normal()).collect();
    assert_law("normal", values, phi);
}

// Published runs rely on these values: a change of any of them is a change of the pixel semantics.
#[test]
fn normal_and_beta_draws_are_pinned() {
    let mut draws = mixing(7);
    let normals: [f64; 4] = std::array::from_fn(|_| draws.normal());
    assert_eq!((normals, [draws.beta(0.8), draws.beta(1.0)]), PINNED);
}

const PINNED: ([f64; 4], [f64; 2]) = (
    [-1.4991323958457345, 0.8745518816766253, 0.3643231800102377, 0.2949651662962052],
    [0.6785840897329007, 0.42134640488958575],
);

#[test]
fn mixing_draws_follow_their_laws() {
    let mix = Mix::efficienttrain(2);
    let (mut cutmix, mut lams, mut boxes) = (0, Vec::new(), Vec::new());
    for group in 0..N / 4 {
        match mix.draw(224, &mut mixing(group)) {
            DrawnMix::Nothing => panic!("probability 1"),
            DrawnMix::Mixup { lam } => lams.push(lam),
            DrawnMix::CutMix { area, lam } => {
                cutmix += 1;
                let share = area.map_or(0.0, |r| f64::from(r.width * r.height) / (224.0 * 224.0));
                assert!((1.0 - share - lam).abs() < 1e-12);
                boxes.extend(area);
            }
        }
    }
    assert_share("cutmix", cutmix, N / 4, 0.5);
    // Beta(0.8, 0.8): mean 1/2, variance 1 / (4 * (2 * 0.8 + 1)).
    let n = lams.len() as f64;
    let mean = lams.iter().sum::<f64>() / n;
    let variance = lams.iter().map(|lam| (lam - 0.5).powi(2)).sum::<f64>() / n;
    let expected = 1.0 / (4.0 * 2.6);
    assert!((mean - 0.5).abs() < 4.0 * (expected / n).sqrt(), "mean {mean}");
    assert!((variance / expected - 1.0).abs() < 0.02, "variance {variance}, expected {expected}");
    assert!(boxes.iter().all(|r| r.fits(224, 224)));
    // Uncut boxes have even sides in 0.4.12 and may have odd ones in 1.0.
    let inside =
        |r: &&bandwise_kernels::Rect| r.x > 0 && r.y > 0 && r.x + r.width < 224 && r.y + r.height < 224;
    assert!(boxes.iter().filter(inside).all(|r| r.width % 2 == 0 && r.height % 2 == 0));
    let newer = Mix { edge: CutMixEdge::Timm1, ..mix };
    let odd = (0..1000).any(|group| {
        matches!(newer.draw(224, &mut mixing(group)), DrawnMix::CutMix { area: Some(r), .. } if r.width % 2 == 1)
    });
    assert!(odd);
    let never = Mix { probability: 0.0, ..mix };
    assert_eq!(never.draw(224, &mut mixing(0)), DrawnMix::Nothing);
}

#[test]
fn flips_are_even() {
    let flipped = (0..N).filter(|&sample| draws(sample, DrawOp::Flip).unit() < 0.5).count() as u64;
    assert_share("flips", flipped, N, 0.5);
}
