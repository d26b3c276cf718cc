//! Pixels at half scale are near the means of the full ones, lie where they should, and cost no verdict. Which files have
//! them depends on the bytes alone.

// Functions beside the tests may fail a test, as the tests themselves may.
#![allow(clippy::unwrap_used)]

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
};

use bandwise_decode::{DecodeError, DecodeLimits, Decoder, EncodedImage, JpegPath, SeekMemory};
use bandwise_kernels::{Rect, ReducedPart, RgbView, SimdLevel};
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

fn encode((width, height): (usize, usize), sampling: Subsamp, progressive: bool) -> Vec<u8> {
    let mut compressor = Compressor::new().unwrap();
    compressor.set_quality(97).unwrap();
    compressor.set_subsamp(sampling).unwrap();
    compressor.set_progressive(progressive).unwrap();
    let pixels = &waves(width, height)[..];
    let image = Image { pixels, width, pitch: 3 * width, height, format: PixelFormat::RGB };
    compressor.compress_to_vec(image).unwrap()
}

/// The whole image, in full.
fn whole<'a>(decoder: &'a mut Decoder, bytes: &[u8]) -> Result<RgbView<'a>, DecodeError> {
    let header = decoder.header(bytes, &DecodeLimits::default())?;
    decoder.decode(bytes, &header, Rect::whole(header.width, header.height))
}

/// Pixels without gaps.
fn packed(view: RgbView<'_>) -> Vec<u8> {
    (0..view.height()).flat_map(|y| view.row(y)).copied().collect()
}

/// A region at half scale, or the whole image.
fn half<'a>(
    decoder: &'a mut Decoder,
    image: EncodedImage<'_>,
    region: Option<Rect>,
) -> Result<ReducedPart<'a>, DecodeError> {
    let header = decoder.header(image.bytes, &DecodeLimits::default())?;
    decoder.decode_half(image, &header, region.unwrap_or(Rect::whole(header.width, header.height)))
}

/// The mean of the full pixels that one pixel at half scale stands for.
fn mean(full: RgbView<'_>, x: usize, y: usize, c: usize) -> f64 {
    let values =
        (2 * y..2 * y + 2).flat_map(|y| (2 * x..2 * x + 2).map(move |x| f64::from(full.row(y)[3 * x + c])));
    values.sum::<f64>() / 4.0
}

#[test]
fn pixels_are_near_the_means_of_the_full_ones() {
    let (width, height) = (203, 154);
    let mut decoder = Decoder::new(SimdLevel::detect()).unwrap();
    for sampling in [Subsamp::None, Subsamp::Sub2x1, Subsamp::Sub2x2, Subsamp::Sub1x2, Subsamp::Gray] {
        let jpeg = encode((width, height), sampling, false);
        let full = packed(whole(&mut decoder, &jpeg).unwrap());
        let full = RgbView::packed(&full, width, height);
        let made = half(&mut decoder, EncodedImage::from(&jpeg), None).unwrap();
        assert_eq!((made.shrink, made.part), (2, Rect::whole(width as u32, height as u32)));
        assert_eq!((made.pixels.width(), made.pixels.height()), (width.div_ceil(2), height.div_ceil(2)));
        for i in 0..3 * (width / 2) * (height / 2) {
            let (x, y, c) = (i / 3 % (width / 2), i / 3 / (width / 2), i % 3);
            let difference = f64::from(made.pixels.row(y)[3 * x + c]) - mean(full, x, y, c);
            assert!(difference.abs() <= 6.0, "{sampling:?} at {x}, {y}: {difference}");
        }
        assert_eq!(decoder.take_jpeg_path(), Some(JpegPath::Own));
    }
}

#[test]
fn a_region_has_the_pixels_of_the_whole() {
    let jpeg = encode((203, 154), Subsamp::Sub2x2, false);
    let mut decoder = Decoder::new(SimdLevel::detect()).unwrap();
    let whole = half(&mut decoder, EncodedImage::from(&jpeg), None).unwrap().pixels;
    let (columns, whole) = (whole.width(), packed(whole));
    for (x, y, width, height) in [(0, 0, 203, 154), (37, 41, 100, 60), (190, 140, 13, 14), (96, 80, 1, 1)] {
        let region = Rect { x, y, width, height };
        let made = half(&mut decoder, EncodedImage::from(&jpeg), Some(region)).unwrap();
        assert_eq!(made.part, Rect { x: x % 2, y: y % 2, ..region });
        let across = (x / 2) as usize..(x + width).div_ceil(2) as usize;
        let down = (y / 2) as usize..(y + height).div_ceil(2) as usize;
        assert_eq!((made.pixels.width(), made.pixels.height()), (across.len(), down.len()));
        for (row, y) in down.enumerate() {
            let expected = &whole[3 * (y * columns + across.start)..][..3 * across.len()];
            assert_eq!(made.pixels.row(row), expected, "{region:?}, row {row}");
        }
    }
}

