//! Times random-resized crops of a folder of JPEGs: this crate beside libjpeg-turbo, in turns, on one core.
//!
//! `cargo run --release -p bandwise-jpeg --example crops -- FOLDER [ROUNDS [WORD]]`
//!
//! With a word only the variants with that word in their names run beside libjpeg-turbo.
//!
//! One crop an image, 8 to 100 % of its area, sides 3:4 to 4:3. The figure of a variant is the mean over all images of the
//! median of its rounds. Pixels are compared first. Half scale is compared with libjpeg-turbo's full decoding of the same
//! crop, which it replaces, and has pixels of its own.

#![allow(unsafe_code, reason = "only libjpeg-turbo's C functions decode a crop")]
#![allow(clippy::unwrap_used, reason = "a program for developers")]

use std::{
    ffi::c_int,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use bandwise_jpeg::{Crop, DEFAULT_SPACING, Decoder, Frame, Part, Sampling, Scale, SeekTable, SimdLevel};
use turbojpeg_sys as raw;

/// An image with the crop of it that is decoded.
struct Sample {
    bytes: Vec<u8>,
    frame: Frame,
    crop: Crop,
    /// Its seek points at the default spacing.
    table: Vec<u8>,
}

/// Decodes the crop of a sample into packed RGB.
type Run = Box<dyn FnMut(&Sample, &mut Vec<u8>)>;

/// A way to decode crops.
struct Variant {
    name: String,
    scale: Scale,
    run: Run,
}

fn main() {
    let mut args = std::env::args().skip(1);
    let folder = args.next().expect("usage: crops FOLDER [ROUNDS]");
    let rounds = args.next().map_or(7, |rounds| rounds.parse().expect("ROUNDS is a number"));
    let word = args.next().unwrap_or_default();
    let samples = samples(Path::new(&folder));
    let mut variants = variants();
    variants.retain(|Variant { name, .. }| name.starts_with("libjpeg-turbo") || name.contains(&word));
    compare(&samples, &mut variants);
    let times = times(&samples, &mut variants, rounds);
    let area = |sample: &Sample| f64::from(sample.crop.width) * f64::from(sample.crop.height);
    let megapixels = samples.iter().map(area).sum::<f64>() / samples.len() as f64 / 1e6;
    println!("{} crops of {megapixels:.3} megapixels, {rounds} rounds", samples.len());
    for (variant, time) in variants.iter().zip(&times) {
        println!("{:40} {:7.1} us {:6.2}", variant.name, 1e6 * time, times[0] / time);
    }
    index(&samples, rounds);
}

fn variants() -> Vec<Variant> {
    let mut variants = vec![Variant {
        name: "libjpeg-turbo, region by tj3".to_owned(),
        scale: Scale::Full,
        run: by_turbo(),
    }];
    for level in SimdLevel::available() {
        for (scale, name) in [(Scale::Full, ""), (Scale::Half, "half scale, ")] {
            for (what, run) in by_us(level, scale) {
                variants.push(Variant { name: format!("{name}{what}, {level}"), scale, run });
            }
        }
    }
    variants
}

/// Our ways to decode a crop.
fn by_us(level: SimdLevel, scale: Scale) -> [(&'static str, Run); 3] {
    let room = move |sample: &Sample, out: &mut Vec<u8>| {
        let part = Part { crop: sample.crop, scale };
        let Crop { width, height, .. } = part.pixels();
        out.resize(3 * width as usize * height as usize, 0);
        part
    };
    let [mut first, mut both, mut later] = [level; 3].map(Decoder::new);
    [
        (
            "first time",
            Box::new(move |sample, out| {
                let part = room(sample, out);
                first.crop(&sample.bytes, &sample.frame, part, out).unwrap();
            }),
        ),
        (
            "first time, makes seek points",
            Box::new(move |sample, out| {
                let part = room(sample, out);
                let made = both.crop_and_index(&sample.bytes, &sample.frame, part, DEFAULT_SPACING, out);
                made.unwrap().unwrap();
            }),
        ),
        (
            "with seek points",
            Box::new(move |sample, out| {
                let part = room(sample, out);
                let table = SeekTable::read(&sample.frame, &sample.table).unwrap();
                later.crop_with(&sample.bytes, &sample.frame, &table, part, out).unwrap();
            }),
        ),
    ]
}

/// Times the making of seek points alone, and says how large they are.
fn index(samples: &[Sample], rounds: usize) {
    for level in SimdLevel::available() {
        let mut decoder = Decoder::new(level);
        let mut sum = 0.0;
        for Sample { bytes, frame, .. } in samples {
            let mut time = || {
                let start = Instant::now();
                decoder.index(bytes, frame, DEFAULT_SPACING).unwrap();
                start.elapsed().as_secs_f64()
            };
            let mut times: Vec<f64> = (0..rounds).map(|_| time()).collect();
            times.sort_by(f64::total_cmp);
            sum += times[rounds / 2];
        }
        let micros = 1e6 * sum / samples.len() as f64;
        println!("{:40} {micros:7.1} us", format!("seek points alone, {level}"));
    }
    let tables: usize = samples.iter().map(|sample| sample.table.len()).sum();
    let files: usize = samples.iter().map(|sample| sample.bytes.len()).sum();
    let points = |sample: &Sample| SeekTable::read(&sample.frame, &sample.table).unwrap().len();
    let points: usize = samples.iter().map(points).sum();
    let (share, each) = (100.0 * tables as f64 / files as f64, tables as f64 / points as f64);
    let mean = tables / samples.len();
    println!("tables: {mean} bytes an image, {share:.2} % of the files, {each:.2} bytes a point");
}

/// Compares each variant with the first one of its scale.
fn compare(samples: &[Sample], variants: &mut [Variant]) {
    let (mut expected, mut out) = (Vec::new(), Vec::new());
    for sample in samples {
        for scale in [Scale::Full, Scale::Half] {
            let mut of_scale = variants.iter_mut().filter(|variant| variant.scale == scale);
            let Some(first) = of_scale.next() else { continue };
            (first.run)(sample, &mut expected);
            for variant in of_scale {
                (variant.run)(sample, &mut out);
                assert!(out == expected, "{}: other pixels than {}", variant.name, first.name);
            }
        }
    }
}

/// Seconds a crop of each variant: the mean over the samples of the medians of their rounds.
///
/// A round takes all samples once, so that no variant meets bits that the branch predictor learned a moment ago; each
/// variant is the first at a sample as often as the others.
fn times(samples: &[Sample], variants: &mut [Variant], rounds: usize) -> Vec<f64> {
    let (mut out, count) = (Vec::new(), variants.len());
    let mut times = vec![vec![Vec::with_capacity(rounds); samples.len()]; count];
    for round in 0..rounds {
        for (number, sample) in samples.iter().enumerate() {
            for turn in 0..count {
                let variant = (round + number + turn) % count;
                let start = Instant::now();
                (variants[variant].run)(sample, &mut out);
                times[variant][number].push(start.elapsed().as_secs_f64());
            }
        }
    }
    let median = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let mean = |times: &mut Vec<Vec<f64>>| times.iter_mut().map(median).sum::<f64>() / samples.len() as f64;
    times.iter_mut().map(mean).collect()
}

/// All files of a folder that this crate decodes, in the order of their paths.
fn samples(folder: &Path) -> Vec<Sample> {
    let mut paths = Vec::new();
    walk(folder, &mut paths);
    paths.sort();
    let mut state = 1_u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / (1_u64 << 31) as f64
    };
    let sample = |path: PathBuf| {
        let bytes = fs::read(path).unwrap();
        let frame = Frame::read(&bytes).ok()?;
        let (width, height) = frame.size();
        let area = f64::from(width) * f64::from(height) * (0.08 + 0.92 * random());
        let ratio = (0.75_f64.ln() + (4.0_f64 / 3.0 / 0.75).ln() * random()).exp();
        let side = |len: f64, whole: u32| (len.round() as u32).clamp(1, whole);
        let (w, h) = (side((area * ratio).sqrt(), width), side((area / ratio).sqrt(), height));
        let x = (f64::from(width - w) * random()) as u32;
        let y = (f64::from(height - h) * random()) as u32;
        let crop = Crop { x, y, width: w, height: h };
        let mut decoder = Decoder::new(SimdLevel::SCALAR);
        decoder.crop(&bytes, &frame, crop, &mut vec![0; 3 * (w * h) as usize]).ok()?;
        let table = decoder.index(&bytes, &frame, DEFAULT_SPACING).ok()?;
        Some(Sample { bytes, frame, crop, table })
    };
    paths.into_iter().filter_map(sample).collect()
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            walk(&path, paths);
        } else {
            paths.push(path);
        }
    }
}

