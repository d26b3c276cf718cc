//! Reasons why a dataset cannot be opened, with the path and the way out.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::sentence::{NEVER, listed};

/// A dataset that cannot be opened. Sample and class names are escaped for display.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// The path does not exist.
    #[error("dataset {path:?} does not exist; check the path and that its disk is mounted")]
    NotFound {
        /// The path as given.
        path: PathBuf,
    },
    /// The path leads to a file.
    #[error(
        "dataset {path:?} is not a folder; give the folder that holds one folder per class, with the images in them"
    )]
    NotAFolder {
        /// The path as given.
        path: PathBuf,
    },
    /// The folder has no subfolder.
    #[error("no class folders in {path:?}; {}", class_folder_hint(*images))]
    NoClassFolders {
        /// The dataset folder.
        path: PathBuf,
        /// Images directly in it.
        images: u64,
    },
    /// Some class folders hold no image, and empty classes are not allowed.
    #[error(
        "class folders of {path:?} hold no images: {}; fill or remove them, or set allow_empty_classes = true \
         (--allow-empty-classes)",
        listed(classes, *count)
    )]
    EmptyClasses {
        /// The dataset folder.
        path: PathBuf,
        /// The number of empty classes.
        count: u64,
        /// The first ten of them.
        classes: Vec<String>,
    },
    /// All class folders are empty.
    #[error(
        "no images in any class folder of {path:?}: {}; check that the dataset has been unpacked there",
        listed(classes, *count)
    )]
    NoSamples {
        /// The dataset folder.
        path: PathBuf,
        /// Number of classes.
        count: u64,
        /// The first ten of them.
        classes: Vec<String>,
    },
    /// A folder may not be read. Nothing is skipped, since a dataset with a hole has other labels and steps.
    #[error("no permission to read folder {path:?}; let the daemon's user read and enter it")]
    PermissionDenied {
        /// The folder.
        path: PathBuf,
    },
    /// A folder could not be listed.
    #[error("cannot read folder {path:?}: {reason}; check its disk and open the dataset again")]
    Io {
        /// The folder.
        path: PathBuf,
        /// The error of the operating system.
        reason: io::Error,
    },
    /// The folder is larger than any dataset; links that fan out look like this.
    #[error("the dataset holds more than {limit} {what}; look for symbolic links that multiply folders")]
    TooLarge {
        /// `folders` or `samples`.
        what: &'static str,
        /// The maximum.
        limit: u64,
    },
    /// The threads of the scan could not be started.
    #[error(
        "cannot start {threads} threads to scan folders: {reason}; raise the limit of processes (ulimit -u, pids.max)"
    )]
    Threads {
        /// The number requested.
        threads: usize,
        /// The error of the operating system.
        reason: rayon::ThreadPoolBuildError,
    },
    /// A list of samples could not be read.
    #[error("cannot read sample list {list:?}: {reason}; check the path and its permissions")]
    ListUnreadable {
        /// The list file.
        list: PathBuf,
        /// The error of the operating system.
        reason: io::Error,
    },
    /// A line of a list is longer than any path, so the file is no list.
    #[error("line {line} of sample list {list:?} is over {limit_bytes} bytes; is it a text file of names?")]
    ListLineTooLong {
        /// The list file.
        list: PathBuf,
        /// The line, from 1.
        line: u64,
        /// Bytes a line may have.
        limit_bytes: u64,
    },
    /// A list names samples that the dataset does not hold.
    #[error(
        "names in sample list {list:?} are not in the dataset: {}; names are 'class/file.jpg', relative \
         to the dataset folder",
        listed(names, *count)
    )]
    UnknownSamples {
        /// The list file.
        list: PathBuf,
        /// The number of lines that name no sample.
        count: u64,
        /// The first ten of them.
        names: Vec<String>,
    },
    /// No sample is left.
    #[error("no sample of {path:?} is left after the lists 'keep' and 'leave_out'; check them")]
    EmptySubset {
        /// The dataset folder.
        path: PathBuf,
    },
    /// A list was given for a folder of splits, where it would be unclear which split it means.
    #[error(
        "{path:?} holds the splits {}, and the lists 'keep' and 'leave_out' apply to one dataset; open the folder of \
         one split, {}, or to take the whole folder as one dataset, {NEVER}",
        splits.join(", "),
        folders_of(path, splits)
    )]
    SubsetOfSplits {
        /// The folder that holds the splits.
        path: PathBuf,
        /// The splits.
        splits: Vec<String>,
    },
    /// One dataset is wanted, and the folder holds several.
    #[error(
        "{path:?} holds the splits {}; give the folder of one of them, {}",
        splits.join(", "),
        folders_of(path, splits)
    )]
    HoldsSplits {
        /// The folder that holds the splits.
        path: PathBuf,
        /// The splits.
        splits: Vec<String>,
    },
    /// The digest is to cover the content, and some of it cannot be read.
    #[error(
        "{count} samples of {path:?} cannot be read for the digest of the content: {}; repair them, name them in a \
         list 'leave_out', or open the dataset without content = true (--content)",
        listed(samples, *count)
    )]
    ContentUnreadable {
        /// The dataset folder.
        path: PathBuf,
        /// Number of samples.
        count: u64,
        /// The first ten of them, with reasons.
        samples: Vec<String>,
    },
    /// Two splits of one dataset have different classes, so their labels would disagree.
    #[error(
        "splits {first} and {second} of {path:?} have different classes (only in {first}: {}; only in {second}: \
         {}), so equal labels would mean different classes; make them equal, or open one split alone, {} or {}",
        listed(only_first, *only_first_count),
        listed(only_second, *only_second_count),
        path.join(&**first).display(),
        path.join(&**second).display()
    )]
    SplitClassesDiffer {
        /// The folder that holds the splits.
        path: Box<Path>,
        /// One split.
        first: Box<str>,
        /// The other split.
        second: Box<str>,
        /// The number of classes that only the first has.
        only_first_count: u64,
        /// The first ten of them.
        only_first: Vec<String>,
        /// The number of classes that only the second has.
        only_second_count: u64,
        /// The first ten of them.
        only_second: Vec<String>,
    },
}

impl DatasetError {
    /// The error for a folder that could not be examined or listed.
    pub(crate) fn folder(path: &Path, reason: io::Error) -> Self {
        let path = path.to_owned();
        match reason.kind() {
            io::ErrorKind::PermissionDenied => Self::PermissionDenied { path },
            _ => Self::Io { path, reason },
        }
    }
}

fn class_folder_hint(images: u64) -> String {
    let expected = "images must be at CLASS/IMAGE.jpg in it";
    match images {
        0 => format!("{expected}: give the folder that holds one folder per class"),
        _ => {
            format!("{images} images lie directly in it, and {expected}: move them into one folder per class")
        }
    }
}

fn folders_of(path: &Path, splits: &[String]) -> String {
    let folders: Vec<_> = splits.iter().map(|split| path.join(split).display().to_string()).collect();
    folders.join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_folder_says_so() {
        let error = |kind: io::ErrorKind| DatasetError::folder(Path::new("d"), kind.into());
        assert!(matches!(error(io::ErrorKind::PermissionDenied), DatasetError::PermissionDenied { .. }));
        assert!(matches!(error(io::ErrorKind::StaleNetworkFileHandle), DatasetError::Io { .. }));
    }
}
