//! Options of a store.

use std::path::PathBuf;

use crate::layout::{BUCKET_SLOTS, SLOT_BYTES};

/// Smallest file that is of use.
const LEAST_BYTES: u64 = 64 << 10;

/// Bytes that an offset in a slot can address.
const MOST_BYTES: u64 = 1 << 40;

/// Fewest slots of a table.
const LEAST_SLOTS: u64 = 1024;

/// Most slots of a table: 128 GiB.
const MOST_SLOTS: u64 = 1 << 34;

/// The file of a store, and its bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeekOptions {
    /// The file. Its folder is created if it is missing.
    pub path: PathBuf,
    /// Records that a new file is laid out for. More are possible; each doubling costs a further look.
    pub expected_samples: u64,
    /// The file never becomes longer than this. Taken as at least 64 KiB and at most 1 TiB.
    pub max_bytes: u64,
    /// Memory for records that wait to be written; as much again is being written.
    pub queue_bytes: usize,
    /// A number for what the records mean. A file with another number is replaced.
    pub content: u32,
}

impl SeekOptions {
    /// A file at `path` for `expected_samples`, of at most 16 GiB, with 4 MiB of memory for the queue.
    pub fn new(path: impl Into<PathBuf>, expected_samples: u64) -> Self {
        Self { path: path.into(), expected_samples, max_bytes: 16 << 30, queue_bytes: 4 << 20, content: 0 }
    }

    /// The longest that the file becomes.
    pub(crate) fn bound(&self) -> u64 {
        self.max_bytes.clamp(LEAST_BYTES, MOST_BYTES)
    }

    /// Slots of the first table: two a sample, in at most an eighth of the file.
    pub(crate) fn first_slots(&self) -> u64 {
        let most = (self.bound() / 8 / SLOT_BYTES).min(MOST_SLOTS);
        let wanted = self.expected_samples.saturating_mul(2).clamp(LEAST_SLOTS, most);
        wanted.next_multiple_of(BUCKET_SLOTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_fits_the_samples_and_the_bound() {
        let slots =
            |samples, max_bytes| SeekOptions { max_bytes, ..SeekOptions::new("x", samples) }.first_slots();
        assert_eq!(slots(1_281_167, 16 << 30), 2_562_336);
        assert_eq!(slots(0, 16 << 30), 1024);
        assert_eq!(slots(u64::MAX, 0), 1024);
        assert_eq!(slots(u64::MAX, u64::MAX), 1 << 34);
        assert_eq!(slots(1 << 30, 64 << 20), 1 << 20);
    }
}
