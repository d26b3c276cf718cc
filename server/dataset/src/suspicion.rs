//! A message from a process that has read a dataset to the next one that opens it: a mark beside the cached index, left
//! by a reader that has met a file which differs from the index.
//!
//! With the mark every sample is looked at again, even where `verify_index` is off. A process that has done so removes
//! it, unless another one has set it again meanwhile. It is a mark and not a deletion of the index, which would throw
//! away hashes of content. If the mark cannot be written, another user keeps the index, and the cache has no use for
//! the mark.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::SystemTime;

/// The mark beside one cached index.
#[derive(Debug)]
pub(crate) struct Suspicion {
    mark: PathBuf,
    is_set: AtomicBool,
}

impl Suspicion {
    /// For the index kept at `index_file`.
    pub(crate) fn of(index_file: &Path) -> Self {
        Self { mark: index_file.with_extension("changed"), is_set: AtomicBool::new(false) }
    }

    /// The time when it was last set, if it is.
    pub(crate) fn since(&self) -> Option<SystemTime> {
        fs::metadata(&self.mark).and_then(|metadata| metadata.modified()).ok()
    }

    /// Sets it, once a process.
    pub(crate) fn set(&self) {
        if !self.is_set.swap(true, Relaxed) {
            let _ = fs::write(&self.mark, "a read has met a file that is not as it was indexed\n");
        }
    }

    /// Removes it if it was last set then.
    pub(crate) fn clear(&self, since: Option<SystemTime>) {
        if since.is_some() && self.since() == since {
            let _ = fs::remove_file(&self.mark);
        }
    }
}
