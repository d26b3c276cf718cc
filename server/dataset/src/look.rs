//! The present state of a dataset: a cached index, corrected, or a scan.
//!
//! A cached index is checked at every start, with one stat call a folder and a file. Folders show which samples may
//! have come or gone: if any has changed, all are listed again. Otherwise the list holds, and the files (size, mtime,
//! ctime) show which were overwritten in place.

use std::path::Path;
use std::time::Duration;

use crate::cache::CachedIndex;
use crate::content::{Contents, Old};
use crate::digest::Digest;
use crate::error::DatasetError;
use crate::index::Index;
use crate::options::OpenOptions;
use crate::paths::display;
use crate::progress::{Progress, Tally};
use crate::scan::{Scan, measure, scan};
use crate::stamps::{FileStamp, Times};
use crate::warning::Warning;

/// The origin of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexSource {
    /// The cache: no folder has changed since the scan that wrote it. Files may have, and were looked at again if the
    /// options say so.
    Cache,
    /// A scan: there is no cache folder, or it held no index that still fits.
    Scan,
    /// Nowhere: the dataset has no files.
    None,
}

/// A dataset as it is.
pub(crate) struct Looked {
    pub(crate) found: CachedIndex,
    pub(crate) source: IndexSource,
    /// Whether it is not what is kept.
    pub(crate) is_new: bool,
    /// Whether all samples were looked at.
    pub(crate) is_whole: bool,
    /// Files that have been written over at the same size.
    pub(crate) rewritten: Option<Warning>,
}

/// Looks at the folder `root`, of which `kept` was true once. `now` (since 1970) was before `kept` was read; with
/// `suspected` every sample is looked at. In the current thread pool.
pub(crate) fn look(
    root: &Path,
    kept: Option<CachedIndex>,
    options: &OpenOptions,
    suspected: bool,
    now: Duration,
    progress: &dyn Progress,
) -> Result<Looked, DatasetError> {
    match kept {
        Some(kept) if !options.rescan && kept.watch.still_holds(root) => {
            if options.verify_index || suspected {
                Ok(corrected(root, kept, now, progress))
            } else {
                Ok(Looked { is_whole: false, ..Looked::unchanged(kept) })
            }
        }
        kept => {
            // A request to read everything again rules out what was read before.
            let old = kept.filter(|_| !(options.rescan && options.content));
            scanned(root, old.as_ref(), now, progress)
        }
    }
}

impl Looked {
    fn unchanged(kept: CachedIndex) -> Self {
        let source = IndexSource::Cache;
        Self { found: kept, source, is_new: false, is_whole: true, rewritten: None }
    }
}

fn scanned(
    root: &Path,
    old: Option<&CachedIndex>,
    now: Duration,
    progress: &dyn Progress,
) -> Result<Looked, DatasetError> {
    let Scan { index, times, mut watch, folder_warnings, sample_warnings } = scan(root, progress)?;
    watch.settle(now);
    let digest = Digest::of(&index);
    let carried = old.map(|old| Contents::carried(Old::of(old), &index, &times));
    let contents = carried.unwrap_or_default();
    let found = CachedIndex { index, digest, times, contents, folder_warnings, sample_warnings, watch };
    Ok(Looked { found, source: IndexSource::Scan, is_new: true, is_whole: true, rewritten: None })
}

/// A cached index whose list of samples holds, with the sizes and times of today.
fn corrected(root: &Path, mut kept: CachedIndex, now: Duration, progress: &dyn Progress) -> Looked {
    let tally = Tally::of_known(progress, kept.index.len());
    let measured = measure(root, &kept.index, &tally);
    let changes = Changes::between(&kept.index, &kept.times, &measured.stamps);
    if !changes.any {
        return Looked::unchanged(kept);
    }
    let mut index = kept.index.clone();
    let (times, sample_warnings) = measured.into_index(&mut index, &mut kept.watch);
    let contents = Contents::carried(Old::of(&kept), &index, &times);
    kept.watch.settle(now);
    let digest = if changes.resized { Digest::of(&index) } else { kept.digest };
    let found = CachedIndex { index, digest, times, contents, sample_warnings, ..kept };
    let rewritten = changes.rewritten();
    Looked { found, source: IndexSource::Cache, is_new: true, is_whole: true, rewritten }
}

/// The changes among the files of an index.
#[derive(Default)]
struct Changes {
    any: bool,
    resized: bool,
    /// Files of the same size that were written later, and the first of them.
    rewritten: u64,
    first_rewritten: String,
}

impl Changes {
    fn between(index: &Index, times: &[Times], stamps: &[FileStamp]) -> Self {
        let mut changes = Self::default();
        for ((sample, before), stamp) in (0..index.len()).zip(times).zip(stamps) {
            let resized = stamp.size != index.size(sample);
            changes.any |= resized || stamp.times != *before;
            changes.resized |= resized;
            // Rights and links leave the time of the content as it is.
            if !resized && stamp.times.modified != before.modified {
                if changes.rewritten == 0 {
                    changes.first_rewritten = display(&index.name(sample));
                }
                changes.rewritten += 1;
            }
        }
        changes
    }

    fn rewritten(self) -> Option<Warning> {
        let Self { rewritten: count, first_rewritten: name, .. } = self;
        (count > 0).then_some(Warning::Rewritten { count, name })
    }
}

impl<'a> Old<'a> {
    fn of(kept: &'a CachedIndex) -> Self {
        Self { index: &kept.index, times: &kept.times, contents: &kept.contents }
    }
}
