//! One process: what is put is found, bounds hold, and nothing makes a store fail.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::fs::{self, File};
use std::time::Duration;

use bandwise_seek::{SeekOptions, SeekStore, SeekTrouble, Unfit};

use common::{PATIENCE, has, hash, open, place, put, record, record_of, small};

#[test]
fn a_hundred_thousand_records_come_back() {
    let (_folder, path) = place();
    let options = SeekOptions::new(&path, 100_000);
    let store = open(&options);
    let small_record = |i: u64| record_of(hash(i), 100, 300);
    (0..100_000).for_each(|i| put(&store, hash(i), &small_record(i)));
    assert!(store.flush(PATIENCE));
    assert_eq!((store.stats().stored, store.stats().entries), (100_000, 100_000));
    drop(store);
    let (store, mut bytes) = (open(&options), Vec::new());
    for i in 0..100_000 {
        assert!(store.get_waiting(hash(i), &mut bytes) && bytes == small_record(i), "{i}");
        assert!(!store.get_waiting(hash(i + 100_000), &mut bytes), "{i}");
    }
    let report = SeekStore::inspect(&path).unwrap();
    assert_eq!((report.entries, report.tables, report.version), (100_000, 1, 1));
    assert_eq!(report.bytes, fs::metadata(&path).unwrap().len());
    assert_eq!(
        (store.stats().hits, store.stats().misses, store.stats().entries),
        (100_000, 100_000, 100_000)
    );
}

#[test]
fn records_just_written_are_found_without_a_wait() {
    let (_folder, path) = place();
    let (store, mut bytes) = (open(&small(&path)), Vec::new());
    put(&store, hash(1), &record(1));
    assert!(store.flush(PATIENCE));
    assert!(store.get(hash(1), &mut bytes) && bytes == record(1));
    assert!(!store.get(hash(2), &mut bytes));
}

#[test]
fn records_that_are_on_the_disk_alone_come_back() {
    let (_folder, path) = place();
    let (store, mut bytes) = (open(&small(&path)), Vec::new());
    put(&store, hash(1), &record(1));
    assert!(store.flush(PATIENCE));
    let file = File::open(&path).unwrap();
    file.sync_all().unwrap();
    // File systems that are in memory keep it there.
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
    let was_in_memory = store.get(hash(1), &mut bytes);
    assert!(!was_in_memory || bytes == record(1));
    // The decoder makes it again and puts it: then it is read in and found, and not kept twice.
    put(&store, hash(1), &record(1));
    assert!(store.flush(PATIENCE));
    assert!(store.get(hash(1), &mut bytes) && bytes == record(1), "was in memory: {was_in_memory}");
    assert_eq!((store.stats().stored, store.stats().repeated), (1, 1));
}

#[test]
fn records_of_any_length_are_kept() {
    let (_folder, path) = place();
    let store = open(&small(&path));
    for len in [0, 1, 1003, 1004, 1005, 4076, 100_000, 1 << 20] {
        put(&store, len, &record_of(len, len, 1));
    }
    assert!(!store.put(1, &vec![0; (1 << 20) + 1]));
    assert!(store.flush(PATIENCE));
    for len in [0, 1, 1003, 1004, 1005, 4076, 100_000, 1 << 20] {
        let mut bytes = Vec::new();
        assert!(store.get_waiting(len, &mut bytes), "{len}");
        assert_eq!(bytes, record_of(len, len, 1));
    }
    assert_eq!((store.stats().stored, store.stats().refused), (8, 1));
}

#[test]
fn the_first_record_of_a_hash_stays() {
    let (_folder, path) = place();
    let store = open(&small(&path));
    put(&store, 5, b"first");
    put(&store, 5, b"second");
    assert!(store.flush(PATIENCE));
    put(&store, 5, b"third");
    assert!(store.flush(PATIENCE));
    let mut bytes = Vec::new();
    assert!(store.get_waiting(5, &mut bytes) && bytes == b"first");
    assert_eq!((store.stats().stored, store.stats().repeated), (1, 2));
}

