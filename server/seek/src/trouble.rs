//! Reasons for which a store keeps nothing, or began anew.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Something that the log should say about a store. None of it is an error of a sample: without its record a sample
/// costs more time.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SeekTrouble {
    /// There was a file that is of no use. It was replaced by an empty one.
    #[error("the seek points kept in {path:?} are made anew: {reason}")]
    Rebuilt {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: Unfit,
    },
    /// There is a file that is of no use, and it must not be replaced: it cannot be written, or another process has just
    /// made it so.
    #[error(
        "no seek points are kept: {path:?} cannot be used ({reason}); delete it, or give another cache folder"
    )]
    Unfit {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: Unfit,
    },
    /// A folder, a pipe or a device is in the place of the file.
    #[error(
        "no seek points are kept: {path:?} is not a regular file; delete it, or give another cache folder"
    )]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The file would be on a network file system, on which a read may hang.
    #[error(
        "no seek points are kept: {path:?} is on a network file system, whose reads may hang; give a cache folder on a \
         local disk"
    )]
    Remote {
        /// The path.
        path: PathBuf,
    },
    /// The file can neither be opened nor created.
    #[error(
        "no seek points are kept: {path:?} cannot be opened or created: {reason}; give another cache folder"
    )]
    Closed {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        reason: io::Error,
    },
    /// The file can be read only: its records are used, and none is added.
    #[error("no seek points are added: {path:?} cannot be written: {reason}; give another cache folder")]
    ReadOnly {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        reason: io::Error,
    },
    /// The file has reached its greatest size.
    #[error(
        "no seek points are added: {path:?} has reached its limit of {max_bytes} bytes; raise the limit, or delete the \
         file if most of its images are gone"
    )]
    Full {
        /// The file.
        path: PathBuf,
        /// The limit.
        max_bytes: u64,
    },
    /// A read or write failed, as where a disk is full.
    #[error("no seek points are added for now: {path:?}: {reason}; check the disk")]
    Disk {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        reason: io::Error,
    },
    /// Another process has held the lock of the file for too long.
    #[error("no seek points are added for now: another process has locked {path:?}; is it stopped?")]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The thread that writes could not be started.
    #[error("no seek points are added: the thread that writes {path:?} cannot be started: {reason}")]
    Thread {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        reason: io::Error,
    },
}

/// A file whose records are of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Unfit {
    /// Another version of the layout.
    #[error("it has the form of another version")]
    OtherVersion,
    /// The records mean something else ([`SeekOptions::content`](crate::SeekOptions::content)).
    #[error("its records are of kind {found}, not {expected}")]
    OtherContent {
        /// In the file.
        found: u32,
        /// In the options.
        expected: u32,
    },
    /// The head of the file is not as it was written.
    #[error("its head is damaged")]
    Damaged,
    /// A table is missing at the end.
    #[error("it was cut to {bytes} bytes")]
    Truncated {
        /// Length of the file.
        bytes: u64,
    },
}