/// The crop from the smallest part, on borders of MCUs, that has its pixels; with one handle for all files.
fn by_turbo() -> Run {
    // SAFETY: needs nothing.
    let handle = unsafe { raw::tj3Init(raw::TJINIT_TJINIT_DECOMPRESS as c_int) };
    assert!(!handle.is_null(), "no memory");
    let mut pixels = Vec::new();
    Box::new(move |sample, out| {
        let (width, height) = sample.frame.size();
        let (across, down) = match sample.frame.sampling() {
            Sampling::Grey | Sampling::Full => (8, 8),
            Sampling::Half => (16, 8),
            Sampling::HalfDown => (8, 16),
            Sampling::Quarter => (16, 16),
        };
        let Crop { x, y, width: w, height: h } = sample.crop;
        let part = |start: u32, len: u32, unit: u32, whole: u32| {
            let context = if unit == 8 { 0 } else { 8 };
            let from = start.saturating_sub(context) / unit * unit;
            (from as c_int, ((start + len + context).next_multiple_of(unit).min(whole) - from) as c_int)
        };
        let ((left, columns), (top, rows)) = (part(x, w, across, width), part(y, h, down, height));
        if pixels.len() < (3 * columns * rows) as usize {
            pixels.resize((3 * columns * rows) as usize, 0);
        }
        let is_whole = (columns, rows) == (width as c_int, height as c_int);
        let (bytes, len) = (sample.bytes.as_ptr(), sample.bytes.len() as _);
        // SAFETY: the library is given its own live handle, readable bytes, and room for `rows` rows of `columns`
        // pixels, which it writes `3 * columns` bytes apart.
        unsafe {
            raw::tj3DecompressHeader(handle, bytes, len);
            let (w, h) = if is_whole { (0, 0) } else { (columns, rows) };
            let region = if is_whole { (0, 0) } else { (left, top) };
            let region = raw::tjregion { x: region.0, y: region.1, w, h };
            assert_eq!(raw::tj3SetCroppingRegion(handle, region), 0);
            raw::tj3Decompress8(handle, bytes, len, pixels.as_mut_ptr(), 3 * columns, raw::TJPF_TJPF_RGB);
        }
        out.clear();
        for row in 0..h as usize {
            let (x, y) = (x as usize - left as usize, y as usize - top as usize + row);
            out.extend_from_slice(&pixels[3 * (y * columns as usize + x)..][..3 * w as usize]);
        }
    })
}
