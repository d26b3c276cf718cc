//! Whole recipes against tensors made with Pillow, and against a plain composition of the kernels.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

use std::{fs, path::PathBuf};

use bandwise_decode::{DecodeError, DecodeLimits, Decoder};
use bandwise_kernels::{
    Augmenter, Dtype, Filter, FourierCrop, Layout, Normalization, PixelTable, Rect, Resizer, RgbView,
    SimdLevel, rgb_to_planes_f32,
};
use bandwise_recipe::{
    CropRange, DrawOp, Drawn, ImageKey, LowFrequency, OutputFormat, Program, RandomErase, Recipe, Workbench,
};
use half::{bf16, f16};
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

fn key(epoch: u64, sample: u64) -> ImageKey {
    ImageKey { seed: SEED, epoch, sample, view: 0 }
}

fn make(bench: &mut Workbench, program: &Program, bytes: &[u8], key: ImageKey) -> Vec<u8> {
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
        let recipe = match fields[0] {
            // What Pillow and numpy can make alone: the draws of RandAugment and erasing are left out.
            "efficienttrain++" => without_augmentation(),
            name => Recipe::named(name, None).unwrap(),
        };
        let base = 224.max(b as u32);
        let program = Program::new(&recipe, base, b as u32, 0.0, OutputFormat { dtype, layout }).unwrap();
        for (level, bench) in &mut benches {
            let out = make(bench, &program, &photos[sample as usize], key(epoch, sample));
            let digest = format!("{:x}", HexOf(Sha256::digest(&out).into()));
            assert_eq!(&digest[..16], fields[5], "{level}: {line}");
        }
    }
}

/// Values of f32 and bf16 are what the reference's f16 becomes, with and without erasing; u8 and f16 stay.
#[test]
fn through_half_the_wide_types_show_the_values_of_f16() {
    let photos = photos();
    let mut bench = Workbench::new(SimdLevel::detect()).unwrap();
    for (recipe, method) in
        [("plain", None), ("efficienttrain++", None), ("efficienttrain++", Some(LowFrequency::Fourier))]
    {
        let recipe = Recipe::named(recipe, method).unwrap();
        let mut make = |dtype, half: bool, sample: u64| {
            let format = OutputFormat { dtype, layout: Layout::Nhwc };
            let program = Program::new(&recipe, 224, 96, 3.0, format).unwrap();
            let program = if half { program.through_half() } else { program };
            self::make(&mut bench, &program, &photos[sample as usize], key(4, sample))
        };
        for sample in 0..6 {
            let halves: Vec<f16> = make(Dtype::F16, false, sample)
                .as_chunks::<2>()
                .0
                .iter()
                .map(|bytes| f16::from_le_bytes(*bytes))
                .collect();
            let wide: Vec<u8> = halves.iter().flat_map(|half| half.to_f32().to_le_bytes()).collect();
            assert!(make(Dtype::F32, true, sample) == wide, "f32, sample {sample}");
            let brain: Vec<u8> =
                halves.iter().flat_map(|half| bf16::from_f32(half.to_f32()).to_le_bytes()).collect();
            assert!(make(Dtype::Bf16, true, sample) == brain, "bf16, sample {sample}");
            assert!(make(Dtype::F32, false, sample) != wide, "without it f32 is finer");
            for dtype in [Dtype::U8, Dtype::F16] {
                assert!(make(dtype, true, sample) == make(dtype, false, sample), "{dtype}");
            }
        }
    }
}

fn without_augmentation() -> Recipe {
    let operation = |name: &str| format!("[[operation]]\nname = '{name}'\n");
    let text: String = ["random_resized_crop", "flip", "low_frequency", "normalize"]
        .map(operation)
        .concat()
        .replace("'low_frequency'", "'low_frequency'\nmethod = 'lanczos'");
    Recipe::from_toml("test", &format!("name = 'test'\n{text}")).unwrap()
}

struct HexOf([u8; 32]);

