//! Records that can be checked by their hash alone.

#![allow(dead_code, reason = "each file of tests uses a part")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use bandwise_seek::{SeekOptions, SeekStore};
use tempfile::TempDir;

/// Long enough for any machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// The hash of the `i`th image.
pub(crate) fn hash(i: u64) -> u64 {
    let mut x = i.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x = (x ^ x >> 32).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    x ^ x >> 29
}

/// The record of a hash, of `least` to `least + spread - 1` bytes.
pub(crate) fn record_of(hash: u64, least: u64, spread: u64) -> Vec<u8> {
    let len = least + (hash >> 7) % spread;
    (0..len).map(|at| (hash.rotate_left(at as u32) ^ at) as u8).collect()
}

/// The record of the `i`th image, of 100 to 3099 bytes.
pub(crate) fn record(i: u64) -> Vec<u8> {
    record_of(hash(i), 100, 3000)
}

/// A folder, and the path of a store in it.
pub(crate) fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kept/x.seek");
    (folder, path)
}

/// A store that opens without a word.
pub(crate) fn open(options: &SeekOptions) -> SeekStore {
    let (store, trouble) = SeekStore::open(options);
    assert!(trouble.is_none(), "{trouble:?}");
    store
}

/// A store at `path` with small records.
pub(crate) fn small(path: &Path) -> SeekOptions {
    SeekOptions::new(path, 10)
}

/// Puts a record, in spite of a queue that is full.
pub(crate) fn put(store: &SeekStore, hash: u64, record: &[u8]) {
    while !store.put(hash, record) {
        assert_eq!(store.stats().refused, 0, "{:?}", store.take_trouble());
        store.flush(PATIENCE);
    }
}

/// Whether there is a record of the `i`th image, which must be the right one.
pub(crate) fn has(store: &SeekStore, i: u64) -> bool {
    let mut bytes = vec![1; 7];
    let found = store.get_waiting(hash(i), &mut bytes);
    assert!(!found || bytes == record(i), "a wrong record of {i}");
    found
}
