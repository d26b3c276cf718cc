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
use crate::scan_record::ScanRecord;
use crate::stamps::{FileStamp, Times};
use crate::walk::walk;
use crate::warning::{Warning, Warnings};

/// Samples that a thread asks for between two reports.
const CHUNK: usize = 512;

/// The result of a scan.
pub(crate) struct Scan {
    pub(crate) index: Index,
    pub(crate) times: Vec<Times>,
    pub(crate) watch: ScanRecord,
    /// Of the folders.
    pub(crate) folder_warnings: Warnings,
    /// Of the samples.
    pub(crate) sample_warnings: Warnings,
}

/// Scans the folder `root` in the current thread pool.
pub(crate) fn scan(root: &Path, progress: &dyn Progress) -> Result<Scan, DatasetError> {
    let tally = Tally::new(progress);
    let walked = walk(root, &tally)?;
    let mut index = Index::new(&walked.classes);
    for folder in walked.folders {
        index.push_folder(folder.class, &folder.path, &folder.files);
    }
    index.shrink();
    let measured = measure(root, &index, &tally);
    let mut watch = walked.watch;
    let (times, sample_warnings) = measured.into_index(&mut index, &mut watch);
    Ok(Scan { index, times, watch, folder_warnings: walked.warnings, sample_warnings })
}

/// The files of all samples.
pub(crate) struct Measured {
    pub(crate) stamps: Vec<FileStamp>,
    oddities: Oddities,
}

impl Measured {
    /// Puts what was found where it belongs; the rest is returned.
    pub(crate) fn into_index(self, index: &mut Index, watch: &mut ScanRecord) -> (Vec<Times>, Warnings) {
        index.sizes_mut().iter_mut().zip(&self.stamps).for_each(|(size, stamp)| *size = stamp.size);
        let mut broken = self.oddities.broken;
        broken.sort_unstable();
        watch.set_broken_samples(broken.into_iter().map(|sample| index.name(sample)).collect());
        (self.stamps.into_iter().map(|stamp| stamp.times).collect(), self.oddities.warnings)
    }
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

/// Asks for size and times of every sample, in the current thread pool: a stat call each.
pub(crate) fn measure(root: &Path, index: &Index, tally: &Tally<'_>) -> Measured {
    let mut stamps = vec![FileStamp::default(); index.len() as usize];
    let chunks = stamps.par_chunks_mut(CHUNK).enumerate();
    let measured = chunks.map(|(chunk, stamps)| {
        let mut oddities = Oddities::default();
        for (offset, stamp) in stamps.iter_mut().enumerate() {
            *stamp = stamp_of_sample(root, index, (chunk * CHUNK + offset) as u64, &mut oddities);
        }
        tally.add_sized(stamps.len() as u64);
        oddities
    });
    let oddities = measured.reduce(Oddities::default, Oddities::joined);
    Measured { stamps, oddities }
}

/// Size and times of a sample's file; nothing, with a warning, where there is none.
fn stamp_of_sample(root: &Path, index: &Index, sample: u64, oddities: &mut Oddities) -> FileStamp {
    let name = index.name(sample);
    match fs::metadata(join(root, &name)) {
        Ok(metadata) if metadata.is_file() => FileStamp::of(&metadata),
        Ok(_) => {
            oddities.warnings.push(Warning::NotAFile { name: display(&name) });
            FileStamp::default()
        }
        Err(reason) => {
            oddities.broken.push(sample);
            let reason = reason.to_string();
            oddities.warnings.push(Warning::BrokenSample { name: display(&name), reason });
            FileStamp::default()
        }
    }
}
