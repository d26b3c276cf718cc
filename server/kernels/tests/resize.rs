//! The resize against Pillow's outputs, against a naive resize, and every level against the scalar one.

#![allow(clippy::unwrap_used, reason = "what cannot be set up fails the test")]

mod common;

use bandwise_kernels::{Filter, Rect, Resizer, RgbView, SimdLevel};
use common::picture;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

fn resize(resizer: &mut Resizer, view: RgbView<'_>, filter: Filter, width: usize, height: usize) -> Vec<u8> {
    let mut out = vec![7; 3 * width * height];
    resizer.resize(view, filter, &mut out, width, height);
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[test]
fn equals_pillow_on_every_level() {
    let mut resizers: Vec<_> =
        SimdLevel::available().into_iter().map(|level| (level, Resizer::new(level))).collect();
    for line in include_str!("golden/resize.txt").lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let filter: Filter = fields[0].parse().unwrap();
        let n: Vec<usize> = fields[1..10].iter().map(|field| field.parse().unwrap()).collect();
        let pixels = picture(n[0] as u32, n[1], n[2]);
        let crop = Rect { x: n[3] as u32, y: n[4] as u32, width: n[5] as u32, height: n[6] as u32 };
        for (level, resizer) in &mut resizers {
            let view = RgbView::packed(&pixels, n[1], n[2]).crop(crop);
            let out = resize(resizer, view, filter, n[7], n[8]);
            if fields[11] != "-" {
                assert_eq!(hex(&out), fields[11], "{level}: {line}");
            }
            assert_eq!(hex(&Sha256::digest(&out)), fields[10], "{level}: {line}");
        }
    }
}

#[test]
fn small_picture_has_pillows_values() {
    let pixels: Vec<u8> = (0..64)
        .flat_map(|i| {
            let (x, y) = (i % 8, i / 8);
            [(37 * x + 11 * y) as u8, (5 * x * x + 3 * y * y) as u8, 255 - (29 * x + 17 * y) as u8]
        })
        .collect();
    for level in SimdLevel::available() {
        let mut resizer = Resizer::new(level);
        let view = RgbView::packed(&pixels, 8, 8);
        let bicubic = resize(&mut resizer, view, Filter::Bicubic, 3, 3);
        let lanczos = resize(&mut resizer, view, Filter::Lanczos, 3, 3);
        let channel = |out: &[u8], c: usize| out.chunks_exact(3).map(|pixel| pixel[c]).collect::<Vec<_>>();
        assert_eq!(channel(&bicubic, 0), [43, 146, 158, 71, 174, 132, 102, 185, 82]);
        assert_eq!(channel(&bicubic, 1), [8, 69, 168, 43, 111, 145, 119, 166, 121]);
        assert_eq!(channel(&lanczos, 0), [36, 152, 160, 65, 182, 134, 101, 189, 76]);
    }
}

/// The resize as the specification writes it, one sample at a time.
fn naive(view: RgbView<'_>, filter: Filter, width: usize, height: usize) -> Vec<u8> {
    let at = |x: usize, y: usize, c: usize| view.row(y)[3 * x + c];
    let mut between = vec![0; 3 * width * view.height()];
    for (i, out) in between.iter_mut().enumerate() {
        let (x, y, c) = (i / 3 % width, i / 3 / width, i % 3);
        *out = naive_sample(filter, view.width(), width, x, |j| at(j, y, c));
    }
    let mut out = vec![0; 3 * width * height];
    for (i, out) in out.iter_mut().enumerate() {
        let (column, y) = (i % (3 * width), i / (3 * width));
        *out = naive_sample(filter, view.height(), height, y, |j| between[j * 3 * width + column]);
    }
    out
}