fn files() -> Vec<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["tests/golden/files", "../jpeg/tests/golden"];
    let files = |folder| fs::read_dir(here.join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = folders.into_iter().flat_map(files).collect();
    files.sort();
    files
}

/// Golden files of every kind: those that our own decoder refuses, and other formats, have the pixels of a full decode.
#[test]
fn the_verdict_is_that_of_a_full_decode_and_what_is_not_halved_has_its_pixels() {
    let (mut halved, mut full, mut refused) = (0, 0, 0);
    let mut decoder = Decoder::new(SimdLevel::detect()).unwrap();
    let files = files().into_iter().map(|path| fs::read(path).unwrap());
    for bytes in files.chain([encode((99, 70), Subsamp::Sub2x2, true)]) {
        decoder.take_jpeg_path();
        let expected = whole(&mut decoder, &bytes).map(packed);
        let is_ours = matches!(decoder.take_jpeg_path(), Some(JpegPath::Own));
        match (half(&mut decoder, EncodedImage::from(&bytes), None), expected) {
            (Ok(made), Ok(expected)) if made.shrink == 1 => {
                assert!(!is_ours && packed(made.pixels) == expected);
                full += 1;
            }
            (Ok(made), Ok(_)) => {
                assert!(is_ours && made.shrink == 2);
                halved += 1;
            }
            (made, expected) => {
                assert_eq!(made.unwrap_err().to_string(), expected.unwrap_err().to_string());
                refused += 1;
            }
        }
    }
    assert!(halved > 30 && full > 50 && refused > 5, "{halved} halved, {full} in full, {refused} refused");
}

/// Keeps all seek points.
#[derive(Default)]
struct Memory(Mutex<HashMap<u64, Vec<u8>>>);

impl SeekMemory for Memory {
    fn hash(&self, bytes: &[u8]) -> u64 {
        // FNV-1a.
        let hash = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        bytes.iter().fold(0xcbf2_9ce4_8422_2325, hash)
    }

    fn find(&self, hash: u64, out: &mut Vec<u8>) -> bool {
        self.0.lock().unwrap().get(&hash).is_some_and(|points| {
            out.clone_from(points);
            true
        })
    }

    fn keep(&self, hash: u64, points: &[u8]) {
        self.0.lock().unwrap().insert(hash, points.to_vec());
    }

    fn spacing(&self) -> u16 {
        3
    }
}

/// Size of the pixels, the pixels, and the refusal, of an image at half scale.
fn made(decoder: &mut Decoder, image: EncodedImage<'_>, region: Rect) -> Result<(u32, Vec<u8>), String> {
    half(decoder, image, Some(region))
        .map(|made| (made.shrink, packed(made.pixels)))
        .map_err(|e| e.to_string())
}

/// Half scale and full scale differ, so neither the CPU nor what was seen before may decide between them.
#[test]
fn the_scale_of_a_damaged_file_depends_on_its_bytes_alone() {
    let mut state = 7_u64;
    let mut random = move |end: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % end
    };
    let (mut halved, mut full) = (0, 0);
    let mut decoders: Vec<_> =
        SimdLevel::available().into_iter().map(|level| Decoder::new(level).unwrap()).collect();
    for round in 0..600 {
        let sampling = [Subsamp::Sub2x2, Subsamp::None, Subsamp::Sub2x1, Subsamp::Gray][round % 4];
        let mut bytes = encode((120, 90), sampling, false);
        let scan = bytes.windows(2).rposition(|pair| pair == [0xFF, 0xDA]).unwrap() + 14;
        for _ in 0..random(12) {
            let at = scan + random(bytes.len() - scan - 2);
            bytes[at] ^= 1 << random(8);
        }
        let (x, y) = (random(80) as u32, random(60) as u32);
        let region = Rect { x, y, width: 120 - x, height: 90 - y };
        let memory = Memory::default();
        let expected = made(&mut decoders[0], EncodedImage::from(&bytes), region);
        for decoder in &mut decoders {
            for seek in [None, Some(&memory as &dyn SeekMemory), Some(&memory)] {
                assert!(
                    made(decoder, EncodedImage { bytes: &bytes, seek }, region) == expected,
                    "{region:?}"
                );
            }
        }
        match expected {
            Ok((2, _)) => halved += 1,
            Ok(_) => full += 1,
            Err(_) => {}
        }
    }
    assert!(halved > 300 && full > 50, "{halved} at half scale, {full} in full");
}
