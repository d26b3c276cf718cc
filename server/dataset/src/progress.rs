//! The progress of a scan.
//!
//! It only counts: drawing a bar or logging a line is the caller's.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::error::DatasetError;

/// Receives the counts of a running scan.
pub trait Progress: Sync {
    /// `found` samples are listed so far and the sizes of `sized` of them are known; all are found before the
    /// first is sized.
    ///
    /// Called from the threads of the scan, after each folder and after every few hundred samples, so two calls
    /// may arrive in either order. It holds up the scan while it runs. It is also called where the samples of a cached
    /// index are looked at again, all of which are found then.
    fn update(&self, found: u64, sized: u64);

    /// The content of `done` of `total` samples has been hashed, after all have been sized; called in the same way.
    fn hashed(&self, done: u64, total: u64) {
        let _ = (done, total);
    }
}

/// Ignores all counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn update(&self, _found: u64, _sized: u64) {}
}

/// Folders walked at most. Symbolic links that fan out can name more folders than a disk holds, without any
/// loop; such a tree has to end as an error before memory does.
const MAX_FOLDERS: u64 = 1 << 24;

/// Samples listed at most, for the same reason: their index would take about 16 GiB.
const MAX_SAMPLES: u64 = 1 << 28;

/// The counts of one scan, shared by its threads, with their limits.
pub(crate) struct Tally<'a> {
    progress: &'a dyn Progress,
    folders: AtomicU64,
    found: AtomicU64,
    sized: AtomicU64,
}

impl<'a> Tally<'a> {
    pub(crate) fn new(progress: &'a dyn Progress) -> Self {
        Self { progress, folders: 0.into(), found: 0.into(), sized: 0.into() }
    }

    /// The counts of another look at samples that are known.
    pub(crate) fn of_known(progress: &'a dyn Progress, samples: u64) -> Self {
        Self { progress, folders: 0.into(), found: samples.into(), sized: 0.into() }
    }

    pub(crate) fn add_found(&self, folders: u64, samples: u64) -> Result<(), DatasetError> {
        let folders = self.folders.fetch_add(folders, Relaxed) + folders;
        let found = self.found.fetch_add(samples, Relaxed) + samples;
        self.progress.update(found, 0);
        within("folders", folders, MAX_FOLDERS)?;
        within("samples", found, MAX_SAMPLES)
    }

    pub(crate) fn add_sized(&self, samples: u64) {
        let sized = self.sized.fetch_add(samples, Relaxed) + samples;
        self.progress.update(self.found.load(Relaxed), sized);
    }
}

fn within(what: &'static str, count: u64, limit: u64) -> Result<(), DatasetError> {
    if count <= limit { Ok(()) } else { Err(DatasetError::TooLarge { what, limit }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_errors() {
        let tally = Tally::new(&NoProgress);
        assert!(tally.add_found(MAX_FOLDERS, MAX_SAMPLES).is_ok());
        assert!(matches!(tally.add_found(1, 0), Err(DatasetError::TooLarge { what: "folders", .. })));
        let tally = Tally::new(&NoProgress);
        assert!(matches!(
            tally.add_found(1, MAX_SAMPLES + 1),
            Err(DatasetError::TooLarge { what: "samples", .. })
        ));
    }
}
