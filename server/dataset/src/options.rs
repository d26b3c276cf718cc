//! Options for opening a dataset.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use bandwise_choice::choices;

/// The dataset to open, and its options. Only [`OpenOptions::path`] has no default.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "choices that do not depend on each other")]
pub struct OpenOptions {
    /// The folder of class folders. Taken as it stands: no `~`, no variables.
    pub path: PathBuf,
    /// Accept class folders that hold no image. Default false, as torchvision: they usually mean a copy that
    /// broke off, and the labels of the other classes depend on them.
    pub allow_empty_classes: bool,
    /// Folder of the cached index, one file a dataset; created if missing. `None` (default): scan each time.
    pub cache_dir: Option<PathBuf>,
    /// A list of sample names to keep; all others are left out. Default: keep all.
    ///
    /// One name a line, `class/file.jpg` relative to the dataset folder, with or without a leading `./`. Empty
    /// lines and lines that begin with `#` are skipped, CRLF is accepted. The samples stay in the dataset's
    /// order, whatever the order of the list, and the class list stays the full one.
    pub keep: Option<PathBuf>,
    /// A list of sample names to leave out, in the form of `keep`. With both, `keep` is applied first.
    pub leave_out: Option<PathBuf>,
    /// Whether the digest covers the content of the samples, by a SHA-256 each, beside names, classes and sizes. Default
    /// false. The first opening reads all samples; later ones those whose size or times have changed since, if there is a
    /// `cache_dir`. A sample that cannot be read is an error then.
    pub content: bool,
    /// Whether a folder that holds splits is taken for them by [`Dataset::open_splits`](crate::Dataset::open_splits).
    pub splits: Splits,
    /// Whether the samples of a cached index are looked at again (a stat call each, 2 s for 1.28 million on a local
    /// disk), so that a file that was written over in place shows. Default true. Without it only the folders are looked
    /// at, and all samples only after a read has met a change; for network file systems on which a start takes long.
    pub verify_index: bool,
    /// Do not use a cached index, nor the hashes kept with it: list, look at and, with `content`, read everything again.
    /// Default false.
    pub rescan: bool,
    /// Threads of the scan and of the check of the cache; they end with it. Default 16, whatever the number of
    /// cores: a scan waits for the disk or the network, and that waiting is what the threads share.
    pub scan_threads: NonZeroUsize,
}

choices! {
    /// Whether a folder may hold splits.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Splits: "splits" = Auto {
        /// Folders named train, val or test that hold class folders are datasets of their own.
        Auto = "auto",
        /// The folder is one dataset, whatever its class folders are called.
        Never = "never",
    }
}

/// Enough calls under way to hide the latency of a network file system, few enough not to burden it.
const DEFAULT_SCAN_THREADS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(15);

impl OpenOptions {
    /// The folder at `path`, with every default.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            allow_empty_classes: false,
            cache_dir: None,
            keep: None,
            leave_out: None,
            content: false,
            splits: Splits::Auto,
            verify_index: true,
            rescan: false,
            scan_threads: DEFAULT_SCAN_THREADS,
        }
    }
}
