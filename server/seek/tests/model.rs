//! Two stores on one file, with any order of operations, against a map.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::collections::HashMap;
use std::fs::{self, File};

use bandwise_seek::SeekStore;
use proptest::prelude::*;

use common::{PATIENCE, has, hash, open, place, put, record, small};

/// A record that was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Queued,
    /// It must be found.
    Kept,
    /// The file was deleted or cut since: it may be found.
    Lost,
}

#[derive(Clone, Debug)]
enum Act {
    Put(u64),
    Get(u64),
    Flush,
    Reopen,
    Delete,
    Cut(u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        20 => (0..200u64).prop_map(Act::Put),
        20 => (0..200u64).prop_map(Act::Get),
        3 => Just(Act::Flush),
        2 => Just(Act::Reopen),
        1 => Just(Act::Delete),
        1 => (0..200_000u64).prop_map(Act::Cut),
    ]
}

fn lose(model: &mut HashMap<u64, Known>) {
    for known in model.values_mut() {
        *known = Known::Lost;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// Two stores on one file against maps of what must be there, and what may.
    #[test]
    fn stores_are_as_a_map(acts in prop::collection::vec((act(), 0..2usize), 1..300)) {
        let (_folder, path) = place();
        let mut stores = [open(&small(&path)), open(&small(&path))];
        let mut model = HashMap::new();
        let flush = |stores: &[SeekStore], model: &mut HashMap<u64, Known>| {
            assert!(stores.iter().all(|store| store.flush(PATIENCE)));
            model.values_mut().filter(|known| **known == Known::Queued).for_each(|known| *known = Known::Kept);
        };
        for (act, which) in acts {
            match act {
                Act::Put(i) => {
                    put(&stores[which], hash(i), &record(i));
                    let known = model.entry(i).or_insert(Known::Queued);
                    if *known == Known::Lost {
                        *known = Known::Queued;
                    }
                }
                Act::Get(i) => {
                    let found = has(&stores[which], i);
                    prop_assert!(!found || model.contains_key(&i), "{} was never put", i);
                    prop_assert!(found || model.get(&i) != Some(&Known::Kept), "{} is lost", i);
                }
                Act::Flush => flush(&stores, &mut model),
                Act::Reopen => {
                    flush(&stores, &mut model);
                    stores[which] = open(&small(&path));
                }
                Act::Delete => {
                    fs::remove_file(&path).unwrap();
                    for store in &mut stores {
                        *store = SeekStore::open(&small(&path)).0;
                    }
                    lose(&mut model);
                }
                Act::Cut(len) => {
                    flush(&stores, &mut model);
                    let file = File::options().write(true).open(&path).unwrap();
                    if file.metadata().unwrap().len() > len {
                        file.set_len(len).unwrap();
                    }
                    for store in &mut stores {
                        *store = SeekStore::open(&small(&path)).0;
                    }
                    lose(&mut model);
                }
            }
        }
    }
}
