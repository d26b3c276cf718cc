//! Opens the index of a folder: from the cache if nothing has changed, or else by a scan.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::cache::{self, CachedIndex};
use crate::digest::Digest;
use crate::error::{DatasetError, NAMES_SHOWN};
use crate::index::Index;
use crate::options::OpenOptions;
use crate::paths::display;
use crate::progress::Progress;
use crate::scan::scan;
use crate::warning::Warning;

/// Where an index came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexSource {
    /// The cache: nothing has changed since the scan that wrote it.
    Cache,
    /// A scan: there is no cache folder, or it held no index that still fits.
    Scan,
    /// Nowhere: the dataset has no files.
    None,
}

/// The index of a whole folder.
pub(crate) struct Opened {
    pub(crate) root: PathBuf,
    pub(crate) index: Index,
    pub(crate) digest: Digest,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) source: IndexSource,
}

/// Opens the folder that the options name, without regard to subsets.
pub(crate) fn open_index(options: &OpenOptions, progress: &dyn Progress) -> Result<Opened, DatasetError> {
    let root = dataset_folder(&options.path)?;
    let opened = scan_pool(options)?.install(|| cached_or_scanned(root, options, progress))?;
    check_samples(&opened.index, options)?;
    Ok(opened)
}

/// The canonical path of an existing folder, so that neither a change of directory nor of a link above it moves
/// the dataset under a running daemon.
pub(crate) fn dataset_folder(path: &Path) -> Result<PathBuf, DatasetError> {
    let canonical = fs::canonicalize(path).map_err(|reason| match reason.kind() {
        io::ErrorKind::NotFound => DatasetError::NotFound { path: path.to_owned() },
        io::ErrorKind::NotADirectory => DatasetError::NotAFolder { path: path.to_owned() },
        _ => DatasetError::folder(path, reason),
    })?;
    if canonical.is_dir() { Ok(canonical) } else { Err(DatasetError::NotAFolder { path: path.to_owned() }) }
}

fn scan_pool(options: &OpenOptions) -> Result<ThreadPool, DatasetError> {
    let threads = options.scan_threads.get();
    let builder = ThreadPoolBuilder::new().num_threads(threads).thread_name(|n| format!("scan-{n}"));
    builder.build().map_err(|reason| DatasetError::Threads { threads, reason })
}

fn cached_or_scanned(
    root: PathBuf,
    options: &OpenOptions,
    progress: &dyn Progress,
) -> Result<Opened, DatasetError> {
    let Some(cache_dir) = &options.cache_dir else {
        let found = scanned(&root, progress)?;
        return Ok(Opened::new(root, found, IndexSource::Scan));
    };
    let path = cache::cache_path(cache_dir, &root);
    if let Some(found) = cache::load(&path, &root) {
        return Ok(Opened::new(root, found, IndexSource::Cache));
    }
    let scan_start = SystemTime::now();
    let found = scanned(&root, progress)?;
    let conclusive = found.watch.is_conclusive(scan_start);
    let saved = if conclusive { cache::save(&path, &root, &found) } else { Ok(()) };
    let mut opened = Opened::new(root, found, IndexSource::Scan);
    if let Err(reason) = saved {
        opened.warnings.push(Warning::CacheNotWritten { path, reason: reason.to_string() });
    }
    Ok(opened)
}

fn scanned(root: &Path, progress: &dyn Progress) -> Result<CachedIndex, DatasetError> {
    let found = scan(root, progress)?;
    let digest = Digest::of(&found.index);
    Ok(CachedIndex { index: found.index, digest, warnings: found.warnings, watch: found.watch })
}

impl Opened {
    fn new(root: PathBuf, found: CachedIndex, source: IndexSource) -> Self {
        let CachedIndex { index, digest, warnings, watch: _ } = found;
        Self { root, index, digest, warnings: warnings.into_list(), source }
    }
}

/// Refuses class folders without images unless they are allowed, and a dataset without any.
fn check_samples(index: &Index, options: &OpenOptions) -> Result<(), DatasetError> {
    let path = options.path.clone();
    let counts = index.samples_per_class();
    let empty = || index.classes().iter().zip(&counts).filter(|(_, count)| **count == 0);
    let count = empty().count() as u64;
    if count > 0 && !options.allow_empty_classes {
        let classes = empty().take(NAMES_SHOWN).map(|(class, _)| display(class.bytes())).collect();
        return Err(DatasetError::EmptyClasses { path, count, classes });
    }
    if index.len() == 0 { Err(DatasetError::NoSamples { path }) } else { Ok(()) }
}
