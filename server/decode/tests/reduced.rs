//! Reduced pixels are near the means of the full ones, lie where they should, and cost no verdict.

// Functions beside the tests may fail a test, as the tests themselves may.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use bandwise_decode::{DecodeLimits, Decoder};
use bandwise_kernels::{Rect, RgbView, SimdLevel};
use turbojpeg::{Compressor, Image, PixelFormat, Subsamp};

/// A picture of slow waves, which no reduction damages.
fn waves(width: usize, height: usize) -> Vec<u8> {
    let wave = |at: usize, length: f64| (at as f64 * std::f64::consts::TAU / length).sin();
    let value = |i: usize| {
        let (x, y, c) = (i / 3 % width, i / 3 / width, i % 3);
        128.0 + 50.0 * wave(x + 20 * c, 113.0) + 50.0 * wave(y + 10 * c, 97.0)
    };
    (0..3 * width * height).map(|i| value(i).round() as u8).collect()
}

fn encode(pixels: &[u8], (width, height): (usize, usize), sampling: Subsamp, progressive: bool) -> Vec<u8> {
    let mut compressor = Compressor::new().unwrap();
    compressor.set_quality(97).unwrap();
    compressor.set_subsamp(sampling).unwrap();
    compressor.set_progressive(progressive).unwrap();
    let image = Image { pixels, width, pitch: 3 * width, height, format: PixelFormat::RGB };
    compressor.compress_to_vec(image).unwrap()
}

/// The mean of the full pixels that one reduced pixel stands for.
fn mean(full: RgbView<'_>, x: usize, y: usize, c: usize, shrink: usize) -> f64 {
    let columns = x * shrink..((x + 1) * shrink).min(full.width());
    let rows = y * shrink..((y + 1) * shrink).min(full.height());
    let count = columns.len() * rows.len();
    let values = rows.flat_map(|y| columns.clone().map(move |x| f64::from(full.row(y)[3 * x + c])));
    values.sum::<f64>() / count as f64
}

#[test]
fn reduced_pixels_are_near_the_means_of_the_full_ones() {
    let (width, height) = (203, 154);
    let pixels = waves(width, height);
    let mut decoder = Decoder::new(SimdLevel::detect()).unwrap();
    for sampling in [Subsamp::None, Subsamp::Sub2x1, Subsamp::Sub2x2, Subsamp::Sub1x2] {
        for progressive in [false, true] {
            let jpeg = encode(&pixels, (width, height), sampling, progressive);
            let header = decoder.header(&jpeg, &DecodeLimits::default()).unwrap();
            assert!(header.is_reducible());
            let whole = Rect::whole(width as u32, height as u32);
            let full = decoder.decode(&jpeg, &header, whole).unwrap();
            let full: Vec<u8> = (0..height).flat_map(|y| full.row(y).to_vec()).collect();
            let full = RgbView::packed(&full, width, height);
            for shrink in [1, 2, 4, 8] {
                let reduced = decoder.decode_reduced(&jpeg, &header, whole, shrink).unwrap();
                let shrink = shrink as usize;
                let view = reduced.pixels;
                assert_eq!((view.width(), view.height()), (width.div_ceil(shrink), height.div_ceil(shrink)));
                for i in 0..3 * (width / shrink) * (height / shrink) {
                    let (x, y, c) = (i / 3 % (width / shrink), i / 3 / (width / shrink), i % 3);
                    let difference = f64::from(view.row(y)[3 * x + c]) - mean(full, x, y, c, shrink);
                    let limit = if shrink == 1 { 0.0 } else { 1.5 * shrink as f64 + 4.0 };
                    assert!(difference.abs() <= limit, "{sampling:?} by {shrink} at {x}, {y}: {difference}");
                }
            }
        }
    }
}

#[test]
fn a_region_is_covered_by_the_pixels_of_the_whole() {
    let (width, height) = (203, 154);
    let jpeg = encode(&waves(width, height), (width, height), Subsamp::Sub2x2, false);
    let mut decoder = Decoder::new(SimdLevel::detect()).unwrap();
    let header = decoder.header(&jpeg, &DecodeLimits::default()).unwrap();
    for shrink in [2, 4, 8] {
        let whole = Rect::whole(width as u32, height as u32);
        let reduced = decoder.decode_reduced(&jpeg, &header, whole, shrink).unwrap().pixels;
        let (small_width, small_height) = (reduced.width(), reduced.height());
        let whole: Vec<u8> = (0..small_height).flat_map(|y| reduced.row(y).to_vec()).collect();
        for region in [(0, 0, 203, 154), (37, 41, 100, 60), (190, 140, 13, 14), (96, 80, 1, 1)] {
            let (x, y, w, h) = region;
            let region = Rect { x, y, width: w, height: h };
            let reduced = decoder.decode_reduced(&jpeg, &header, region, shrink).unwrap();
            assert_eq!(reduced.part, Rect { x: x % shrink, y: y % shrink, ..region });
            let columns = (x / shrink) as usize..(x + w).div_ceil(shrink) as usize;
            let rows = (y / shrink) as usize..(y + h).div_ceil(shrink) as usize;
            assert_eq!((reduced.pixels.width(), reduced.pixels.height()), (columns.len(), rows.len()));
            for (row, y) in rows.enumerate() {
                let expected = &whole[3 * (y * small_width + columns.start)..][..3 * columns.len()];
                let near = |(a, b): (&u8, &u8)| a.abs_diff(*b) <= 2;
                assert!(reduced.pixels.row(row).iter().zip(expected).all(near), "{region:?} by {shrink}");
            }
        }
    }
}

/// Golden files of every kind: a reduced decode accepts and refuses the same ones as a full decode.
#[test]
fn the_verdict_is_that_of_a_full_decode() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/files");
    let (mut accepted, mut refused) = (0, 0);
    let mut decoder = Decoder::new(SimdLevel::detect()).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let Ok(header) = decoder.header(&bytes, &DecodeLimits::default()) else { continue };
        if !header.is_reducible() {
            continue;
        }
        let whole = Rect::whole(header.width, header.height);
        let full = decoder.decode(&bytes, &header, whole).is_ok();
        *(if full { &mut accepted } else { &mut refused }) += 1;
        for shrink in [2, 4, 8] {
            assert_eq!(decoder.decode_reduced(&bytes, &header, whole, shrink).is_ok(), full);
        }
    }
    assert!(accepted > 40 && refused > 0, "{accepted} accepted, {refused} refused");
}

#[test]
#[should_panic(expected = "a reduction by 3")]
fn other_reductions_are_refused() {
    let jpeg = encode(&waves(16, 16), (16, 16), Subsamp::None, false);
    let mut decoder = Decoder::new(SimdLevel::detect()).unwrap();
    let header = decoder.header(&jpeg, &DecodeLimits::default()).unwrap();
    let _ = decoder.decode_reduced(&jpeg, &header, Rect::whole(16, 16), 3);
}
