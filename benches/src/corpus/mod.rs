//! A corpus of JPEGs like ImageNet's, made of any photographs.
//!
//! ImageNet itself may not be passed on, and speed depends on little but sizes, quality and sampling of the files.
//! So random parts of real photographs are scaled down, as web photographs are, and encoded again:
//!
//! - `source`: the photographs.
//! - `shape`: size, place, sampling of each file, from keyed draws.
//! - `picture`: the pixels of a file, and their encoding.
//! - `make`: all of it in parallel, and the one quality that gives the wanted mean size.
//!
//! The same options and photographs give the same bytes, on any number of cores.

mod make;
mod picture;
mod shape;
mod source;

pub use make::{MakeOptions, make};

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

/// The file in which a corpus describes itself.
pub const SUMMARY_FILE: &str = "corpus.json";

/// Files that a bench keeps in memory may have this many bytes together.
const MAX_LOADED_BYTES: u64 = 4 << 30;

/// The ingredients of a corpus.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Number of files.
    pub images: u64,
    /// Number of class folders.
    pub classes: u64,
    /// Photographs that the files were cut out of.
    pub photographs: u64,
    /// Seed of all draws.
    pub seed: u64,
    /// Mean of width x height.
    pub mean_pixels: f64,
    /// Mean size of a file.
    pub mean_bytes: f64,
    /// JPEG quality around which the files' qualities lie.
    pub base_quality: f64,
    /// Share of files with full chroma resolution.
    pub share_444: f64,
    /// Share of progressive files.
    pub share_progressive: f64,
    /// SHA-256 over the SHA-256 of each file, in order: equal corpora are equal here.
    pub sha256: String,
}

impl Summary {
    /// One sentence.
    pub fn sentence(&self) -> String {
        format!(
            "{} JPEGs cut out of {} photographs, {:.3} megapixels and {:.1} kB each on average (corpus {})",
            self.images,
            self.photographs,
            self.mean_pixels / 1e6,
            self.mean_bytes / 1e3,
            &self.sha256[..self.sha256.len().min(8)]
        )
    }
}

/// The encoded files of a corpus, in memory, in the order of their paths: the order of the daemon's index.
#[derive(Debug)]
pub struct Corpus {
    /// Folder of class folders.
    pub folder: PathBuf,
    /// The corpus's description of itself; none for any other folder.
    pub summary: Option<Summary>,
    /// Contents of the files.
    pub files: Vec<Vec<u8>>,
}

impl Corpus {
    /// Reads all JPEGs in the class folders of `folder`.
    ///
    /// # Errors
    ///
    /// If there are none, if they are too many for memory (4 GiB), or one cannot be read.
    pub fn load(folder: &Path) -> Result<Self> {
        let mut files = Vec::new();
        let mut bytes = 0;
        for class in sorted_entries(folder)?.into_iter().filter(|path| path.is_dir()) {
            for path in sorted_entries(&class)?.into_iter().filter(|path| is_jpeg(path)) {
                let file = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
                bytes += file.len() as u64;
                if bytes > MAX_LOADED_BYTES {
                    bail!("the JPEGs below {} have more than 4 GiB; use a part of them", folder.display());
                }
                files.push(file);
            }
        }
        if files.is_empty() {
            bail!("no JPEGs in class folders below {}; make a corpus first", folder.display());
        }
        let summary = fs::read(folder.join(SUMMARY_FILE)).ok();
        let summary = summary.and_then(|json| serde_json::from_slice(&json).ok());
        Ok(Self { folder: folder.to_owned(), summary, files })
    }

    /// One sentence on what is in it.
    pub fn sentence(&self) -> String {
        let bytes: usize = self.files.iter().map(Vec::len).sum();
        let mean = bytes as f64 / self.files.len() as f64;
        self.summary.as_ref().map_or_else(
            || format!("{} JPEGs of {:.1} kB on average", self.files.len(), mean / 1e3),
            Summary::sentence,
        )
    }
}

fn is_jpeg(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
    extension == "jpg" || extension == "jpeg"
}

/// The entries of a folder, in the order of names.
fn sorted_entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = || format!("cannot read the folder {}", folder.display());
    let entries = fs::read_dir(folder).with_context(unreadable)?;
    let mut paths = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<Vec<_>>>()
        .with_context(unreadable)?;
    paths.sort();
    Ok(paths)
}