impl std::fmt::LowerHex for HexOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The crop and flip of a training recipe, step by step.
fn base_image(bytes: &[u8], key: ImageKey) -> Vec<u8> {
    let mut decoder = Decoder::new(SimdLevel::detect()).unwrap();
    let header = decoder.header(bytes, &DecodeLimits::default()).unwrap();
    let rect = CropRange::IMAGENET.sample(header.width, header.height, &mut key.draws(DrawOp::Crop));
    let whole = decoder.decode(bytes, &header, Rect::whole(header.width, header.height)).unwrap();
    let mut pixels = vec![0; 3 * 224 * 224];
    Resizer::new(SimdLevel::SCALAR).resize(whole.crop(rect), Filter::Bicubic, &mut pixels, 224, 224);
    if key.draws(DrawOp::Flip).unit() < 0.5 {
        let rows = pixels.chunks_exact(3 * 224);
        pixels = rows.flat_map(|row| row.chunks_exact(3).rev().flatten()).copied().collect();
    }
    pixels
}

/// A whole recipe again, from the record of what was drawn, operation by operation, in floats of 32 bits.
fn replay(bytes: &[u8], key: ImageKey, drawn: &Drawn, recipe: &str, method: LowFrequency) -> Vec<f32> {
    let mut pixels = base_image(bytes, key);
    let mut augmenter = Augmenter::new(SimdLevel::SCALAR);
    for op in drawn.augmented.into_iter().flatten() {
        augmenter.apply(op, &mut pixels, 224, 224, [124, 116, 104]);
    }
    let mut side = 224;
    if method == LowFrequency::Lanczos {
        let mut small = vec![0; 3 * 96 * 96];
        let view = RgbView::packed(&pixels, 224, 224);
        Resizer::new(SimdLevel::SCALAR).resize(view, Filter::Lanczos, &mut small, 96, 96);
        (pixels, side) = (small, 96);
    }
    let table = PixelTable::new(&Normalization::IMAGENET);
    let mut planes = vec![0.0; 3 * side * side];
    rgb_to_planes_f32(SimdLevel::SCALAR, Some(&table), RgbView::packed(&pixels, side, side), &mut planes);
    if recipe == "efficienttrain" {
        erase(&mut planes, side, drawn, key);
    }
    if method == LowFrequency::Fourier {
        let crop = FourierCrop::new(224, 96).unwrap();
        let mut cropped = vec![0.0; 3 * 96 * 96];
        let mut scratch = vec![0.0; crop.scratch_len()];
        for (plane, out) in planes.chunks(224 * 224).zip(cropped.chunks_mut(96 * 96)) {
            crop.apply(SimdLevel::detect(), plane, out, &mut scratch);
        }
        (planes, side) = (cropped, 96);
    }
    if recipe == "efficienttrain++" {
        erase(&mut planes, side, drawn, key);
    }
    planes
}

/// Fills the drawn box with the draws that follow it.
fn erase(planes: &mut [f32], side: usize, drawn: &Drawn, key: ImageKey) {
    let mut draws = key.draws(DrawOp::Erase);
    let area = RandomErase::EFFICIENTTRAIN.draw(side as u32, &mut draws);
    assert_eq!(area, drawn.erased);
    let Some(area) = area else { return };
    for plane in planes.chunks_mut(side * side) {
        for y in area.y..area.y + area.height {
            for x in area.x..area.x + area.width {
                plane[y as usize * side + x as usize] = draws.normal() as f32;
            }
        }
    }
}

#[test]
fn recipes_have_the_order_of_their_papers() {
    let photos = photos();
    let mut seen = [0; 3];
    for (name, method) in [
        ("efficienttrain", LowFrequency::Fourier),
        ("efficienttrain++", LowFrequency::Fourier),
        ("efficienttrain++", LowFrequency::Lanczos),
    ] {
        let recipe = Recipe::named(name, Some(method)).unwrap();
        let format = OutputFormat { dtype: Dtype::F32, layout: Layout::Nchw };
        let program = Program::new(&recipe, 224, 96, 9.0, format).unwrap();
        let mut bench = Workbench::new(SimdLevel::detect()).unwrap();
        for epoch in 0..6 {
            for (sample, bytes) in photos.iter().enumerate() {
                let key = key(epoch, sample as u64);
                let out = make(&mut bench, &program, bytes, key);
                let out: Vec<f32> =
                    out.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
                let drawn = bench.drawn();
                seen[0] += usize::from(drawn.flipped);
                seen[1] += drawn.augmented.iter().flatten().count();
                seen[2] += usize::from(drawn.erased.is_some());
                assert_eq!(out, replay(bytes, key, drawn, name, method), "{name} {method}, sample {sample}");
            }
        }
    }
    assert!(seen.iter().all(|&count| count > 20), "every operation was met: {seen:?}");
}

