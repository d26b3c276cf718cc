//! Builds the index of a folder: walk, put in order, ask for every size.
//!
//! Sizes come after the walk, for all samples at once, so that one folder of millions of files is shared among
//! the threads as well as a thousand folders are.

use std::fs;
use std::path::Path;

use rayon::prelude::*;

use crate::error::DatasetError;
use crate::index::Index;
use crate::paths::{display, join};
use crate::progress::{Progress, Tally};
use crate::walk::walk;
use crate::warning::{Warning, Warnings};
use crate::watch::Watch;

/// Samples that a thread asks for between two reports.
const CHUNK: usize = 512;

/// The result of a scan.
pub(crate) struct Scan {
    pub(crate) index: Index,
    pub(crate) watch: Watch,
    pub(crate) warnings: Warnings,
}

/// Scans the folder `root` in the current thread pool.
pub(crate) fn scan(root: &Path, progress: &dyn Progress) -> Result<Scan, DatasetError> {
    let tally = Tally::new(progress);
    let walked = walk(root, &tally)?;
    let mut index = Index::new(&walked.classes);
    for folder in walked.folders {
        index.push_folder(folder.class, &folder.path, &folder.files);
    }
    let mut sizes = std::mem::take(index.sizes_mut());
    let oddities = measure(root, &index, &mut sizes, &tally);
    *index.sizes_mut() = sizes;
    index.shrink();
    let mut watch = walked.watch;
    oddities.broken.iter().for_each(|&sample| watch.push_broken(&index.name(sample)));
    Ok(Scan { index, watch, warnings: walked.warnings.joined(oddities.warnings) })
}

/// Samples without a size.
#[derive(Default)]
struct Oddities {
    broken: Vec<u64>,
    warnings: Warnings,
}

impl Oddities {
    fn joined(mut self, other: Oddities) -> Oddities {
        self.broken.extend(other.broken);
        Oddities { broken: self.broken, warnings: self.warnings.joined(other.warnings) }
    }
}

fn measure(root: &Path, index: &Index, sizes: &mut [u64], tally: &Tally<'_>) -> Oddities {
    let chunks = sizes.par_chunks_mut(CHUNK).enumerate();
    let measured = chunks.map(|(chunk, sizes)| {
        let mut oddities = Oddities::default();
        for (offset, size) in sizes.iter_mut().enumerate() {
            *size = size_of_sample(root, index, (chunk * CHUNK + offset) as u64, &mut oddities);
        }
        tally.add_sized(sizes.len() as u64);
        oddities
    });
    measured.reduce(Oddities::default, Oddities::joined)
}

/// The size of a sample's file; 0 with a warning where there is none.
fn size_of_sample(root: &Path, index: &Index, sample: u64, oddities: &mut Oddities) -> u64 {
    let name = index.name(sample);
    match fs::metadata(join(root, &name)) {
        Ok(metadata) if metadata.is_file() => metadata.len(),
        Ok(_) => {
            oddities.warnings.push(Warning::NotAFile { name: display(&name) });
            0
        }
        Err(reason) => {
            oddities.broken.push(sample);
            let reason = reason.to_string();
            oddities.warnings.push(Warning::BrokenSample { name: display(&name), reason });
            0
        }
    }
}
