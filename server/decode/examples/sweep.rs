//! Compares every way to the pixels of JPEGs with libjpeg-turbo alone: many files, the same in each run.
//!
//! ```text
//! cargo run --release -p bandwise-decode --example sweep -- files FOLDER [CROPS]
//! cargo run --release -p bandwise-decode --example sweep -- generated COUNT [SEED]
//! cargo run --release -p bandwise-decode --example sweep -- crafted COUNT [SEED]
//! cargo run --release -p bandwise-decode --example sweep -- rewritten COUNT [SEED] [FOLDER]
//! cargo run --release -p bandwise-decode --example sweep -- damaged COUNT [SEED] [FOLDER]
//! ```
//!
//! Each file is decoded whole and in parts, without seek points, while they are made, and with them, at every SIMD level;
//! verdicts and pixels must be libjpeg-turbo's, and nothing may panic. `damaged` also decodes with the seek points of the
//! undamaged file. Files to damage come from a folder, or are generated. `SWEEP_LEVELS=avx2` restricts the levels,
//! `SWEEP_THREADS` the threads, `SWEEP_FIRST` is the number to begin with, `SWEEP_KEEP` a folder for the files that differ.

#![allow(clippy::unwrap_used, reason = "a program for developers")]
#![allow(unsafe_code, reason = "libjpeg-turbo's encoder has parameters that only its C functions set")]

#[path = "../tests/sweep/check.rs"]
mod check;
#[path = "../tests/sweep/crafted.rs"]
mod crafted;
#[path = "../tests/sweep/damage.rs"]
mod damage;
#[path = "../tests/sweep/generate.rs"]
mod generate;
#[path = "../tests/sweep/oddities.rs"]
mod oddities;
#[path = "../tests/sweep/pool.rs"]
mod pool;
#[path = "../tests/sweep/random.rs"]
mod random;
#[path = "../tests/sweep/segments.rs"]
mod segments;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Instant,
};

use bandwise_kernels::SimdLevel;
use check::{Checker, Counts};
use random::Random;

const USAGE: &str = "usage: sweep files FOLDER [CROPS] | generated COUNT [SEED] | crafted COUNT [SEED] | \
    rewritten COUNT [SEED] [FOLDER] | damaged COUNT [SEED] [FOLDER]";

/// Differences that are printed.
const MOST_PRINTED: u64 = 20;

/// A set of files.
enum Set {
    Folder(Vec<PathBuf>),
    Generated,
    Crafted,
    Rewritten(Vec<Vec<u8>>),
    Damaged(Vec<Vec<u8>>),
}

impl Set {
    fn file(&self, seed: u64, number: u64) -> Vec<u8> {
        match self {
            Self::Folder(paths) => fs::read(&paths[number as usize]).unwrap(),
            Self::Generated => generate::image(seed, number),
            Self::Crafted => crafted::file(seed, number),
            Self::Rewritten(pool) => {
                oddities::rewrite(pool::origin(pool, number), &mut Random::new(seed, number))
            }
            Self::Damaged(pool) => pool::damaged(pool, seed, number),
        }
    }
}

/// One sweep over a set.
struct Sweep {
    set: Set,
    seed: u64,
    crops: usize,
    levels: Vec<SimdLevel>,
    next: AtomicU64,
    end: u64,
    differences: AtomicU64,
    counts: Mutex<Counts>,
    keep: Option<PathBuf>,
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u64>().expect(USAGE);
    let pool = |folder: Option<&&str>| match folder {
        Some(folder) => pool::jpegs(Path::new(folder)),
        None => pool::small(1),
    };
    let seed = args.get(2).map_or(1, |text| number(text));
    let (set, crops, count) = match args[..] {
        ["files", folder, ..] => {
            let mut paths = Vec::new();
            pool::walk(Path::new(folder), &mut paths);
            paths.sort();
            let count = paths.len() as u64;
            (Set::Folder(paths), args.get(2).map_or(20, |text| number(text) as usize), count)
        }
        ["generated", count, ..] => (Set::Generated, 3, number(count)),
        ["crafted", count, ..] => (Set::Crafted, 2, number(count)),
        ["rewritten", count, ..] => (Set::Rewritten(pool(args.get(3))), 2, number(count)),
        ["damaged", count, ..] => (Set::Damaged(pool(args.get(3))), 1, number(count)),
        _ => panic!("{USAGE}"),
    };
    let setting = |name: &str| env::var(name).ok();
    let first = setting("SWEEP_FIRST").map_or(0, |text| number(&text));
    let levels = match setting("SWEEP_LEVELS") {
        Some(names) => names.split(',').map(|name| SimdLevel::named(name).expect("a level")).collect(),
        None => SimdLevel::available(),
    };
    let threads = setting("SWEEP_THREADS").map_or(1, |text| number(&text));
    let sweep = Sweep {
        set,
        seed,
        crops,
        levels,
        next: AtomicU64::new(first),
        end: first + count,
        differences: AtomicU64::new(0),
        counts: Mutex::default(),
        keep: setting("SWEEP_KEEP").map(PathBuf::from),
    };
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| sweep.work());
        }
    });
    let (counts, differences) = (sweep.counts.lock().unwrap(), sweep.differences.load(Relaxed));
    println!("{counts}");
    println!("{differences} files differ; {:.0} s", begun.elapsed().as_secs_f64());
    if differences == 0 && counts.files > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Sweep {
    fn work(&self) {
        let mut checker = Checker::new(&self.levels);
        loop {
            let number = self.next.fetch_add(1, Relaxed);
            if number >= self.end {
                break;
            }
            let bytes = self.set.file(self.seed, number);
            let mut random = Random::new(self.seed ^ 0x5EED, number);
            let mut made = checker.file(&bytes, self.crops, &mut random);
            if let (Ok(()), Set::Damaged(pool)) = (&made, &self.set) {
                made = checker.foreign_points(&bytes, pool::origin(pool, number), &mut random);
            }
            if let Err(difference) = made {
                self.report(number, &bytes, &difference);
            }
        }
        *self.counts.lock().unwrap() += checker.counts;
    }

    fn report(&self, number: u64, bytes: &[u8], difference: &str) {
        if self.differences.fetch_add(1, Relaxed) < MOST_PRINTED {
            let path = match &self.set {
                Set::Folder(paths) => paths[number as usize].display().to_string(),
                _ => String::new(),
            };
            println!("file {number} {path}: {difference}");
            if let Some(folder) = &self.keep {
                fs::write(folder.join(format!("{number}.jpg")), bytes).unwrap();
            }
        }
    }
}
