//! The decoding of random crops, one after the other on one core: our decoder beside libjpeg-turbo, both as the daemon
//! calls them.
//!
//! All variants take a crop of each file in turns and go through all files before a file is taken again, so that none meets
//! bits that the branch predictor learned a moment ago; each is the first at a file as often as the others. Pixels are
//! compared first. Files that our decoder leaves to libjpeg-turbo are left out. Half scale has pixels of its own; its base is the full decoding that it replaces.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Instant,
};

use anyhow::{Result, bail, ensure};
use bandwise_decode::{DecodeLimits, Decoder, EncodedImage, Header, SeekMemory};
use bandwise_jpeg::{DEFAULT_SPACING, Frame};
use bandwise_kernels::{Rect, RgbView, SimdLevel};
use bandwise_recipe::{CropRange, DrawOp, ImageKey};
use serde::Serialize;
use twox_hash::XxHash3_64;

use crate::{
    report::{Table, short},
    stats::Spread,
};

/// The results of a variant.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The decoder, and what it has or makes.
    pub name: String,
    /// Microseconds a crop: the mean over the files of the medians of their rounds.
    pub microseconds: f64,
    /// libjpeg-turbo's microseconds over these.
    pub times_faster: f64,
}

/// A file with the crop of it that is decoded.
struct Sample<'a> {
    bytes: &'a [u8],
    header: Header,
    crop: Rect,
}

/// A way to decode crops.
struct Variant {
    name: String,
    decoder: Decoder,
    is_half: bool,
    seek: Option<Box<dyn SeekMemory>>,
}

impl Variant {
    /// Decodes the crop of a sample; gives the pixels.
    fn run(&mut self, sample: &Sample<'_>) -> Result<RgbView<'_>> {
        let image = EncodedImage { bytes: sample.bytes, seek: self.seek.as_deref() };
        Ok(if self.is_half {
            self.decoder.decode_half(image, &sample.header, sample.crop)?.pixels
        } else {
            self.decoder.decode(image, &sample.header, sample.crop)?
        })
    }
}

/// Seek points in memory; those of a clone are the same.
#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<HashMap<u64, Vec<u8>>>>);

impl Kept {
    fn points(&self) -> MutexGuard<'_, HashMap<u64, Vec<u8>>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl SeekMemory for Kept {
    fn hash(&self, bytes: &[u8]) -> u64 {
        XxHash3_64::oneshot(bytes)
    }

    fn find(&self, hash: u64, out: &mut Vec<u8>) -> bool {
        self.points().get(&hash).is_some_and(|points| {
            out.clone_from(points);
            true
        })
    }

    fn keep(&self, hash: u64, points: &[u8]) {
        self.points().insert(hash, points.to_vec());
    }

    fn spacing(&self) -> u16 {
        DEFAULT_SPACING
    }
}

/// A memory that keeps nothing: seek points are made each time.
#[derive(Debug)]
struct Forgetful(Kept);

impl SeekMemory for Forgetful {
    fn hash(&self, bytes: &[u8]) -> u64 {
        self.0.hash(bytes)
    }

    fn find(&self, _: u64, _: &mut Vec<u8>) -> bool {
        false
    }

    fn keep(&self, _: u64, _: &[u8]) {}

