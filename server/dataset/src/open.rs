//! Opens the index of a folder, hashes its samples if that is asked for, and keeps what it has found.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::cache::{self, CachedIndex};
use crate::content::{Contents, Unhashed};
use crate::digest::Digest;
use crate::error::DatasetError;
use crate::index::Index;
use crate::look::{IndexSource, Looked, look};
use crate::options::OpenOptions;
use crate::paths::display;
use crate::progress::Progress;
use crate::sentence::NAMES_SHOWN;
use crate::suspicion::Suspicion;
use crate::warning::Warning;

/// The index of a whole folder.
pub(crate) struct Opened {
    pub(crate) root: PathBuf,
    pub(crate) index: Index,
    plain_digest: Digest,
    contents: Contents,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) source: IndexSource,
    /// Tells the next start that a kept index does not hold.
    pub(crate) suspicion: Option<Suspicion>,
    /// Samples whose content was read for the digest.
    pub(crate) hashed: u64,
    unhashed: Unhashed,
    /// Whether the next start need not scan again.
    pub(crate) is_settled: bool,
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
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let index_file = options.cache_dir.as_ref().map(|folder| cache::cache_path(folder, &root));
    let suspicion = index_file.as_deref().map(Suspicion::of);
    let suspected = suspicion.as_ref().and_then(Suspicion::since);
    let kept = index_file.as_deref().and_then(|file| cache::load(file, &root));
    let mut looked = look(&root, kept, options, suspected.is_some(), now, progress)?;
    let (mut hashed, mut unhashed) = (0, Unhashed::default());
    if options.content {
        let CachedIndex { index, times, contents, .. } = &mut looked.found;
        (hashed, unhashed) = contents.complete(&root, index, times, progress);
    }
    let mut warnings = Vec::new();
    if let Some(file) = &index_file
        && (looked.is_new || hashed > 0)
        && let Err(reason) = cache::save(file, &root, &looked.found, now)
    {
        warnings.push(Warning::CacheNotWritten { path: file.clone(), reason: reason.to_string() });
    } else if let Some(suspicion) = &suspicion
        && looked.is_whole
    {
        suspicion.clear(suspected);
    }
    warnings.extend(looked.rewritten.take().filter(|_| !options.content));
    // Hashes of files that were changed just now are not kept.
    let are_kept = !options.content || looked.found.times.iter().all(|times| times.are_settled(now));
    let hashed = Hashed { made: hashed, missing: unhashed, are_kept };
    Ok(Opened::new(root, looked, warnings, hashed, suspicion))
}

/// Results of hashing.
struct Hashed {
    made: u64,
    missing: Unhashed,
    /// Whether all that were made are.
    are_kept: bool,
}

impl Opened {
    fn new(
        root: PathBuf,
        looked: Looked,
        more_warnings: Vec<Warning>,
        hashed: Hashed,
        suspicion: Option<Suspicion>,
    ) -> Self {
        let Looked { found, source, .. } = looked;
        let CachedIndex { index, digest, contents, folder_warnings, sample_warnings, watch, .. } = found;
        let mut warnings = folder_warnings.joined(sample_warnings).into_list();
        warnings.extend(more_warnings);
        Self {
            root,
            index,
            plain_digest: digest,
            contents,
            warnings,
            source,
            suspicion,
            hashed: hashed.made,
            unhashed: hashed.missing,
            is_settled: !watch.is_void() && hashed.are_kept,
        }
    }

    /// The digest of `part`, which holds the samples that are `kept`, or all.
    pub(crate) fn digest(
        &self,
        kept: Option<&[bool]>,
        part: &Index,
        options: &OpenOptions,
    ) -> Result<Digest, DatasetError> {
        if !options.content {
            return Ok(if kept.is_some() { Digest::of(part) } else { self.plain_digest });
        }
        let is_kept = |sample: u64| kept.is_none_or(|kept| kept[sample as usize]);
        let (count, samples) = self.unhashed.among(&self.index, is_kept);
        if count > 0 {
            return Err(DatasetError::ContentUnreadable { path: options.path.clone(), count, samples });
        }
        let kept = (0..self.index.len()).filter(|&sample| is_kept(sample));
        // Each has one: it was made, or is named above.
        let hashes: Vec<_> = kept.filter_map(|sample| self.contents.get(sample)).collect();
        Ok(Digest::with_content(part, |sample| hashes[sample as usize]))
    }
}

/// Refuses class folders without images unless they are allowed, and a dataset without any.
fn check_samples(index: &Index, options: &OpenOptions) -> Result<(), DatasetError> {
    let path = options.path.clone();
    let counts = index.samples_per_class();
    let empty = || index.classes().iter().zip(&counts).filter(|(_, count)| **count == 0);
    let count = empty().count() as u64;
    let classes = || empty().take(NAMES_SHOWN).map(|(class, _)| display(class.bytes())).collect();
    if index.len() == 0 {
        return Err(DatasetError::NoSamples { path, count, classes: classes() });
    }
    if count > 0 && !options.allow_empty_classes {
        return Err(DatasetError::EmptyClasses { path, count, classes: classes() });
    }
    Ok(())
}
