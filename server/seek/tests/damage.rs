//! Files that were cut and changed: every record that is found is the right one, and a file is of use again afterwards.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::fs::{self, File};
use std::path::Path;

use bandwise_seek::{SeekStore, SeekTrouble};

use common::{PATIENCE, has, hash, open, place, put, record_of, small};

const RECORDS: u64 = 24;

/// A record of 100 to 299 bytes.
fn record(i: u64) -> Vec<u8> {
    record_of(hash(i), 100, 200)
}

/// The bytes of a file with all records.
fn whole(path: &Path) -> Vec<u8> {
    let store = open(&small(path));
    fill(&store);
    drop(store);
    fs::read(path).unwrap()
}

/// Writes a new file, since file systems take care of one that is cut and written again, and that takes time.
fn rewrite(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

fn fill(store: &SeekStore) {
    (0..RECORDS).for_each(|i| put(store, hash(i), &record(i)));
    assert!(store.flush(PATIENCE));
}

/// The number of records that are found, all of which must be right.
fn found(store: &SeekStore) -> u64 {
    let mut bytes = Vec::new();
    let is_found = |&i: &u64| {
        let found = store.get_waiting(hash(i), &mut bytes);
        assert!(!found || bytes == record(i), "a wrong record of {i}");
        found
    };
    (0..RECORDS).filter(is_found).count() as u64
}

#[test]
fn a_file_cut_at_any_length_keeps_what_is_whole() {
    let (_folder, path) = place();
    let bytes = whole(&path);
    let table_end = 4096 + 8 * SeekStore::inspect(&path).unwrap().capacity as usize;
    let mut last = 0;
    // The head and the table are all alike: every third length.
    for len in (0..table_end).step_by(3).chain(table_end..=bytes.len()) {
        rewrite(&path, &bytes[..len]);
        let (store, trouble) = SeekStore::open(&small(&path));
        let found_now = found(&store);
        assert_eq!(
            matches!(trouble, Some(SeekTrouble::Rebuilt { .. })),
            len < table_end,
            "{len}: {trouble:?}"
        );
        assert!(if len < table_end { found_now == 0 } else { found_now >= last }, "{len}");
        last = found_now;
        if len % 61 == 0 {
            fill(&store);
            assert_eq!(found(&store), RECORDS, "{len}");
            assert_eq!(SeekStore::inspect(&path).unwrap().entries, RECORDS, "{len}");
        }
    }
    assert_eq!(last, RECORDS);
}

#[test]
fn a_flipped_bit_anywhere_gives_no_wrong_record() {
    let (_folder, path) = place();
    let bytes = whole(&path);
    // The rest of the head is not in use.
    for at in (0..600).chain((600..4096).step_by(101)).chain(4096..bytes.len()) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        rewrite(&path, &damaged);
        let (store, trouble) = SeekStore::open(&small(&path));
        let left = found(&store);
        // A damaged head costs all, a damaged slot or record itself; an empty slot that fills may hide none.
        assert!(left >= RECORDS - 1 || trouble.is_some(), "byte {at}: {left}");
        if at % 61 == 0 {
            fill(&store);
            assert_eq!(found(&store), RECORDS, "byte {at}");
        }
    }
}

/// The file under a store that is open, as an operator or a disk may do it.
#[test]
fn a_file_cut_under_an_open_store_gives_no_wrong_record() {
    let (_folder, path) = place();
    let bytes = whole(&path);
    for len in (0..bytes.len()).step_by(97) {
        rewrite(&path, &bytes);
        let store = open(&small(&path));
        assert_eq!(found(&store), RECORDS);
        File::options().write(true).open(&path).unwrap().set_len(len as u64).unwrap();
        found(&store);
        fill(&store);
        assert_eq!(found(&store), RECORDS, "{len}");
        assert_eq!(found(&open(&small(&path))), RECORDS, "{len}");
    }
}

#[test]
fn a_file_of_noise_or_zeros_is_made_anew() {
    let (_folder, path) = place();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let noise: Vec<u8> = (0..20_000).map(|i| common::hash(i) as u8).collect();
    for bytes in [noise, vec![0; 20_000], vec![255; 4096], Vec::new()] {
        fs::write(&path, bytes).unwrap();
        let (store, trouble) = SeekStore::open(&small(&path));
        assert!(matches!(trouble, Some(SeekTrouble::Rebuilt { .. })), "{trouble:?}");
        fill(&store);
        assert_eq!(found(&store), RECORDS);
        assert!(!has(&store, RECORDS));
    }
}
