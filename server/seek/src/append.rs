//! Adds records to the file, under its lock: the bytes first, then the slots that show them.
//!
//! The end of the records is the end of the file, so whatever a process leaves that is killed in between is passed over
//! and never found. Nothing is synced: after a power failure a slot may show bytes that never reached the disk, the
//! checksum tells, and the record is added again.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::batch::Batch;
use crate::disk::Wait;
use crate::layout::{BUCKET_BYTES, BUCKET_SLOTS, Head, MOST_TABLES, Slot, Table};
use crate::options::SeekOptions;
use crate::store_file::{Place, StoreFile};
use crate::trouble::SeekTrouble;

/// Time that other processes may hold the lock, each for a batch.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// Result of adding a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Appended {
    pub(crate) stored: u64,
    /// Records that were there.
    pub(crate) repeated: u64,
    /// Records for which there was no room.
    pub(crate) refused: u64,
    /// Length of the file.
    pub(crate) file_bytes: u64,
}

/// A batch that was not added, or only in part.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The file is no longer what is at the path, or no longer what it was: open it again.
    Stale,
    /// The lock is held by another process.
    Locked,
    /// A call failed.
    Io(io::Error),
}

impl From<io::Error> for Failure {
    fn from(reason: io::Error) -> Self {
        Self::Io(reason)
    }
}

impl Failure {
    /// For the log.
    pub(crate) fn into_trouble(self, options: &SeekOptions) -> SeekTrouble {
        let path = options.path.clone();
        match self {
            Self::Stale | Self::Locked => SeekTrouble::Locked { path },
            Self::Io(reason) => SeekTrouble::Disk { path, reason },
        }
    }
}

/// Adds what is new in `batch` to `file`, which is then as other processes have made it too.
pub(crate) fn append(
    file: &mut StoreFile,
    batch: &mut Batch,
    options: &SeekOptions,
) -> Result<Appended, Failure> {
    let disk = Arc::clone(&file.disk);
    let Some(_lock) = disk.lock(LOCK_PATIENCE)? else { return Err(Failure::Locked) };
    if !disk.is_at(&options.path)? {
        return Err(Failure::Stale);
    }
    refresh(file)?;
    let queued = batch.len() as u64;
    leave_out_known(file, batch)?;
    let repeated = queued - batch.len() as u64;
    grow_for(file, batch.len() as u64, options)?;
    let end = disk.len()?;
    let mut refused = batch.shorten(options.bound().saturating_sub(end)) as u64;
    disk.write(batch.bytes(), end).inspect_err(|_| {
        // A disk that is full keeps no part of it.
        let _ = disk.file().set_len(end);
    })?;
    refused += publish(file, batch, end)?;
    let stored = queued - repeated - refused;
    Ok(Appended { stored, repeated, refused, file_bytes: end + batch.bytes().len() as u64 })
}

/// Takes over tables and counts of other processes.
fn refresh(file: &mut StoreFile) -> Result<(), Failure> {
    let now = StoreFile::read(Arc::clone(&file.disk), true)?.map_err(|_| Failure::Stale)?;
    if (now.head.id, now.head.content) != (file.head.id, file.head.content) {
        return Err(Failure::Stale);
    }
    *file = now;
    Ok(())
}

fn leave_out_known(file: &StoreFile, batch: &mut Batch) -> io::Result<()> {
    let (mut seen, mut bytes) = (HashSet::new(), Vec::new());
    batch.retain(|hash| Ok(seen.insert(hash) && !file.find(hash, &mut bytes, Wait::Allowed)?))
}

/// Adds a table, at least twice as large, if the newest would be more than three quarters full, and if there is room.
fn grow_for(file: &mut StoreFile, records: u64, options: &SeekOptions) -> io::Result<()> {
    let newest = *file.newest();
    if newest.used.saturating_add(records) <= newest.slots / 4 * 3 || file.head.tables.len() == MOST_TABLES {
        return Ok(());
    }
    let begin = file.disk.len()?.next_multiple_of(BUCKET_BYTES as u64);
    let slots = newest.slots.max(records).saturating_mul(2).next_multiple_of(BUCKET_SLOTS);
    let table = Table::new(begin, slots);
    if table.end() > options.bound() {
        return Ok(());
    }
    // Zeros, so slots that are empty.
    file.disk.file().set_len(table.end())?;
    file.head.tables.push(table);
    write_entry(file)
}

fn write_entry(file: &StoreFile) -> io::Result<()> {
    let table = file.head.tables.len() - 1;
    file.disk.write(&file.head.entry(table), Head::entry_at(table))
}

/// Shows the records of `batch`, which begin at the offset `begin`; returns for how many there is no slot.
fn publish(file: &mut StoreFile, batch: &Batch, begin: u64) -> io::Result<u64> {
    let (mut refused, mut used, mut bytes) = (0, 0, Vec::new());
    for (hash, offset) in batch.offsets() {
        let at = match file.place(hash, &mut bytes)? {
            None => {
                refused += 1;
                continue;
            }
            Some(Place::Used(at)) => at,
            Some(Place::Empty(at)) => {
                used += 1;
                at
            }
        };
        file.disk.write(&Slot::new(hash, begin + offset).0.to_le_bytes(), at)?;
    }
    if let Some(newest) = file.head.tables.last_mut() {
        newest.used = newest.used.saturating_add(used);
    }
    write_entry(file)?;
    Ok(refused)
}