    fn spacing(&self) -> u16 {
        DEFAULT_SPACING
    }
}

/// Compares and times all variants; `done` is called after each of `rounds`. Gives a sentence on the crops too.
///
/// # Errors
///
/// If our decoder takes no file, one cannot be decoded, or a pixel is not libjpeg-turbo's.
pub fn run(files: &[Vec<u8>], rounds: usize, done: impl FnMut()) -> Result<(Vec<Outcome>, String)> {
    let taken = (0..).zip(files).filter(|(_, file)| Frame::read(file).is_ok());
    let samples = taken.map(|(number, file)| sample(number, file)).collect::<Result<Vec<_>>>()?;
    ensure!(!samples.is_empty(), "our decoder takes none of the files");
    let kept = Kept::default();
    let mut variants = variants(&kept)?;
    compare(&samples, &mut variants)?;
    let times = times(&samples, &mut variants, rounds, done)?;
    let outcomes = variants.into_iter().zip(&times).map(|(Variant { name, .. }, &seconds)| Outcome {
        name,
        microseconds: 1e6 * seconds,
        times_faster: times[0] / seconds,
    });
    let area: f64 =
        samples.iter().map(|Sample { crop, .. }| f64::from(crop.width) * f64::from(crop.height)).sum();
    let (points, bytes) = (kept.points(), samples.iter().map(|sample| sample.bytes.len()).sum::<usize>());
    let table_bytes: usize = points.values().map(Vec::len).sum();
    let sentence = format!(
        "crops of {:.3} megapixels of the {} files that our decoder takes; seek points of {:.0} bytes a file, {:.2} % of the files",
        area / 1e6 / samples.len() as f64,
        samples.len(),
        table_bytes as f64 / points.len().max(1) as f64,
        100.0 * table_bytes as f64 / bytes as f64
    );
    Ok((outcomes.collect(), sentence))
}

/// The table for people.
pub fn table(outcomes: &[Outcome]) -> Table {
    let mut table = Table::new(&["decoder", "µs a crop", "libjpeg-turbo / it"]);
    for Outcome { name, microseconds, times_faster } in outcomes {
        table.row(vec![name.clone(), short(*microseconds), format!("{times_faster:.2}")]);
    }
    table
}

fn sample(number: u64, bytes: &[u8]) -> Result<Sample<'_>> {
    let header = Decoder::new(SimdLevel::SCALAR)?.header(bytes, &DecodeLimits::default())?;
    let key = ImageKey { seed: 0, epoch: 0, sample: number, view: 0 };
    let crop = CropRange::IMAGENET.sample(header.width, header.height, &mut key.draws(DrawOp::Crop));
    Ok(Sample { bytes, header, crop })
}

/// libjpeg-turbo first.
fn variants(kept: &Kept) -> Result<Vec<Variant>> {
    let mut variants = vec![Variant {
        name: "libjpeg-turbo, region".to_owned(),
        decoder: Decoder::new(SimdLevel::detect())?.by_libjpeg_turbo_alone(),
        is_half: false,
        seek: None,
    }];
    for level in SimdLevel::available() {
        for (is_half, scale) in [(false, ""), (true, ", half scale")] {
            let mut add = |how: &str, seek: Option<Box<dyn SeekMemory>>| {
                let name = format!("ours{scale}, {how}, {level}");
                Decoder::new(level).map(|decoder| variants.push(Variant { name, decoder, is_half, seek }))
            };
            add("without seek points", None)?;
            add("making seek points", Some(Box::new(Forgetful(kept.clone()))))?;
            add("with seek points", Some(Box::new(kept.clone())))?;
        }
    }
    Ok(variants)
}

/// Compares the full decodings with libjpeg-turbo's. All memories are filled afterwards.
fn compare(samples: &[Sample<'_>], variants: &mut [Variant]) -> Result<()> {
    let Some((turbo, ours)) = variants.split_first_mut() else { bail!("no variants") };
    for (number, sample) in samples.iter().enumerate() {
        let expected = turbo.run(sample)?;
        for variant in &mut *ours {
            let (is_half, name) = (variant.is_half, variant.name.clone());
            let pixels = variant.run(sample)?;
            let is_equal = is_half || (0..expected.height()).all(|y| pixels.row(y) == expected.row(y));
            ensure!(is_equal, "other pixels than libjpeg-turbo's of file {number}: {name}");
        }
    }
    Ok(())
}

/// Seconds a crop of each variant.
fn times(
    samples: &[Sample<'_>],
    variants: &mut [Variant],
    rounds: usize,
    mut done: impl FnMut(),
) -> Result<Vec<f64>> {
    let count = variants.len();
    let mut times = vec![vec![Vec::with_capacity(rounds); samples.len()]; count];
    for round in 0..rounds {
        for (number, sample) in samples.iter().enumerate() {
            for turn in 0..count {
                let variant = (round + number + turn) % count;
                let start = Instant::now();
                variants[variant].run(sample)?;
                times[variant][number].push(start.elapsed().as_secs_f64());
            }
        }
        done();
    }
    let mean = |of_files: &Vec<Vec<f64>>| {
        of_files.iter().map(|rounds| Spread::of(rounds).median).sum::<f64>() / samples.len() as f64
    };
    Ok(times.iter().map(mean).collect())
}
