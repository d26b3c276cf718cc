//! CPU time of a store in microseconds a call: `cargo run --release -p bandwise-seek --example timing [RECORDS] [FOLDER]`.

use std::env;
use std::hint::black_box;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use bandwise_seek::{SeekOptions, SeekStore, content_hash};
use rustix::time::{ClockId, clock_gettime};

const CALLS: u64 = 200_000;
const ROUNDS: usize = 5;
const PATIENCE: Duration = Duration::from_mins(10);

fn main() {
    let records = env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(100_000);
    let folder = env::args().nth(2).map_or_else(env::temp_dir, PathBuf::from);
    let Ok(folder) = tempfile::tempdir_in(folder) else { return eprintln!("no folder") };
    let (store, trouble) = SeekStore::open(&SeekOptions::new(folder.path().join("x.seek"), records));
    if let Some(trouble) = trouble {
        eprintln!("{trouble}");
    }
    println!("put      {:.2}", time(ClockId::ThreadCPUTime, records, || fill(&store, records)));
    println!("written  {:.2}", time(ClockId::ProcessCPUTime, records, || store.flush(PATIENCE)));
    if let Some(trouble) = store.take_trouble() {
        eprintln!("{trouble}");
    }
    println!("{:?}", store.stats());
    for _ in 0..ROUNDS {
        for threads in [1, 2] {
            let hit = reads(&store, threads, |i| hash(hash(i) % records));
            let miss = reads(&store, threads, |i| hash(i + records));
            println!("found, absent, {threads} threads  {hit:.2} {miss:.2}");
        }
        let bytes = vec![7; 100_000];
        let hashing = time(ClockId::ThreadCPUTime, 1000, || {
            (0..1000).for_each(|_| {
                black_box(content_hash(black_box(&bytes)));
            });
        });
        println!("hash of 100 kB  {hashing:.2}");
    }
}

fn hash(i: u64) -> u64 {
    content_hash(&i.to_le_bytes())
}

fn fill(store: &SeekStore, records: u64) {
    let record: Vec<u8> = (0..750).map(|i| i as u8).collect();
    for i in 0..records {
        while !store.put(hash(i), &record) && store.stats().refused == 0 {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Reads by several threads.
fn reads(store: &SeekStore, threads: u64, key: impl Fn(u64) -> u64 + Sync) -> f64 {
    let key = &key;
    time(ClockId::ProcessCPUTime, CALLS * threads, || {
        thread::scope(|scope| {
            for thread in 0..threads {
                scope.spawn(move || {
                    let mut record = Vec::new();
                    (0..CALLS).for_each(|i| {
                        black_box(store.get(key(i + thread * CALLS), &mut record));
                    });
                });
            }
        });
    })
}

fn time<T>(clock: ClockId, calls: u64, work: impl FnOnce() -> T) -> f64 {
    let now = || {
        let now = clock_gettime(clock);
        now.tv_sec as f64 * 1e6 + now.tv_nsec as f64 / 1e3
    };
    let begun = now();
    black_box(work());
    (now() - begun) / calls as f64
}
