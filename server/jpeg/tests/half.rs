//! Pixels at half scale are those of their definition, at every level, for every crop, with and without seek points.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod common;

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use bandwise_jpeg::{Crop, Decoder, Frame, Part, Refusal, Sampling, SeekTable, SimdLevel};
use common::{Random, decode, encode, golden, photos, picture, progressive};
use turbojpeg::Subsamp;

fn half(decoder: &mut Decoder, bytes: &[u8], frame: &Frame, crop: Crop) -> Result<Vec<u8>, Refusal> {
    let mut out = room(crop);
    decoder.crop(bytes, frame, Part::half(crop), &mut out).map(|()| out)
}

/// Memory for the pixels of a crop at half scale.
fn room(crop: Crop) -> Vec<u8> {
    let Crop { width, height, .. } = crop.halved();
    vec![0; 3 * width as usize * height as usize]
}

fn whole(frame: &Frame) -> Crop {
    let (width, height) = frame.size();
    Crop { x: 0, y: 0, width, height }
}

fn cut(pixels: &[u8], width: usize, crop: Crop) -> Vec<u8> {
    let row = |y: u32| {
        let start = 3 * (y as usize * width + crop.x as usize);
        &pixels[start..start + 3 * crop.width as usize]
    };
    (crop.y..crop.y + crop.height).flat_map(row).copied().collect()
}

/// Samples of a component as floats, row behind row.
struct Plane {
    width: usize,
    samples: Vec<f64>,
}

impl Plane {
    /// With columns in the place of rows.
    fn turned(&self) -> Self {
        let height = self.samples.len() / self.width;
        let sample = |at: usize| self.samples[at % height * self.width + at / height];
        Self { width: height, samples: (0..self.samples.len()).map(sample).collect() }
    }

    /// Half as many columns: the four low frequencies of each eight samples.
    fn narrowed(&self) -> Self {
        let basis = |len: usize, at: usize, frequency: usize| {
            let scale = if frequency == 0 { FRAC_1_SQRT_2 } else { 1.0 };
            let angle = PI * ((2 * at + 1) * frequency) as f64 / (2 * len) as f64;
            (2.0 / len as f64).sqrt() * scale * angle.cos()
        };
        let halved = |line: &[f64; 8]| -> [f64; 4] {
            let coefficient =
                |u: usize| line.iter().enumerate().map(|(x, sample)| basis(8, x, u) * sample).sum::<f64>();
            std::array::from_fn(|x| (0..4).map(|u| FRAC_1_SQRT_2 * basis(4, x, u) * coefficient(u)).sum())
        };
        let samples = self.samples.as_chunks().0.iter().flat_map(halved).collect();
        Self { width: self.width / 2, samples }
    }
}

/// Pixels at half scale from the samples that libjpeg-turbo makes of each component, which are rounded.
fn naive(bytes: &[u8], width: usize, height: usize, (across, down): (usize, usize)) -> Vec<f64> {
    let planes = turbojpeg::decompress_to_yuv(bytes).unwrap().pixels;
    let (luma, chroma) = (width * height, width / across * (height / down));
    let is_grey = planes.len() == luma;
    let plane = |number: usize| {
        if number > 0 && is_grey {
            return vec![128.0; luma / 4];
        }
        let (start, width, across, down) = if number == 0 {
            (0, width, 1, 1)
        } else {
            (luma + (number - 1) * chroma, width / across, across, down)
        };
        let samples = planes[start..][..if number == 0 { luma } else { chroma }].iter();
        let mut plane = Plane { width, samples: samples.map(|sample| f64::from(*sample)).collect() };
        if across == 1 {
            plane = plane.narrowed();
        }
        if down == 1 {
            plane = plane.turned().narrowed().turned();
        }
        plane.samples
    };
    let [luma, blue, red] = [0, 1, 2].map(plane);
    let pixel = |at: usize| {
        let (y, b, r) = (luma[at], blue[at] - 128.0, red[at] - 128.0);
        [y + 1.402 * r, y - 0.344_136 * b - 0.714_136 * r, y + 1.772 * b].map(|value| value.clamp(0.0, 255.0))
    };
    (0..luma.len()).flat_map(pixel).collect()
}

#[test]
fn pixels_are_those_of_the_low_coefficients() {
    let mut random = Random(21);
    let mut decoder = Decoder::new(SimdLevel::detect());
    let (width, height) = (160, 96);
    // In the middle of the range, where no sample of libjpeg-turbo is cut off.
    let pixels: Vec<u8> = picture(width, height, &mut random).iter().map(|value| 64 + value / 2).collect();
    for (subsamp, factors) in [
        (Subsamp::None, (1, 1)),
        (Subsamp::Sub2x1, (2, 1)),
        (Subsamp::Sub1x2, (1, 2)),
        (Subsamp::Sub2x2, (2, 2)),
        (Subsamp::Gray, (1, 1)),
    ] {
        let bytes = encode(&pixels, width, height, subsamp, 80, false);
        let frame = Frame::read(&bytes).unwrap();
        let made = half(&mut decoder, &bytes, &frame, whole(&frame)).unwrap();
        let expected = naive(&bytes, width, height, factors);
        assert_eq!(made.len(), expected.len());
        let differences =
            made.iter().zip(&expected).map(|(made, expected)| (f64::from(*made) - expected).abs());
        let (most, sum) =
            differences.fold((0.0, 0.0), |(most, sum), each| (f64::max(most, each), sum + each));
        let mean = sum / made.len() as f64;
        println!("{subsamp:?}: differences of {mean:.2}, at most {most:.2}");
        assert!(most <= 4.0 && mean <= 0.7, "{subsamp:?}: differences of {mean}, at most {most}");
    }
}

