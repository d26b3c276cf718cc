//! Whole recipes against tensors made with Pillow, and against a plain composition of the kernels.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

use std::{fs, path::PathBuf};

use bandwise_decode::{DecodeError, DecodeLimits, Decoder};
use bandwise_kernels::{
    Dtype, Filter, FourierCrop, Layout, Normalization, PixelTable, Rect, Resizer, RgbView, SimdLevel,
    rgb_to_planes_f32,
};
use bandwise_recipe::{
    CropRange, DrawKey, DrawOp, Draws, LowFrequency, OutputFormat, Program, Recipe, Workbench,
};
use sha2::{Digest, Sha256};

const SEED: u64 = 11;

/// The demo photographs, in the order of their paths.
fn photos() -> Vec<Vec<u8>> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../assets/photos");
    let list = |path: &PathBuf| fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = list(&root).flat_map(|class| list(&class).collect::<Vec<_>>()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn key(epoch: u64, sample: u64) -> DrawKey {
    DrawKey { seed: SEED, epoch, sample, view: 0 }
}

fn make(bench: &mut Workbench, program: &Program, bytes: &[u8], key: DrawKey) -> Vec<u8> {
    let mut out = vec![0xa5; program.image_bytes()];
    bench.make(program, bytes, &DecodeLimits::default(), key, &mut out).unwrap();
    out
}

#[test]
fn tensors_are_those_of_pillow_and_numpy() {
    let photos = photos();
    let mut benches: Vec<_> =
        SimdLevel::available().into_iter().map(|level| (level, Workbench::new(level).unwrap())).collect();
    for line in include_str!("golden/recipes.txt").lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let [sample, epoch, b] = [1, 2, 3].map(|i| fields[i].parse::<u64>().unwrap());
        let dtype: Dtype = fields[4].parse().unwrap();
        let layout = if dtype == Dtype::U8 { Layout::Nhwc } else { Layout::Nchw };
        let recipe = Recipe::named(fields[0], None).unwrap();
        let base = 224.max(b as u32);
        let program = Program::new(&recipe, base, b as u32, OutputFormat { dtype, layout }).unwrap();
        for (level, bench) in &mut benches {
            let out = make(bench, &program, &photos[sample as usize], key(epoch, sample));
            let digest = format!("{:x}", HexOf(Sha256::digest(&out).into()));
            assert_eq!(&digest[..16], fields[5], "{level}: {line}");
        }
    }
}

struct HexOf([u8; 32]);

impl std::fmt::LowerHex for HexOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The crop and flip of a training recipe, step by step.
fn base_image(bytes: &[u8], key: DrawKey) -> Vec<u8> {
    let mut decoder = Decoder::new().unwrap();
    let header = decoder.header(bytes, &DecodeLimits::default()).unwrap();
    let rect = CropRange::IMAGENET.sample(header.width, header.height, &mut Draws::new(key, DrawOp::Crop));
    let whole = decoder.decode(bytes, &header, Rect::whole(header.width, header.height)).unwrap();
    let mut pixels = vec![0; 3 * 224 * 224];
    Resizer::new(SimdLevel::SCALAR).resize(whole.crop(rect), Filter::Bicubic, &mut pixels, 224, 224);
    if Draws::new(key, DrawOp::Flip).unit() < 0.5 {
        let rows = pixels.chunks_exact(3 * 224);
        pixels = rows.flat_map(|row| row.chunks_exact(3).rev().flatten()).copied().collect();
    }
    pixels
}

#[test]
fn fourier_recipes_crop_the_spectrum_of_normalised_values() {
    let photos = photos();
    for (name, method) in [("efficienttrain", None), ("efficienttrain++", Some(LowFrequency::Fourier))] {
        let recipe = Recipe::named(name, method).unwrap();
        let format = OutputFormat { dtype: Dtype::F32, layout: Layout::Nchw };
        let program = Program::new(&recipe, 224, 96, format).unwrap();
        let mut bench = Workbench::new(SimdLevel::detect()).unwrap();
        for (sample, bytes) in photos.iter().enumerate().take(4) {
            let key = key(2, sample as u64);
            let out = make(&mut bench, &program, bytes, key);
            let table = PixelTable::new(&Normalization::IMAGENET);
            let mut planes = vec![0.0; 3 * 224 * 224];
            rgb_to_planes_f32(Some(&table), RgbView::packed(&base_image(bytes, key), 224, 224), &mut planes);
            let crop = FourierCrop::new(224, 96).unwrap();
            let mut expected = vec![0.0; 3 * 96 * 96];
            let mut scratch = vec![0.0; crop.scratch_len()];
            for (plane, out) in planes.chunks(224 * 224).zip(expected.chunks_mut(96 * 96)) {
                crop.apply(SimdLevel::detect(), plane, out, &mut scratch);
            }
            let out: Vec<f32> =
                out.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
            assert_eq!(out, expected, "{name}, sample {sample}");
        }
    }
}

#[test]
fn a_stage_at_the_base_size_has_no_reduction() {
    let photos = photos();
    let mut bench = Workbench::new(SimdLevel::detect()).unwrap();
    let format = OutputFormat { dtype: Dtype::U8, layout: Layout::Nhwc };
    for (name, method) in
        [("efficienttrain++", LowFrequency::Lanczos), ("efficienttrain", LowFrequency::Fourier)]
    {
        let program = Program::new(&Recipe::named(name, Some(method)).unwrap(), 224, 224, format).unwrap();
        assert_eq!(make(&mut bench, &program, &photos[0], key(1, 0)), base_image(&photos[0], key(1, 0)));
    }
}

#[test]
fn a_workbench_remembers_nothing_of_the_image_before() {
    let photos = photos();
    let format = |dtype| OutputFormat { dtype, layout: Layout::Nchw };
    let fourier = Recipe::named("efficienttrain", None).unwrap();
    let plain = Recipe::named("plain", None).unwrap();
    let programs = [
        Program::new(&fourier, 224, 96, format(Dtype::F32)).unwrap(),
        Program::new(&plain, 224, 32, format(Dtype::U8)).unwrap(),
        Program::new(&fourier, 224, 160, format(Dtype::U8)).unwrap(),
    ];
    let mut used = Workbench::new(SimdLevel::detect()).unwrap();
    for (i, bytes) in photos.iter().enumerate() {
        for program in &programs {
            let fresh =
                make(&mut Workbench::new(SimdLevel::detect()).unwrap(), program, bytes, key(0, i as u64));
            assert_eq!(make(&mut used, program, bytes, key(0, i as u64)), fresh);
        }
        let mut out = vec![0; programs[1].image_bytes()];
        let error = used.make(&programs[1], &bytes[..500], &DecodeLimits::default(), key(0, 0), &mut out);
        assert!(matches!(error, Err(DecodeError::Truncated { .. })), "{error:?}");
    }
}
