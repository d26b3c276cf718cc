//! Makes the seek points of a dataset ahead, so that its first epoch is as fast as the next.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use anyhow::anyhow;
use bandwise_dataset::Dataset;
use bandwise_decode::DecodeLimits;
use bandwise_jpeg::{DEFAULT_SPACING, Decoder, Frame, Refusal, SimdLevel};
use bandwise_seek::{MAX_RECORD_BYTES, SeekStore, content_hash};
use indicatif::ProgressBar;
use parking_lot::Mutex;
use serde::Serialize;
use thiserror::Error;

use crate::{
    Failure,
    format::{bytes, grouped},
    output::outln,
    progress,
};

/// Time to write a queue; far more than any disk takes.
const PATIENCE: Duration = Duration::from_mins(2);

/// Samples that are named.
const MOST_NAMED: usize = 5;

#[derive(Debug, clap::Args)]
pub(crate) struct SeekArgs {
    /// Also make the seek points of every JPEG: places at which decoding may begin, which a daemon makes otherwise when it
    /// decodes a file for the first time. Reads every file once; what is kept already is not made again.
    #[arg(long)]
    pub(crate) seek: bool,
    /// Distance of the seek points in a row, in blocks of 8 or 16 pixels. Smaller is faster and takes more space.
    #[arg(long, value_name = "N", default_value_t = DEFAULT_SPACING, requires = "seek",
        value_parser = clap::value_parser!(u16).range(1..=4096))]
    seek_spacing: u16,
    /// Greatest size of the file of seek points, in MiB; about 800 bytes an image are needed. [default: 16384]
    #[arg(long, value_name = "N", requires = "seek",
        value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    seek_mib: Option<u64>,
    /// Threads that make seek points; 0: one for each core that the process may use. More help where files are read over a
    /// network.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "seek")]
    threads: usize,
}

/// Results for one dataset.
#[derive(Debug, Default, Serialize)]
pub(crate) struct SeekResult {
    file: String,
    /// Files whose seek points were made now.
    made: u64,
    /// Files whose seek points were kept already.
    kept: u64,
    /// Files that have none, since libjpeg-turbo or another decoder reads them, by reason.
    without: BTreeMap<String, u64>,
    unreadable: u64,
    /// The first of them, with the reason.
    unreadable_names: Vec<String>,
    /// Seek points in the file, by image.
    entries: u64,
    file_bytes: u64,
    seconds: f64,
    /// The reason for which not all could be kept.
    pub(crate) trouble: Option<String>,
}

/// Makes what is missing in the file of `dataset` in the cache folder.
pub(crate) fn make(dataset: &Dataset, cache_dir: &Path, args: &SeekArgs) -> Result<SeekResult, Failure> {
    let mut options = dataset.seek_options(cache_dir).ok_or_else(|| anyhow!("the dataset has no files"))?;
    if let Some(mib) = args.seek_mib {
        options.max_bytes = mib << 20;
    }
    let begun = Instant::now();
    let (store, opening) = SeekStore::open(&options);
    if let Some(trouble) = &opening {
        eprintln!("warning: {trouble}");
    }
    let pass = Pass {
        dataset,
        store: &store,
        spacing: args.seek_spacing,
        next: AtomicU64::new(0),
        is_over: AtomicBool::new(false),
        bar: progress::bar(dataset.len(), "seek points"),
        result: Mutex::default(),
    };
    pass.run(args.threads)?;
    let is_written = store.flush(PATIENCE);
    let stats = store.stats();
    let trouble = (stats.refused > 0 || !is_written).then(|| match store.take_trouble().or(opening) {
        Some(trouble) => trouble.to_string(),
        None => "the seek points could not be written in time; check the disk".to_owned(),
    });
    let (file, seconds) = (options.path.display().to_string(), begun.elapsed().as_secs_f64());
    let (entries, file_bytes) = (stats.entries, stats.bytes);
    Ok(SeekResult { file, entries, file_bytes, seconds, trouble, ..pass.result.into_inner() })
}

