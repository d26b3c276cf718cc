//! Makes a corpus: all files in parallel, photograph by photograph.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use bandwise_kernels::RgbView;
use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use super::{
    SUMMARY_FILE, Summary,
    picture::{Cutter, Picture},
    shape::Shape,
    source,
};

/// Files that the quality is chosen by. Their pixels are in memory together: about 150 MB.
const TRIAL_FILES: u64 = 256;

/// Base qualities between which the choice lies, and when it is close enough.
const BASE_QUALITIES: (f64, f64) = (40.0, 100.0);
const CLOSE_ENOUGH: f64 = 0.05;

/// Options of the corpus.
#[derive(Clone, Debug)]
pub struct MakeOptions {
    /// Folder of photographs, searched with the folders below it.
    pub from: PathBuf,
    /// Folder to write to: new or empty.
    pub out: PathBuf,
    /// Number of files.
    pub images: u64,
    /// Number of class folders.
    pub classes: u64,
    /// Seed of all draws.
    pub seed: u64,
    /// Wanted mean size of a file in bytes.
    pub mean_bytes: f64,
}

/// The facts about a file that was written.
struct Written {
    pixels: u64,
    bytes: u64,
    sha256: [u8; 32],
}

/// Makes a corpus, calls `done` after each file, and describes the corpus in its folder. The second value names
/// the photographs that were passed over, and why.
///
/// # Errors
///
/// If the folder is not empty, there are no photographs, or something cannot be read or written.
pub fn make(options: &MakeOptions, done: impl Fn() + Sync) -> Result<(Summary, Vec<String>)> {
    if options.images == 0 || options.classes == 0 {
        bail!("a corpus has at least one image and one class");
    }
    let sources = source::find(&options.from)?;
    prepare_folders(options)?;
    let base_quality = base_quality(options, &sources.usable)?;
    let written = write_all(options, &sources.usable, base_quality, &done)?;
    let summary = summarise(options, sources.usable.len() as u64, base_quality, &written);
    let json = serde_json::to_string_pretty(&summary)? + "\n";
    write(&options.out.join(SUMMARY_FILE), json.as_bytes())?;
    Ok((summary, sources.passed_over))
}

fn prepare_folders(options: &MakeOptions) -> Result<()> {
    let out = &options.out;
    let cannot = || format!("cannot make the folder {}", out.display());
    fs::create_dir_all(out).with_context(cannot)?;
    if fs::read_dir(out).with_context(cannot)?.next().is_some() {
        bail!("{} is not empty; remove it or name another folder", out.display());
    }
    (0..options.classes).try_for_each(|class| fs::create_dir(class_folder(out, class)).with_context(cannot))
}

fn class_folder(out: &Path, class: u64) -> PathBuf {
    out.join(format!("class_{class:03}"))
}

/// The path of file `index`: classes are runs of files, as equal as can be.
fn path_of(options: &MakeOptions, index: u64) -> PathBuf {
    let class = index * options.classes / options.images;
    class_folder(&options.out, class).join(format!("{index:06}.jpg"))
}

/// Cuts the files `wanted` out of their photographs, each photograph decoded once, and hands them to `work`;
/// the results are in the order of `wanted`.
fn each_picture<T: Send>(
    options: &MakeOptions,
    photographs: &[PathBuf],
    wanted: &[u64],
    work: impl Fn(u64, Picture) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let count = photographs.len() as u64;
    let of_photograph = |(photograph, path): (usize, &PathBuf)| {
        let indexes: Vec<u64> =
            wanted.iter().copied().filter(|index| index % count == photograph as u64).collect();
        if indexes.is_empty() {
            return Ok(Vec::new());
        }
        let cut_all = |pixels: RgbView<'_>| {
            let mut cutter = Cutter::new();
            let mut one = |index| {
                let picture = cutter.cut(pixels, Shape::draw(options.seed, index));
                Ok((index, work(index, picture)?))
            };
            indexes.into_iter().map(&mut one).collect::<Result<Vec<_>>>()
        };
        source::with_pixels(path, cut_all)
    };
    let nested = photographs.par_iter().enumerate().map(of_photograph).collect::<Result<Vec<_>>>()?;
    let mut all: Vec<(u64, T)> = nested.into_iter().flatten().collect();
    all.sort_by_key(|(index, _)| *index);
    Ok(all.into_iter().map(|(_, result)| result).collect())
}

/// The quality at which files out of all photographs have the wanted mean size.
fn base_quality(options: &MakeOptions, photographs: &[PathBuf]) -> Result<f64> {
    // The first files: they come from all photographs in turn.
    let trial: Vec<u64> = (0..options.images.min(TRIAL_FILES)).collect();
    let pictures = each_picture(options, photographs, &trial, |_, picture| Ok(picture))?;
    let mean_bytes = |quality: f64| -> Result<f64> {
        let sizes = pictures.par_iter().map(|picture| Ok(picture.encode(quality)?.len() as f64));
        Ok(sizes.collect::<Result<Vec<f64>>>()?.iter().sum::<f64>() / pictures.len() as f64)
    };
    let (mut low, mut high) = BASE_QUALITIES;
    while high - low > CLOSE_ENOUGH {
        let middle = f64::midpoint(low, high);
        if mean_bytes(middle)? < options.mean_bytes {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(f64::midpoint(low, high))
}

fn write_all(
    options: &MakeOptions,
    photographs: &[PathBuf],
    base_quality: f64,
    done: &(impl Fn() + Sync),
) -> Result<Vec<Written>> {
    let all: Vec<u64> = (0..options.images).collect();
    each_picture(options, photographs, &all, |index, picture| {
        let file = picture.encode(base_quality)?;
        write(&path_of(options, index), &file)?;
        done();
        Ok(Written {
            pixels: (picture.width * picture.height) as u64,
            bytes: file.len() as u64,
            sha256: Sha256::digest(&file).into(),
        })
    })
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

fn summarise(options: &MakeOptions, photographs: u64, base_quality: f64, written: &[Written]) -> Summary {
    let mean = |sum: u64| sum as f64 / written.len() as f64;
    let share = |wanted: fn(&Shape) -> bool| {
        let count = (0..options.images).filter(|&index| wanted(&Shape::draw(options.seed, index))).count();
        count as f64 / options.images as f64
    };
    let mut digest = Sha256::new();
    for file in written {
        digest.update(file.sha256);
    }
    Summary {
        images: options.images,
        classes: options.classes,
        photographs: photographs.min(options.images),
        seed: options.seed,
        mean_pixels: mean(written.iter().map(|file| file.pixels).sum()),
        mean_bytes: mean(written.iter().map(|file| file.bytes).sum()),
        base_quality,
        share_444: share(|shape| shape.is_444),
        share_progressive: share(|shape| shape.is_progressive),
        sha256: digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}
