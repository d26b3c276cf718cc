//! One resize in the place of two, against the two, and every level against the scalar one.

#![allow(clippy::unwrap_used, reason = "what cannot be set up fails the test")]

mod common;

use bandwise_kernels::{Anchor, Filter, Rect, ReducedPart, ResizeChain, Resizer, RgbView, SimdLevel};
use common::picture;

const LANCZOS: Filter = Filter::Lanczos;

fn through(resizer: &mut Resizer, src: ReducedPart<'_>, between: u32, side: usize) -> Vec<u8> {
    let mut out = vec![7; 3 * side * side];
    let chain = ResizeChain { first: Filter::Bicubic, between, last: LANCZOS, anchors: [Anchor::Ends; 2] };
    resizer.resize_chain(src, chain, &mut out, side);
    out
}

fn two_resizes(resizer: &mut Resizer, view: RgbView<'_>, between: u32, side: usize) -> Vec<u8> {
    let between = between as usize;
    let mut middle = vec![0; 3 * between * between];
    resizer.resize(view, Filter::Bicubic, &mut middle, between, between);
    let mut out = vec![0; 3 * side * side];
    resizer.resize(RgbView::packed(&middle, between, between), LANCZOS, &mut out, side, side);
    out
}

fn full(pixels: RgbView<'_>) -> ReducedPart<'_> {
    ReducedPart::in_full(pixels)
}

/// A picture without detail finer than some pixels, so that nothing is lost by reducing it by two.
fn smooth(width: usize, height: usize) -> Vec<u8> {
    let wave = |at: usize, length: f64| (at as f64 * std::f64::consts::TAU / length).sin();
    let value = |i: usize| {
        let (x, y, c) = (i / 3 % width, i / 3 / width, i % 3);
        128.0 + 60.0 * wave(x + 5 * c, 37.0) + 50.0 * wave(y + 3 * c, 29.0)
    };
    (0..3 * width * height).map(|i| value(i).round() as u8).collect()
}

/// Means of `shrink` x `shrink` pixels, from a width and height that it divides.
fn reduced(pixels: &[u8], width: usize, height: usize, shrink: usize) -> Vec<u8> {
    let (small, rows) = (width / shrink, height / shrink);
    let mean = |i: usize| {
        let (x, y, c) = (i / 3 % small, i / 3 / small, i % 3);
        let at = |j: usize| pixels[3 * ((y * shrink + j / shrink) * width + x * shrink + j % shrink) + c];
        let sum: usize = (0..shrink * shrink).map(|j| usize::from(at(j))).sum();
        ((sum + shrink * shrink / 2) / (shrink * shrink)) as u8
    };
    (0..3 * small * rows).map(mean).collect()
}

fn largest_difference(a: &[u8], b: &[u8]) -> u8 {
    a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

#[test]
fn differs_from_two_resizes_by_roundings_only() {
    let pixels = smooth(350, 240);
    let whole = RgbView::packed(&pixels, 350, 240);
    let mut resizer = Resizer::new(SimdLevel::detect());
    for (x, y, width, height) in [(0, 0, 350, 240), (13, 7, 224, 224), (100, 50, 61, 93), (40, 3, 200, 37)] {
        let view = whole.crop(Rect { x, y, width, height });
        for side in [96, 160, 192] {
            let one = through(&mut resizer, full(view), 224, side);
            let two = two_resizes(&mut resizer, view, 224, side);
            let sum: u32 = one.iter().zip(&two).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
            let mean = f64::from(sum) / one.len() as f64;
            let largest = largest_difference(&one, &two);
            assert!(largest <= 2 && mean < 0.5, "{width} x {height} -> {side}: {largest}, mean {mean}");
        }
    }
}

#[test]
fn a_single_resize_is_pillows() {
    let pixels = picture(3, 131, 77);
    let view = RgbView::packed(&pixels, 131, 77);
    let mut resizer = Resizer::new(SimdLevel::detect());
    let mut expected = vec![0; 3 * 64 * 64];
    resizer.resize(view, Filter::Bicubic, &mut expected, 64, 64);
    assert_eq!(through(&mut resizer, full(view), 64, 64), expected);
}

#[test]
fn a_part_of_a_reduced_picture_lies_where_it_lay_in_the_full_one() {
    let (width, height) = (480, 320);
    let pixels = smooth(width, height);
    let mut resizer = Resizer::new(SimdLevel::detect());
    for shrink in [2, 4] {
        let small = reduced(&pixels, width, height, shrink);
        let small = RgbView::packed(&small, width / shrink, height / shrink);
        let full_view = RgbView::packed(&pixels, width, height);
        // Begins at every place within a reduced pixel.
        for lead in 0..shrink as u32 {
            let (x, y) = (40 + lead, 80 + lead);
            let part = Rect { x, y, width: 300, height: 201 };
            let first = (x / shrink as u32, y / shrink as u32);
            let end = ((x + 300).div_ceil(shrink as u32), (y + 201).div_ceil(shrink as u32));
            let cover = Rect { x: first.0, y: first.1, width: end.0 - first.0, height: end.1 - first.1 };
            let src = ReducedPart {
                pixels: small.crop(cover),
                shrink: shrink as u32,
                part: Rect { x: x % shrink as u32, y: y % shrink as u32, width: 300, height: 201 },
            };
            let one = through(&mut resizer, src, 224, 64);
            let two = two_resizes(&mut resizer, full_view.crop(part), 224, 64);
            let inner = |pixels: &[u8]| -> Vec<u8> {
                let view = RgbView::packed(pixels, 64, 64).crop(Rect { x: 2, y: 2, width: 60, height: 60 });
                (0..60).flat_map(|y| view.row(y).to_vec()).collect()
            };
            // A shift by one original pixel would differ by up to 10.
            let limit = if shrink == 2 { 2 } else { 6 };
            let difference = largest_difference(&inner(&one), &inner(&two));
            assert!(difference <= limit, "reduced by {shrink}, lead {lead}: {difference}");
        }
    }
}

/// A ramp shows where samples are taken: its values are its positions.
#[test]
fn samples_are_taken_where_they_are_asked_for() {
    let pixels: Vec<u8> = (0..3 * 200 * 200).map(|i| (i / 3 % 200) as u8).collect();
    let mut resizer = Resizer::new(SimdLevel::detect());
    let mut row = |anchor: Anchor| {
        let mut out = vec![0; 3 * 100 * 100];
        let chain = ResizeChain {
            first: Filter::Bicubic,
            between: 200,
            last: LANCZOS,
            anchors: [anchor, Anchor::Ends],
        };
        resizer.resize_chain(full(RgbView::packed(&pixels, 200, 200)), chain, &mut out, 100);
        [10, 50, 90].map(|x| out[3 * (5000 + x)])
    };
    assert_eq!(row(Anchor::First), [20, 100, 180]);
    assert_eq!(row(Anchor::Last), [21, 101, 181]);
    // Halfway between.
    for (value, first) in row(Anchor::Ends).into_iter().zip([20, 100, 180]) {
        assert!((first..=first + 1).contains(&value), "{value}");
    }
}

#[test]
fn every_level_equals_the_scalar_one() {
    let pixels = picture(1, 120, 90);
    let view = RgbView::packed(&pixels, 120, 90);
    let mut scalar = Resizer::new(SimdLevel::SCALAR);
    for level in SimdLevel::available() {
        let mut resizer = Resizer::new(level);
        for (shrink, width, height, between, side) in [
            (1, 120, 90, 224, 96),
            (2, 239, 178, 224, 96),
            (4, 470, 350, 64, 64),
            (8, 953, 713, 224, 30),
            (1, 5, 3, 64, 32),
        ] {
            let cover = Rect {
                x: 0,
                y: 0,
                width: (width + shrink / 2) / shrink,
                height: (height + shrink / 2) / shrink,
            };
            let cover = Rect { width: cover.width.min(120), height: cover.height.min(90), ..cover };
            let part = Rect {
                x: shrink / 2,
                y: shrink - 1,
                width: width.min(cover.width * shrink - shrink / 2),
                height: height.min(cover.height * shrink - (shrink - 1)),
            };
            let src = ReducedPart { pixels: view.crop(cover), shrink, part };
            assert_eq!(
                through(&mut resizer, src, between, side),
                through(&mut scalar, src, between, side),
                "{level}: {part:?} reduced by {shrink} -> {between} -> {side}"
            );
        }
    }
}

#[test]
#[should_panic(expected = "reduced by 2")]
fn a_part_beyond_the_pixels_is_refused() {
    let pixels = picture(0, 10, 10);
    let src = ReducedPart {
        pixels: RgbView::packed(&pixels, 10, 10),
        shrink: 2,
        part: Rect { x: 1, y: 0, width: 20, height: 20 },
    };
    through(&mut Resizer::new(SimdLevel::SCALAR), src, 8, 8);
}
