//! A file of records that is open: search in its tables.

use std::io;
use std::num::NonZeroU64;
use std::ops::ControlFlow;
use std::sync::Arc;

use rustix::fs::Advice;

use crate::disk::{Disk, Wait};
use crate::layout::{BUCKET_BYTES, HEAD_BYTES, Head, SLOT_BYTES, Slot, Table};
use crate::record;
use crate::trouble::Unfit;

/// Buckets that a search looks at. Nearly all find an empty slot in the first: more only where keys were made to collide,
/// which must not make searches long.
const MOST_BUCKETS: u64 = 32;

/// A file with a sound head.
#[derive(Clone, Debug)]
pub(crate) struct StoreFile {
    pub(crate) disk: Arc<Disk>,
    pub(crate) head: Head,
    pub(crate) is_writable: bool,
}

/// Room for a record in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// An empty slot at this offset.
    Empty(u64),
    /// A slot at this offset that was given to the key before, or to one whose record is lost.
    Used(u64),
}

impl StoreFile {
    /// Reads the head. The outer error is one of the system.
    pub(crate) fn read(disk: Arc<Disk>, is_writable: bool) -> io::Result<Result<Self, Unfit>> {
        let mut bytes = [0; HEAD_BYTES];
        let read = disk.read(&mut bytes, 0, Wait::Allowed)?;
        let head = Head::decode(&bytes[..read], disk.len()?);
        Ok(head.map(|head| Self { disk, head, is_writable }))
    }

    /// Asks the system to read the tables into memory, so that records are found from the start. It may refuse.
    pub(crate) fn preload(&self) {
        for table in &self.head.tables {
            let len = NonZeroU64::new(table.end() - table.offset);
            let _ = rustix::fs::fadvise(self.disk.file(), table.offset, len, Advice::WillNeed);
        }
    }

    /// Reads the record of a key into `bytes`, in place of their content, and says whether there is one.
    pub(crate) fn find(&self, hash: u64, bytes: &mut Vec<u8>, wait: Wait) -> io::Result<bool> {
        for table in self.head.tables.iter().rev() {
            let found = self.walk(table, hash, wait, |_, slot| {
                if slot.is_empty() {
                    return Ok(ControlFlow::Break(false));
                }
                let is_it =
                    slot.may_be(hash) && record::read(&self.disk, slot.offset(), bytes, wait)? == Some(hash);
                Ok(if is_it { ControlFlow::Break(true) } else { ControlFlow::Continue(()) })
            })?;
            if found == Some(true) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Room in the newest table for a key that is not in it; `None` if there is none where a search would look.
    pub(crate) fn place(&self, hash: u64, bytes: &mut Vec<u8>) -> io::Result<Option<Place>> {
        self.walk(self.newest(), hash, Wait::Allowed, |at, slot| {
            if slot.is_empty() {
                return Ok(ControlFlow::Break(Place::Empty(at)));
            }
            let is_free = slot.may_be(hash)
                && match record::read(&self.disk, slot.offset(), bytes, Wait::Allowed)? {
                    None => true,
                    // The file was cut, and the record of this key or of another has just been added at that place.
                    Some(there) => there == hash || !slot.may_be(there),
                };
            Ok(if is_free { ControlFlow::Break(Place::Used(at)) } else { ControlFlow::Continue(()) })
        })
    }

    /// The table that records are added to.
    pub(crate) fn newest(&self) -> &Table {
        &self.head.tables[self.head.tables.len() - 1]
    }

    /// Shows `visit` the slots in which a key may be, with their offsets, until it breaks.
    fn walk<T>(
        &self,
        table: &Table,
        hash: u64,
        wait: Wait,
        mut visit: impl FnMut(u64, Slot) -> io::Result<ControlFlow<T>>,
    ) -> io::Result<Option<T>> {
        let buckets = table.buckets();
        for step in 0..buckets.min(MOST_BUCKETS) {
            let bucket = (table.home(hash) + step) % buckets;
            let at = table.offset + bucket * BUCKET_BYTES as u64;
            let mut bytes = [0; BUCKET_BYTES];
            if self.disk.read(&mut bytes, at, wait)? < BUCKET_BYTES {
                // Somebody has cut the file.
                return Ok(None);
            }
            for (slot, at) in bytes.as_chunks().0.iter().zip((at..).step_by(SLOT_BYTES as usize)) {
                if let ControlFlow::Break(result) = visit(at, Slot(u64::from_le_bytes(*slot)))? {
                    return Ok(Some(result));
                }
            }
        }
        Ok(None)
    }
}
