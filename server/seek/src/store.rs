//! The public face: a store that is open.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::disk::Wait;
use crate::inspect::{SeekReport, inspect};
use crate::open::{Replace, open};
use crate::options::SeekOptions;
use crate::record;
use crate::shared::Shared;
use crate::stats::SeekStats;
use crate::trouble::SeekTrouble;
use crate::writer;

/// Time that the records of the queue have at the end to be written.
const CLOSING: Duration = Duration::from_secs(2);

/// Records by the hash of a file's bytes, in a file that other processes may read and extend at the same time.
///
/// Send and Sync; share it in an `Arc`. Nothing here fails: a record that cannot be read is absent, one that cannot be
/// added is counted, and [`SeekStore::take_trouble`] has the reason for the log. Dropping it waits for the queue to be
/// written, for at most 2 s.
#[derive(Debug)]
pub struct SeekStore {
    shared: Arc<Shared>,
}

impl SeekStore {
    /// Opens the file, and creates it if it is missing or of no use. With what the log should say of it; the store works
    /// all the same, at worst without a file. Opens, reads and perhaps writes 4 KiB, and starts a thread.
    #[must_use]
    pub fn open(options: &SeekOptions) -> (Self, Option<SeekTrouble>) {
        let shared = Arc::new(Shared::new(options.clone()));
        let mut trouble = match open(options, Replace::Unfit) {
            Ok((file, trouble)) => {
                shared.counters.bytes.store(file.disk.len().unwrap_or_default(), Relaxed);
                file.preload();
                shared.set_file(file);
                trouble
            }
            Err(trouble) => Some(trouble),
        };
        if let Err(reason) = writer::start(Arc::clone(&shared)) {
            shared.queue.end();
            trouble = Some(SeekTrouble::Thread { path: options.path.clone(), reason });
        }
        if let Some(trouble) = &trouble {
            shared.is_said(trouble);
        }
        (Self { shared }, trouble)
    }

    /// Reads the record of a hash into `record`, in place of its content, and says whether there is one: exactly the bytes
    /// that were put under this hash. The content of `record` is not specified otherwise.
    ///
    /// Takes 2 us. Does not wait for the disk, unless its file system cannot do that: a record that is not in memory is absent,
    /// until [`SeekStore::put`] of the same hash, or the system, has read it in.
    pub fn get(&self, hash: u64, record: &mut Vec<u8>) -> bool {
        self.read(hash, record, Wait::Never)
    }

    /// As [`SeekStore::get`], but waits for the disk if it must.
    pub fn get_waiting(&self, hash: u64, record: &mut Vec<u8>) -> bool {
        self.read(hash, record, Wait::Allowed)
    }

    fn read(&self, hash: u64, record: &mut Vec<u8>, wait: Wait) -> bool {
        let file = self.shared.file();
        let is_found = file.is_some_and(|file| file.find(hash, record, wait).unwrap_or(false));
        let counters = &self.shared.counters;
        add_one(if is_found { &counters.hits } else { &counters.misses });
        is_found
    }

    /// Queues a record, to be added under a hash unless there is one already; within about 100 ms it can be found. Costs a
    /// checksum and a copy of the record, never a wait.
    ///
    /// False if it was left out: the queue is full, the record has more than
    /// [`MAX_RECORD_BYTES`](crate::MAX_RECORD_BYTES), or the file took none within the last
    /// 30 s, for whatever reason.
    pub fn put(&self, hash: u64, record: &[u8]) -> bool {
        let counters = &self.shared.counters;
        if record.len() > record::MOST_BYTES || self.shared.is_paused() {
            add_one(&counters.refused);
            return false;
        }
        let is_queued = self.shared.queue.push(hash, record);
        if !is_queued {
            add_one(&counters.dropped);
        }
        is_queued
    }

    /// The next thing for the log, each once until it is over: for a caller to ask now and then.
    pub fn take_trouble(&self) -> Option<SeekTrouble> {
        self.shared.take_trouble()
    }

    /// Waits until all records that were put so far have been written or left out, for at most `patience`; says whether they
    /// have.
    pub fn flush(&self, patience: Duration) -> bool {
        self.shared.queue.flush(patience)
    }

    /// The numbers so far.
    pub fn stats(&self) -> SeekStats {
        let used = |table: &crate::layout::Table| table.used;
        let entries = self.shared.file().map_or(0, |file| file.head.tables.iter().map(used).sum());
        self.shared.counters.read(entries)
    }

    /// Counts the file at `path`, which may be in use. Reads its tables, 16 bytes a sample.
    ///
    /// # Errors
    /// A file that cannot be read or is of no use.
    pub fn inspect(path: &Path) -> Result<SeekReport, SeekTrouble> {
        inspect(path)
    }
}

impl Drop for SeekStore {
    fn drop(&mut self) {
        self.shared.queue.close(CLOSING);
    }
}

fn add_one(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}
