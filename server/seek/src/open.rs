//! Opens the file, creates it where there is none, and replaces one that is of no use.
//!
//! A new file is written whole under another name and then renamed, so that nobody ever sees half of one. Processes that
//! have a replaced file open keep it until they next write: then they compare the path with what they have.

use std::fs::{self, File, OpenOptions, Permissions};
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::OFlags;
use tempfile::{Builder, NamedTempFile};

use crate::disk::Disk;
use crate::file_system::is_remote;
use crate::layout::{HEAD_BYTES, Head, Table};
use crate::options::SeekOptions;
use crate::store_file::StoreFile;
use crate::trouble::{SeekTrouble, Unfit};

/// Time that another process may take to replace the same file.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);

/// Other processes may win as often, and then the file is there.
const ATTEMPTS: usize = 8;

/// Files that may be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replace {
    /// Any that is of no use: at the start of a process.
    Unfit,
    /// Those that are damaged. While a process runs it leaves others alone, or two of different versions would replace
    /// each other's for ever.
    Damaged,
}

impl Replace {
    fn allows(self, reason: Unfit) -> bool {
        self == Self::Unfit || matches!(reason, Unfit::Damaged | Unfit::Truncated { .. })
    }
}

/// An open file, and what is odd about it.
pub(crate) type Opened = (StoreFile, Option<SeekTrouble>);

/// Opens the file of the options, which is there afterwards.
pub(crate) fn open(options: &SeekOptions, replace: Replace) -> Result<Opened, SeekTrouble> {
    let path = &options.path;
    for _ in 0..ATTEMPTS {
        let opened = match open_existing(path) {
            Ok((file, refusal)) => use_or_replace(file, refusal, options, replace),
            Err(reason) if reason.kind() == io::ErrorKind::NotFound => create(options, None),
            Err(reason) => Err(closed(path, reason)),
        }?;
        if let Some(opened) = opened {
            return Ok(opened);
        }
    }
    Err(SeekTrouble::Locked { path: path.clone() })
}

/// Opens a file without ever waiting for it: to write, or with the reason, to read only.
pub(crate) fn open_existing(path: &Path) -> io::Result<(File, Option<io::Error>)> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let open = |write| OpenOptions::new().read(true).write(write).custom_flags(flags).open(path);
    match open(true) {
        Ok(file) => Ok((file, None)),
        Err(reason) if reason.kind() == io::ErrorKind::NotFound => Err(reason),
        Err(reason) => Ok((open(false)?, Some(reason))),
    }
}

/// `None` if the file is no longer at the path.
fn use_or_replace(
    file: File,
    refusal: Option<io::Error>,
    options: &SeekOptions,
    replace: Replace,
) -> Result<Option<Opened>, SeekTrouble> {
    let path = || options.path.clone();
    if !file.metadata().map_err(|reason| closed(&options.path, reason))?.is_file() {
        return Err(SeekTrouble::NotAFile { path: path() });
    }
    if is_remote(&file) {
        return Err(SeekTrouble::Remote { path: path() });
    }
    let disk = Arc::new(Disk::new(file));
    let read = || fitting(&disk, refusal.is_none(), options);
    let reason = match read()? {
        Ok(file) => {
            let trouble = refusal.map(|reason| SeekTrouble::ReadOnly { path: path(), reason });
            return Ok(Some((file, trouble)));
        }
        Err(reason) if refusal.is_some() || !replace.allows(reason) => {
            return Err(SeekTrouble::Unfit { path: path(), reason });
        }
        Err(reason) => reason,
    };
    let lock = disk.lock(LOCK_PATIENCE).map_err(|reason| closed(&options.path, reason))?;
    let Some(_lock) = lock else { return Err(SeekTrouble::Locked { path: path() }) };
    // Another process may have done it meanwhile, or was just adding a table.
    let is_there = disk.is_at(&options.path).map_err(|reason| closed(&options.path, reason))?;
    match read()? {
        Err(_) if is_there => create(options, Some(reason)),
        _ => Ok(None),
    }
}

/// Reads the head, and compares the kind of the records.
fn fitting(
    disk: &Arc<Disk>,
    is_writable: bool,
    options: &SeekOptions,
) -> Result<Result<StoreFile, Unfit>, SeekTrouble> {
    let read =
        StoreFile::read(Arc::clone(disk), is_writable).map_err(|reason| closed(&options.path, reason))?;
    Ok(read.and_then(|file| match file.head.content {
        content if content == options.content => Ok(file),
        found => Err(Unfit::OtherContent { found, expected: options.content }),
    }))
}

/// Puts an empty file at the path: in place of one that is not fit, or where there is none (`None` if there is one after
/// all).
fn create(options: &SeekOptions, instead_of: Option<Unfit>) -> Result<Option<Opened>, SeekTrouble> {
    let path = &options.path;
    let (new, head) = write_empty(options).map_err(|reason| closed(path, reason))?;
    if is_remote(new.as_file()) {
        return Err(SeekTrouble::Remote { path: path.clone() });
    }
    let kept = match instead_of {
        Some(_) => new.persist(path),
        None => new.persist_noclobber(path),
    };
    match kept {
        Ok(file) => {
            let trouble = instead_of.map(|reason| SeekTrouble::Rebuilt { path: path.clone(), reason });
            Ok(Some((StoreFile { disk: Arc::new(Disk::new(file)), head, is_writable: true }, trouble)))
        }
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(closed(path, error.error)),
    }
}

fn write_empty(options: &SeekOptions) -> io::Result<(NamedTempFile, Head)> {
    let folder = options.path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(folder)?;
    // Readable by all, as the umask allows: the default of the crate is for secrets.
    let new = Builder::new().permissions(Permissions::from_mode(0o644)).tempfile_in(folder)?;
    let table = Table::new(HEAD_BYTES as u64, options.first_slots());
    let id = RandomState::new().hash_one(new.path());
    let head = Head { content: options.content, id, tables: vec![table] };
    // Empty slots are a hole, which takes no space on the disk.
    new.as_file().set_len(table.end())?;
    Disk::new(new.as_file().try_clone()?).write(&head.encode(), 0)?;
    Ok((new, head))
}

fn closed(path: &Path, reason: io::Error) -> SeekTrouble {
    SeekTrouble::Closed { path: path.to_owned(), reason }
}