#[test]
fn a_file_grows_beyond_what_was_expected() {
    let (_folder, path) = place();
    let store = open(&small(&path));
    let first = SeekStore::inspect(&path).unwrap().capacity;
    let late_reader = open(&small(&path));
    let records = first * 10;
    for i in 0..records {
        put(&store, hash(i), &i.to_le_bytes());
    }
    assert!(store.flush(PATIENCE));
    let report = SeekStore::inspect(&path).unwrap();
    assert!(report.tables > 1 && report.capacity > records, "{report:?}");
    assert_eq!(report.entries, records);
    // One that had it open before meets the new tables when it adds something itself.
    put(&late_reader, hash(records), b"one more");
    assert!(late_reader.flush(PATIENCE));
    for store in [&store, &late_reader, &open(&small(&path))] {
        for i in 0..records {
            let mut bytes = Vec::new();
            assert!(store.get_waiting(hash(i), &mut bytes) && bytes == i.to_le_bytes(), "{i}");
        }
    }
}

#[test]
fn hashes_that_collide_stay_apart() {
    let (_folder, path) = place();
    let store = open(&small(&path));
    // One bucket and one tag, which is the low 24 bits.
    let key = |i: u64| 0xABCD << 48 | i << 24 | 0x12_3456;
    (0..600).for_each(|i| put(&store, key(i), &record(i)));
    assert!(store.flush(PATIENCE));
    let mut bytes = Vec::new();
    let found = (0..600).filter(|&i| {
        let found = store.get_waiting(key(i), &mut bytes);
        assert!(!found || bytes == record(i));
        found
    });
    // A search ends after 32 buckets of 16.
    assert_eq!(found.count(), 512);
    assert_eq!((store.stats().stored, store.stats().refused), (512, 88));
}

#[test]
fn a_full_file_takes_no_more_and_says_so_once() {
    let (_folder, path) = place();
    let options = SeekOptions { max_bytes: 1 << 20, ..SeekOptions::new(&path, 1_000_000) };
    let store = open(&options);
    for i in 0..2000 {
        store.put(hash(i), &record(i));
        if i % 100 == 0 {
            store.flush(PATIENCE);
        }
    }
    assert!(store.flush(PATIENCE));
    let stats = store.stats();
    assert!(stats.bytes <= 1 << 20 && stats.bytes > (1 << 20) - 4000, "{stats:?}");
    assert!(stats.stored > 100 && stats.refused > 1000, "{stats:?}");
    assert_eq!(stats.stored + stats.refused + stats.dropped, 2000);
    assert_eq!((0..2000).filter(|&i| has(&store, i)).count() as u64, stats.stored);
    assert!(matches!(store.take_trouble(), Some(SeekTrouble::Full { max_bytes: 1_048_576, .. })));
    assert!(store.take_trouble().is_none());
    drop(store);
    // It is of use, only not for more.
    let store = open(&options);
    assert_eq!((0..2000).filter(|&i| has(&store, i)).count() as u64, stats.stored);
    // A bound that was raised holds at once.
    let store = open(&SeekOptions { max_bytes: 1 << 30, ..options });
    (0..2000).for_each(|i| put(&store, hash(i), &record(i)));
    assert!(store.flush(PATIENCE));
    assert!((0..2000).all(|i| has(&store, i)));
}

#[test]
fn a_queue_that_is_full_drops_records_and_never_waits() {
    let (_folder, path) = place();
    let options = SeekOptions { queue_bytes: 64 << 10, ..small(&path) };
    let store = open(&options);
    let other = File::open(&path).unwrap();
    other.lock().unwrap();
    for i in 0..1000 {
        store.put(hash(i), &record(i));
    }
    assert!(!store.flush(Duration::from_millis(50)));
    let stats = store.stats();
    assert!(stats.dropped > 800 && stats.dropped < 1000 && stats.refused == 0, "{stats:?}");
    other.unlock().unwrap();
    assert!(store.flush(PATIENCE));
    assert_eq!(store.stats().stored, 1000 - stats.dropped);
}