/// One look at every sample, by several threads.
struct Pass<'a> {
    dataset: &'a Dataset,
    store: &'a SeekStore,
    spacing: u16,
    next: AtomicU64,
    /// Nothing more can be kept.
    is_over: AtomicBool,
    bar: ProgressBar,
    result: Mutex<SeekResult>,
}

/// The reason for which a file has no seek points.
#[derive(Debug, Error)]
enum Without {
    #[error("{0}")]
    Refused(#[from] Refusal),
    #[error("over 1 MiB of seek points")]
    TooMany,
    #[error("our JPEG decoder panicked, which is a defect; please report it")]
    Panicked,
}

/// The fate of one sample.
enum Fate {
    Made,
    Kept,
    Without(Without),
    /// The store takes no more.
    Refused,
}

impl Pass<'_> {
    fn run(&self, threads: usize) -> Result<(), Failure> {
        let threads = match threads {
            0 => thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let is_whole = thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| self.work())).collect();
            // Waits for all of them.
            workers.into_iter().map(|worker| worker.join().is_ok()).fold(true, |all, one| all & one)
        });
        self.bar.finish_and_clear();
        if is_whole { Ok(()) } else { Err(Failure::Failed(anyhow!("a thread panicked"))) }
    }

    fn work(&self) {
        let limit_bytes = DecodeLimits::default().max_encoded_bytes;
        let mut decoder = Decoder::new(SimdLevel::detect());
        let (mut encoded, mut points) = (Vec::new(), Vec::new());
        while !self.is_over.load(Relaxed) {
            let sample = self.next.fetch_add(1, Relaxed);
            if sample >= self.dataset.len() {
                return;
            }
            let read = self.dataset.read(sample, limit_bytes, &mut encoded);
            let fate = read.map(|()| self.sample(&mut decoder, &encoded, &mut points));
            let mut result = self.result.lock();
            match fate {
                Ok(Fate::Made) => result.made += 1,
                Ok(Fate::Kept) => result.kept += 1,
                Ok(Fate::Without(reason)) => *result.without.entry(reason.to_string()).or_default() += 1,
                Ok(Fate::Refused) => self.is_over.store(true, Relaxed),
                Err(error) => {
                    result.unreadable += 1;
                    if result.unreadable_names.len() < MOST_NAMED {
                        let name = self.dataset.display_name(sample);
                        result.unreadable_names.push(format!("{name}: {error}"));
                    }
                }
            }
            self.bar.inc(1);
        }
    }

    fn sample(&self, decoder: &mut Decoder, encoded: &[u8], points: &mut Vec<u8>) -> Fate {
        let hash = content_hash(encoded);
        if self.store.get_waiting(hash, points) {
            return Fate::Kept;
        }
        let index = || Frame::read(encoded).and_then(|frame| decoder.index(encoded, &frame, self.spacing));
        // One file must not end the pass over all others.
        let Ok(made) = catch_unwind(AssertUnwindSafe(index)) else {
            *decoder = Decoder::new(SimdLevel::detect());
            return Fate::Without(Without::Panicked);
        };
        match made {
            Err(refusal) => Fate::Without(refusal.into()),
            Ok(made) if made.len() > MAX_RECORD_BYTES => Fate::Without(Without::TooMany),
            Ok(made) if self.keep(hash, &made) => Fate::Made,
            Ok(_) => Fate::Refused,
        }
    }

    /// Waits where the disk is slower than the threads.
    fn keep(&self, hash: u64, points: &[u8]) -> bool {
        while !self.store.put(hash, points) {
            if self.store.stats().refused > 0 || !self.store.flush(PATIENCE) {
                return false;
            }
        }
        true
    }
}

impl SeekResult {
    pub(crate) fn print(&self) {
        outln!(
            "seek        {} images made in {:.1} s, {} kept before; {} of {} images in {}",
            grouped(self.made),
            self.seconds,
            grouped(self.kept),
            bytes(self.file_bytes),
            grouped(self.entries),
            self.file
        );
        for (reason, count) in &self.without {
            outln!("without     {} images: {reason}", grouped(*count));
        }
        if self.unreadable > 0 {
            outln!("unreadable  {} images: {}", grouped(self.unreadable), self.unreadable_names.join("; "));
        }
    }
}
