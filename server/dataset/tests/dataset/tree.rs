//! Temporary folders for the tests.

use std::ffi::OsStr;
use std::fs::{self, File, FileTimes};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bandwise_dataset::{Dataset, DatasetError, NoProgress, OpenOptions};
use tempfile::TempDir;

/// A folder to put datasets in, gone when dropped.
pub(crate) struct Tree {
    base: TempDir,
}

impl Tree {
    /// A folder that holds these files under `data`.
    pub(crate) fn of(files: &[&str]) -> Self {
        let tree = Self { base: tempfile::tempdir().unwrap() };
        for file in files {
            tree.add(&format!("data/{file}"));
        }
        tree
    }

    pub(crate) fn path(&self, relative: impl AsRef<OsStr>) -> PathBuf {
        self.base.path().canonicalize().unwrap().join(relative.as_ref())
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// A file that holds its own path.
    pub(crate) fn add(&self, relative: &str) {
        self.write(relative.as_bytes(), relative.as_bytes());
    }

    pub(crate) fn write(&self, relative: &[u8], content: &[u8]) {
        let path = self.path(OsStr::from_bytes(relative));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn link(&self, relative: &str, target: &str) {
        std::os::unix::fs::symlink(target, self.path(relative)).unwrap();
    }

    pub(crate) fn pipe(&self, relative: &str) {
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, self.path(relative), kind, mode, 0).unwrap();
    }

    /// Sets the times of all folders to one moment, so many days before another fixed one.
    pub(crate) fn age(&self, days: u64) {
        age(&self.data(), UNIX_EPOCH + Duration::from_hours(24 * (20_000 - days)));
    }

    pub(crate) fn options(&self) -> OpenOptions {
        OpenOptions::new(self.data())
    }

    pub(crate) fn cached_options(&self) -> OpenOptions {
        OpenOptions { cache_dir: Some(self.path("cache")), ..self.options() }
    }

    pub(crate) fn open(&self) -> Dataset {
        open(&self.options()).unwrap()
    }
}

fn age(folder: &Path, modified: SystemTime) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            age(&entry.path(), modified);
        }
    }
    File::open(folder).unwrap().set_times(FileTimes::new().set_modified(modified)).unwrap();
}

pub(crate) fn open(options: &OpenOptions) -> Result<Dataset, DatasetError> {
    Dataset::open(options, &NoProgress)
}

/// The names of all samples, as shown.
pub(crate) fn names(dataset: &Dataset) -> Vec<String> {
    (0..dataset.len()).map(|sample| dataset.display_name(sample)).collect()
}
