//! Numbers of a file, for tools.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::disk::{Disk, Wait};
use crate::layout::{BUCKET_BYTES, SLOT_BYTES, Table, VERSION};
use crate::open::open_existing;
use crate::store_file::StoreFile;
use crate::trouble::SeekTrouble;

/// Bytes of a table that are read at a time.
const BLOCK_BYTES: usize = 512 * BUCKET_BYTES;

/// A file as it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SeekReport {
    /// Version of the layout.
    pub version: u32,
    /// The number in [`SeekOptions::content`](crate::SeekOptions::content).
    pub content: u32,
    /// Records that can be found, lost ones included.
    pub entries: u64,
    /// Records for which there are slots; when three quarters of the newest table are in use, another is added.
    pub capacity: u64,
    /// Tables that a search looks at.
    pub tables: usize,
    /// Length of the file.
    pub bytes: u64,
}

pub(crate) fn inspect(path: &Path) -> Result<SeekReport, SeekTrouble> {
    let closed = |reason| SeekTrouble::Closed { path: path.to_owned(), reason };
    let (file, _) = open_existing(path).map_err(closed)?;
    if !file.metadata().map_err(closed)?.is_file() {
        return Err(SeekTrouble::NotAFile { path: path.to_owned() });
    }
    let file = StoreFile::read(Arc::new(Disk::new(file)), false).map_err(closed)?;
    let file = file.map_err(|reason| SeekTrouble::Unfit { path: path.to_owned(), reason })?;
    report(&file).map_err(closed)
}

fn report(file: &StoreFile) -> io::Result<SeekReport> {
    let tables = &file.head.tables;
    Ok(SeekReport {
        version: VERSION,
        content: file.head.content,
        entries: tables.iter().map(|table| used(&file.disk, table)).sum::<io::Result<u64>>()?,
        capacity: tables.iter().map(|table| table.slots).sum(),
        tables: tables.len(),
        bytes: file.disk.len()?,
    })
}

/// Slots in use.
fn used(disk: &Disk, table: &Table) -> io::Result<u64> {
    let (mut block, mut at, mut used) = (vec![0; BLOCK_BYTES], table.offset, 0);
    while at < table.end() {
        let wanted = (table.end() - at).min(BLOCK_BYTES as u64) as usize;
        let read = disk.read(&mut block[..wanted], at, Wait::Allowed)?;
        if read == 0 {
            break;
        }
        let slots = block[..read].chunks_exact(SLOT_BYTES as usize);
        used += slots.filter(|slot| slot.iter().any(|&byte| byte != 0)).count() as u64;
        at += read as u64;
    }
    Ok(used)
}