#[test]
fn u8_output_erases_in_pixel_space() {
    let photos = photos();
    let recipe = Recipe::named("efficienttrain++", None).unwrap();
    let program =
        |dtype| Program::new(&recipe, 224, 96, 3.0, OutputFormat { dtype, layout: Layout::Nchw }).unwrap();
    let mut bench = Workbench::new(SimdLevel::detect()).unwrap();
    let mut erased = 0;
    for (sample, bytes) in photos.iter().enumerate() {
        let key = key(3, sample as u64);
        let pixels = make(&mut bench, &program(Dtype::U8), bytes, key);
        erased += usize::from(bench.drawn().erased.is_some());
        let floats = make(&mut bench, &program(Dtype::F32), bytes, key);
        let Normalization { mean, std } = Normalization::IMAGENET;
        for (i, (value, float)) in pixels.iter().zip(floats.as_chunks::<4>().0).enumerate() {
            let channel = i / (96 * 96);
            let back = 255.0 * (mean[channel] + std[channel] * f32::from_le_bytes(*float));
            let expected = back.round_ties_even().clamp(0.0, 255.0);
            assert!(
                (f32::from(*value) - expected).abs() <= 1.0,
                "sample {sample}, value {i}: {value} and {back}"
            );
        }
    }
    assert!(erased > 0);
}

#[test]
fn views_of_a_sample_have_draws_of_their_own() {
    let photos = photos();
    let recipe = Recipe::named("mae", None).unwrap();
    let program =
        Program::new(&recipe, 224, 96, 0.0, OutputFormat { dtype: Dtype::U8, layout: Layout::Nhwc }).unwrap();
    let mut bench = Workbench::new(SimdLevel::detect()).unwrap();
    let view = |view, bench: &mut Workbench| {
        make(bench, &program, &photos[3], ImageKey { seed: 1, epoch: 0, sample: 3, view })
    };
    assert_eq!(view(0, &mut bench), view(0, &mut bench));
    assert_ne!(view(0, &mut bench), view(1, &mut bench));
    assert!(bench.drawn().augmented.iter().all(Option::is_none));
}

#[test]
fn a_stage_at_the_base_size_has_no_reduction() {
    let photos = photos();
    let mut bench = Workbench::new(SimdLevel::detect()).unwrap();
    let format = OutputFormat { dtype: Dtype::U8, layout: Layout::Nhwc };
    for method in [LowFrequency::Lanczos, LowFrequency::Fourier] {
        let recipe = Recipe::named("plain", Some(method)).unwrap();
        let program = Program::new(&recipe, 224, 224, 0.0, format).unwrap();
        assert_eq!(make(&mut bench, &program, &photos[0], key(1, 0)), base_image(&photos[0], key(1, 0)));
    }
}

#[test]
fn nonsense_orders_are_refused_with_the_reason() {
    for (operations, part) in [
        ("flip", "8-bit pixels"),
        ("normalize", "8-bit pixels"),
        ("random_resized_crop random_resized_crop", "one crop"),
        ("random_resized_crop", "does not normalise"),
        ("random_resized_crop normalize flip", "8-bit pixels"),
        ("random_resized_crop normalize rand_augment", "8-bit pixels"),
        ("random_resized_crop random_erase normalize", "normalised values"),
        ("random_resized_crop normalize", "bandwidth's size"),
    ] {
        let list: String =
            operations.split(' ').map(|name| format!("[[operation]]\nname = '{name}'\n")).collect();
        let recipe = Recipe::from_toml("test", &format!("name = 'x'\n{list}")).unwrap();
        let error = Program::check(&recipe, 224, 96).unwrap_err().to_string();
        assert!(error.contains(part), "{operations}: no '{part}' in: {error}");
    }
}

#[test]
fn a_workbench_remembers_nothing_of_the_image_before() {
    let photos = photos();
    let format = |dtype| OutputFormat { dtype, layout: Layout::Nchw };
    let fourier = Recipe::named("efficienttrain", None).unwrap();
    let plain = Recipe::named("plain", None).unwrap();
    let programs = [
        Program::new(&fourier, 224, 96, 9.0, format(Dtype::F32)).unwrap(),
        Program::new(&plain, 224, 32, 0.0, format(Dtype::U8)).unwrap(),
        Program::new(&fourier, 224, 160, 9.0, format(Dtype::U8)).unwrap(),
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
