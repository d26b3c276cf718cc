//! Reads the encoded bytes of one sample from a file.
//!
//! Errors here mean *unreadable*: a property of this server, which never changes a batch. Whether the bytes can be
//! decoded is another question. Nothing is retried but interrupted calls, and a read from a file system that hangs
//! hangs too: retries and time limits belong to the caller.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::OFlags;
use thiserror::Error;

/// A sample that could not be read. The texts do not name the file, since they go to clients too, beside the name of the
/// sample; `path` does.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The file is gone.
    #[error("the file is missing; restore it, or restart to index the dataset without it")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refused or failed.
    #[error("the file cannot be read: {reason}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        reason: io::Error,
    },
    /// A pipe, device or folder is in the place of the sample.
    #[error("it is not a regular file (a pipe, a device or a folder); put the image in its place")]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The file is not the one that was indexed.
    #[error(
        "the file has {found} bytes and had {expected} when the dataset was opened; restart to check every file again"
    )]
    SizeChanged {
        /// The file.
        path: PathBuf,
        /// Bytes in the index.
        expected: u64,
        /// Bytes in the file; fewer than its size if it shrank while it was read.
        found: u64,
    },
    /// The storage has not answered in time.
    #[error("its storage has not answered within {} s; check the mount", .after.as_secs_f64())]
    TimedOut {
        /// The file.
        path: PathBuf,
        /// Time that it had.
        after: Duration,
    },
    /// The sample is larger than the job accepts. Known from the index alone, so it is the same everywhere.
    #[error("the file has {encoded_bytes} bytes, over the limit of {limit_bytes}")]
    OverLimit {
        /// The file.
        path: PathBuf,
        /// Bytes in the index.
        encoded_bytes: u64,
        /// Bytes accepted.
        limit_bytes: u64,
    },
}

impl ReadError {
    /// Whether another server may be able to read the sample, or this one later. False only for
    /// [`ReadError::OverLimit`], which is a property of the dataset.
    pub fn is_unreadable(&self) -> bool {
        !matches!(self, Self::OverLimit { .. })
    }

    /// Whether the file is not the one that was indexed.
    pub(crate) fn is_change(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::NotAFile { .. } | Self::SizeChanged { .. })
    }

    fn from_io(path: &Path, reason: io::Error) -> Self {
        let path = path.to_owned();
        match reason.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::Missing { path },
            _ => Self::Io { path, reason },
        }
    }
}

/// Reads the file at `path`, which the index says has `expected` bytes, into `buffer` in place of its content.
///
/// Allocates `expected` bytes unless the buffer has the room. After an error the content of the buffer is not
/// specified.
pub(crate) fn read_file(path: &Path, expected: u64, buffer: &mut Vec<u8>) -> Result<(), ReadError> {
    let (file, metadata) = open_without_waiting(path).map_err(|reason| ReadError::from_io(path, reason))?;
    if !metadata.is_file() {
        return Err(ReadError::NotAFile { path: path.to_owned() });
    }
    let found = match metadata.len() {
        size if size == expected => read_exactly(file, expected, buffer),
        size => Ok(size),
    };
    match found {
        Ok(found) if found == expected => Ok(()),
        Ok(found) => Err(ReadError::SizeChanged { path: path.to_owned(), expected, found }),
        Err(reason) => Err(ReadError::from_io(path, reason)),
    }
}

/// Reads up to `size` bytes; returns how many there were.
fn read_exactly(file: File, size: u64, buffer: &mut Vec<u8>) -> io::Result<u64> {
    buffer.clear();
    let capacity = usize::try_from(size).map_err(|_| io::ErrorKind::OutOfMemory)?;
    buffer.try_reserve_exact(capacity).map_err(|_| io::ErrorKind::OutOfMemory)?;
    // Reads on after interruptions, and stops at `size` without asking for the end of the file.
    file.take(size).read_to_end(buffer).map(|read| read as u64)
}

/// Opens a file to read without ever waiting for it: an unconnected pipe would otherwise hold the thread forever.
pub(crate) fn open_without_waiting(path: &Path) -> io::Result<(File, Metadata)> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits();
    let file = OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path)?;
    let metadata = file.metadata()?;
    Ok((file, metadata))
}
