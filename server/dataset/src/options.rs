//! How a dataset is opened.

use std::num::NonZeroUsize;
use std::path::PathBuf;

/// What to open and how. Only [`OpenOptions::path`] has no default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenOptions {
    /// The folder of class folders. Taken as it stands: no `~`, no variables.
    pub path: PathBuf,
    /// Accept class folders that hold no image. Default false, as torchvision: they usually mean a copy that
    /// broke off, and the labels of the other classes depend on them.
    pub allow_empty_classes: bool,
    /// Where the index is kept between starts, one file a dataset; created if missing. `None` (default): scan
    /// each time.
    pub cache_dir: Option<PathBuf>,
    /// A list of sample names to keep; all others are left out. Default: keep all.
    ///
    /// One name a line, `class/file.jpg` relative to the dataset folder, with or without a leading `./`. Empty
    /// lines and lines that begin with `#` are skipped, CRLF is accepted. The samples stay in the dataset's
    /// order, whatever the order of the list, and the class list stays the full one.
    pub keep: Option<PathBuf>,
    /// A list of sample names to leave out, in the form of `keep`. With both, `keep` is applied first.
    pub leave_out: Option<PathBuf>,
    /// Threads of the scan and of the check of the cache; they end with it. Default 16, whatever the number of
    /// cores: a scan waits for the disk or the network, and that waiting is what the threads share.
    pub scan_threads: NonZeroUsize,
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
            scan_threads: DEFAULT_SCAN_THREADS,
        }
    }
}