fn naive_sample(filter: Filter, n: usize, m: usize, i: usize, at: impl Fn(usize) -> u8) -> u8 {
    if n == m {
        return at(i);
    }
    let sinc =
        |x: f64| if x == 0.0 { 1.0 } else { (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x) };
    let (support, kernel): (f64, Box<dyn Fn(f64) -> f64>) = match filter {
        Filter::Bilinear => (1.0, Box::new(|x: f64| (1.0 - x.abs()).max(0.0))),
        Filter::Bicubic => (
            2.0,
            Box::new(|x: f64| match x.abs() {
                x if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
                x if x < 2.0 => -0.5 * (((x - 5.0) * x + 8.0) * x - 4.0),
                _ => 0.0,
            }),
        ),
        Filter::Lanczos => (
            3.0,
            Box::new(move |x: f64| if (-3.0..3.0).contains(&x) { sinc(x) * sinc(x / 3.0) } else { 0.0 }),
        ),
    };
    let scale = n as f64 / m as f64;
    let wider = scale.max(1.0);
    let centre = (i as f64 + 0.5) * scale;
    let low = (centre - support * wider + 0.5).max(0.0) as usize;
    let high = ((centre + support * wider + 0.5) as usize).min(n);
    let weights: Vec<f64> = (low..high).map(|j| kernel((j as f64 - centre + 0.5) * (1.0 / wider))).collect();
    let sum: f64 = weights.iter().sum();
    let mut total = 1i64 << 21;
    for (j, weight) in (low..high).zip(weights) {
        let scaled = weight / sum * 4194304.0;
        total += (scaled + 0.5f64.copysign(scaled)) as i64 * i64::from(at(j));
    }
    (total >> 22).clamp(0, 255) as u8
}

fn sizes() -> impl Strategy<Value = (usize, usize, usize, usize)> {
    let side = || prop_oneof![1usize..8, 1usize..70];
    (side(), side(), side(), side())
}

fn filters() -> impl Strategy<Value = Filter> {
    prop_oneof![Just(Filter::Bilinear), Just(Filter::Bicubic), Just(Filter::Lanczos)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_level_equals_the_naive_resize(
        (width, height, out_width, out_height) in sizes(),
        filter in filters(),
        gap in 0usize..40,
        behind in 0usize..80,
        seed in any::<u32>(),
    ) {
        let stride = 3 * width + gap;
        let mut pixels = picture(seed % 10_000, stride.div_ceil(3), height + behind);
        pixels.truncate(stride * (height - 1) + 3 * width + behind);
        let view = RgbView::new(&pixels, width, height, stride);
        let expected = naive(view, filter, out_width, out_height);
        for level in SimdLevel::available() {
            let out = resize(&mut Resizer::new(level), view, filter, out_width, out_height);
            prop_assert_eq!(&out, &expected, "{} {} {}x{} -> {}x{}", level, filter, width, height, out_width, out_height);
        }
    }
}

#[test]
fn a_reused_resizer_gives_what_a_new_one_gives() {
    for level in SimdLevel::available() {
        let mut reused = Resizer::new(level);
        for round in 0..40usize {
            let (width, height) = (20 + round * 7 % 90, 15 + round * 11 % 80);
            let pixels = picture(round as u32, width, height);
            let view = RgbView::packed(&pixels, width, height);
            let (out_width, out_height) = (1 + round * 5 % 60, 1 + round * 3 % 50);
            let out = resize(&mut reused, view, Filter::Bicubic, out_width, out_height);
            assert_eq!(out, resize(&mut Resizer::new(level), view, Filter::Bicubic, out_width, out_height));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_part_is_cut_out_of_the_whole(
        seed in any::<u32>(),
        sides in (1_usize..60, 1_usize..60),
        // The input's own side (0) leaves a pass out.
        output in (0_usize..90, 0_usize..90),
        corner in (0.0..1.0, 0.0..1.0),
        far in (0.0..1.0, 0.0..1.0),
        lanczos in any::<bool>(),
    ) {
        let pixels = picture(seed, sides.0, sides.1);
        let view = RgbView::packed(&pixels, sides.0, sides.1);
        let own = |output: usize, side: usize| if output == 0 { side } else { output };
        let (width, height) = (own(output.0, sides.0), own(output.1, sides.1));
        let place = |side: usize, corner: f64, far: f64| {
            let first = (corner * side as f64) as u32;
            (first, 1 + (far * f64::from(side as u32 - first - 1)) as u32)
        };
        let ((x, part_width), (y, part_height)) = (place(width, corner.0, far.0), place(height, corner.1, far.1));
        let part = Rect { x, y, width: part_width, height: part_height };
        let filter = if lanczos { Filter::Lanczos } else { Filter::Bicubic };
        for level in SimdLevel::available() {
            let mut resizer = Resizer::new(level);
            let whole = resize(&mut resizer, view, filter, width, height);
            let mut cut = vec![7; 3 * (part_width * part_height) as usize];
            resizer.resize_part(view, filter, width, height, part, &mut cut);
            let expected = RgbView::packed(&whole, width, height).crop(part);
            for (y, row) in cut.chunks_exact(3 * part_width as usize).enumerate() {
                prop_assert_eq!(row, expected.row(y), "{} {:?}", level, part);
            }
        }
    }
}