#[test]
fn a_file_of_another_version_or_kind_is_made_anew() {
    let (_folder, path) = place();
    let fill = |options: &SeekOptions| {
        let store = open(options);
        put(&store, hash(1), &record(1));
        assert!(store.flush(PATIENCE));
    };
    fill(&small(&path));
    let other = SeekOptions { content: 7, ..small(&path) };
    let (store, trouble) = SeekStore::open(&other);
    let expected = Unfit::OtherContent { found: 0, expected: 7 };
    assert!(matches!(trouble, Some(SeekTrouble::Rebuilt { reason, .. }) if reason == expected));
    assert!(!has(&store, 1));
    drop(store);
    fill(&other);
    let mut bytes = fs::read(&path).unwrap();
    bytes[20] = b'9';
    fs::write(&path, bytes).unwrap();
    let (store, trouble) = SeekStore::open(&other);
    assert!(matches!(trouble, Some(SeekTrouble::Rebuilt { reason: Unfit::OtherVersion, .. })), "{trouble:?}");
    assert!(!has(&store, 1));
    drop(store);
    fill(&other);
    fs::write(&path, "something else").unwrap();
    let (store, trouble) = SeekStore::open(&other);
    assert!(trouble.unwrap().to_string().contains("are made anew: it was cut to 14 bytes"));
    drop(store);
    fill(&other);
}

/// Neither may two daemons of different versions replace each other's file for ever.
#[test]
fn a_file_that_another_version_has_put_there_is_left_alone() {
    let (_folder, path) = place();
    let ours = open(&small(&path));
    put(&ours, hash(1), &record(1));
    assert!(ours.flush(PATIENCE));
    let (theirs, _) = SeekStore::open(&SeekOptions { content: 7, ..small(&path) });
    put(&theirs, hash(2), &record(2));
    assert!(theirs.flush(PATIENCE));
    ours.put(hash(3), &record(3));
    assert!(ours.flush(PATIENCE));
    assert!(matches!(ours.take_trouble(), Some(SeekTrouble::Unfit { .. })));
    assert!(has(&ours, 1) && !has(&ours, 3) && has(&theirs, 2) && !ours.put(hash(4), &record(4)));
    assert_eq!(ours.stats().refused, 2);
}

#[test]
fn places_that_can_hold_no_file_make_no_error() {
    let (folder, path) = place();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    fs::create_dir_all(folder.path().join("folder.seek")).unwrap();
    let places = [
        file.join("x.seek"),
        folder.path().join("folder.seek"),
        "/proc/none/x.seek".into(),
        "/dev/null".into(),
        "/".into(),
    ];
    for place in places {
        let (store, trouble) = SeekStore::open(&small(&place));
        let text = trouble.unwrap().to_string();
        assert!(text.contains("no seek points are kept: ") && text.contains("give another"), "{text}");
        store.put(hash(1), &record(1));
        assert!(store.flush(PATIENCE) && !has(&store, 1));
        assert!(!store.put(hash(1), &record(1)));
        assert_eq!((store.stats().refused, store.stats().bytes), (2, 0), "{place:?}");
        assert!(store.take_trouble().is_none(), "said when it was opened");
        assert!(SeekStore::inspect(&place).is_err());
    }
    assert!(fs::metadata(&path).is_err());
}

#[test]
fn a_file_that_is_deleted_or_replaced_is_made_anew() {
    let (folder, path) = place();
    let store = open(&small(&path));
    put(&store, hash(1), &record(1));
    assert!(store.flush(PATIENCE));
    fs::remove_dir_all(path.parent().unwrap()).unwrap();
    assert!(has(&store, 1));
    put(&store, hash(2), &record(2));
    assert!(store.flush(PATIENCE));
    assert!(has(&store, 2) && !has(&store, 1) && has(&open(&small(&path)), 2));
    // A copy of another store in place of the bytes, which leaves the file the same.
    let other = folder.path().join("other.seek");
    let others = open(&SeekOptions::new(&other, 5000));
    put(&others, hash(3), &record(3));
    assert!(others.flush(PATIENCE));
    fs::copy(&other, &path).unwrap();
    put(&store, hash(4), &record(4));
    assert!(store.flush(PATIENCE));
    assert!(!has(&store, 2) && has(&store, 3) && has(&store, 4));
}