/// Compares crops with parts of the whole, at every level and with seek points.
fn assert_same(decoders: &mut [Decoder], bytes: &[u8], random: &mut Random, crops: usize, name: &str) {
    let frame = Frame::read(bytes).unwrap();
    let size @ (width, height) = frame.size();
    let spacing = [1, 2, 8, 1000][random.below(4)];
    let table = decoders[0].index(bytes, &frame, spacing).unwrap();
    let expected = half(&mut decoders[0], bytes, &frame, whole(&frame)).unwrap();
    let mut chosen = vec![whole(&frame), Crop { x: width - 1, y: height - 1, width: 1, height: 1 }];
    chosen.extend((0..crops).map(|_| random.crop(size)));
    for crop in chosen {
        let expected = cut(&expected, width.div_ceil(2) as usize, crop.halved());
        for decoder in &mut *decoders {
            assert!(half(decoder, bytes, &frame, crop).as_ref() == Ok(&expected), "{name}, {crop:?}");
            let mut out = room(crop);
            let again = decoder.crop_and_index(bytes, &frame, Part::half(crop), spacing, &mut out).unwrap();
            assert!(again.as_ref() == Some(&table) && out == expected, "{name}, {crop:?}, every {spacing}");
            out.fill(0);
            let points = SeekTable::read(&frame, &table).unwrap();
            decoder.crop_with(bytes, &frame, &points, Part::half(crop), &mut out).unwrap();
            assert!(out == expected, "{name}, {crop:?}, every {spacing}");
        }
    }
}

#[test]
fn crops_are_parts_of_the_whole_at_every_level_and_with_seek_points() {
    let mut random = Random(22);
    let mut decoders: Vec<_> = SimdLevel::available().into_iter().map(Decoder::new).collect();
    let mut read = 0;
    for (name, bytes) in golden().iter().chain(&photos()) {
        if Frame::read(bytes).is_ok() {
            assert_same(&mut decoders, bytes, &mut random, 6, name);
            read += 1;
        }
    }
    assert!(read >= 20, "only {read} were read");
    let samplings = [
        (Subsamp::None, Sampling::Full),
        (Subsamp::Sub2x1, Sampling::Half),
        (Subsamp::Sub1x2, Sampling::HalfDown),
        (Subsamp::Sub2x2, Sampling::Quarter),
        (Subsamp::Gray, Sampling::Grey),
    ];
    for round in 0..200 {
        let (subsamp, sampling) = samplings[round % samplings.len()];
        let (width, height) = (5 + random.below(66), 1 + random.below(70));
        let pixels = picture(width, height, &mut random);
        let quality = [1, 10, 60, 90, 100][random.below(5)];
        let bytes = encode(&pixels, width, height, subsamp, quality, round % 2 == 0);
        assert_eq!(Frame::read(&bytes).unwrap().sampling(), sampling);
        let name = format!("{width} x {height}, {sampling:?}");
        assert_same(&mut decoders, &bytes, &mut random, 6, &name);
        assert_same(&mut decoders, &progressive(&bytes), &mut random, 6, &format!("progressive, {name}"));
    }
}

/// A crop whose blocks are the same at both scales: on borders of MCUs, or of the image.
fn aligned(random: &mut Random, (width, height): (u32, u32)) -> Crop {
    let crop = random.crop((width, height));
    let (x, y) = (crop.x / 16 * 16, crop.y / 16 * 16);
    let end = |end: u32, whole: u32| end.next_multiple_of(16).min(whole);
    let (right, bottom) = (end(crop.x + crop.width, width), end(crop.y + crop.height, height));
    Crop { x, y, width: right - x, height: bottom - y }
}

#[test]
fn damage_anywhere_in_a_block_is_found_at_half_scale_too() {
    let mut random = Random(23);
    let mut decoders: Vec<_> = SimdLevel::available().into_iter().map(Decoder::new).collect();
    let (mut refused, mut decoded) = (0, 0);
    for round in 0..3000 {
        // At 4:4:4 both scales need the same blocks.
        let subsamp = [Subsamp::None, Subsamp::Gray][round % 2];
        let (width, height) = (20 + random.below(80), 20 + random.below(80));
        let pixels = picture(width, height, &mut random);
        let mut bytes = encode(&pixels, width, height, subsamp, 90, round % 3 == 0);
        let frame = Frame::read(&bytes).unwrap();
        let scan = bytes.windows(2).rposition(|pair| pair == [0xFF, 0xDA]).unwrap() + 14;
        for _ in 0..=random.below(3) {
            let at = scan + random.below(bytes.len() - scan);
            bytes[at] ^= 1 << random.below(8);
        }
        let crop = aligned(&mut random, frame.size());
        let full = decode(&mut decoders[0], &bytes, &frame, crop);
        let made: Vec<_> = decoders.iter_mut().map(|decoder| half(decoder, &bytes, &frame, crop)).collect();
        assert!(made.iter().all(|each| *each == made[0]), "the levels differ: {crop:?}");
        match full {
            // Half scale is defined for coefficients of any size.
            Err(Refusal::Extreme) => {}
            full => assert_eq!(made[0].as_ref().err(), full.as_ref().err(), "{crop:?}"),
        }
        *(if made[0].is_ok() { &mut decoded } else { &mut refused }) += 1;
    }
    assert!(refused > 300 && decoded > 300, "{refused}, {decoded}");
}
