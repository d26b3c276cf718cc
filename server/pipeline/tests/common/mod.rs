//! A small pipeline over photographs, with rows that a test can hold up.

#![allow(dead_code, unreachable_pub, reason = "every test file uses a part")]

pub mod gate;
pub mod storage;

use std::{
    fs,
    future::Future,
    path::{Path, PathBuf},
    process,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use bandwise_curriculum::{Curriculum, OrderKind};
use bandwise_dataset::{Dataset, NoProgress, OpenOptions};
use bandwise_decode::DecodeLimits;
use bandwise_job::{BadSample, Fidelity, Job, JobSpec, ReplaySpec, Unreadable};
use bandwise_kernels::{Dtype, Layout, SimdLevel};
use bandwise_pipeline::{
    Batch, BatchError, FetchConfig, Pipeline, PipelineConfig, Priority, ReplayConfig, ReplayShortage, Stream,
    StreamOptions, Ticket,
};
use bandwise_recipe::OutputFormat;
use tempfile::TempDir;

/// Side of the images.
pub const SIDE: u64 = 32;

/// Bytes of memory that a batch of `rows` rows takes: images, labels from the next 64 bytes on, whole pages.
pub fn batch_bytes(rows: u64) -> u64 {
    ((rows * SIDE * SIDE * 3).next_multiple_of(64) + 8 * rows).next_multiple_of(4096)
}

/// 2 threads, room for much.
pub fn config() -> PipelineConfig {
    PipelineConfig {
        threads: 2,
        prefetch_bytes: 1 << 30,
        shared_bytes: 1 << 30,
        replay: ReplayConfig { bytes: 1 << 30, shortage: ReplayShortage::Refuse },
        max_streams: 64,
        max_pending_batches: 1024,
        max_batch_rows: 1024,
        max_batch_bytes: 1 << 30,
        simd: SimdLevel::detect(),
        pin_threads: false,
        fetch: FetchConfig { bytes: 64 << 20, parallel: 8, time_limit: Duration::from_mins(1) },
    }
}

/// A pipeline, a dataset, and a job over it. Sample `i` is row `i % rows` of step `i / rows`.
pub struct Bench {
    pub pipeline: Pipeline,
    pub dataset: Arc<Dataset>,
    pub job: Arc<Job>,
    folder: TempDir,
}

impl Bench {
    /// Steps of `rows` rows over 12 photographs.
    pub fn photos(config: PipelineConfig, rows: u64) -> Self {
        Self::with(config, rows, &[""; 12])
    }

    /// Steps of `rows` rows over one sample for each name; the empty name is a photograph, the others are samples
    /// of that name (see [`name`]) that no decoder takes. Such a row is zeros with the label -1.
    pub fn with(config: PipelineConfig, rows: u64, names: &[&str]) -> Self {
        gate::install();
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        let photos = photos();
        for (i, sample) in names.iter().enumerate() {
            let to = folder.path().join(name(i, sample));
            if sample.is_empty() {
                fs::copy(&photos[i % photos.len()], to).unwrap();
            } else {
                fs::write(to, b"no image").unwrap();
            }
        }
        let dataset = Dataset::open(&OpenOptions::new(folder.path()), &NoProgress).unwrap();
        let dataset = storage::AtHand::before(dataset);
        let job = job(&spec(rows), &dataset);
        Self { pipeline: Pipeline::start(config).unwrap(), dataset: Arc::new(dataset), job, folder }
    }

    pub fn open(&self) -> Stream {
        self.open_over(&self.dataset)
    }

    /// A stream of the same job over the same samples from elsewhere.
    pub fn open_over(&self, dataset: &Arc<Dataset>) -> Stream {
        self.pipeline.open(Arc::clone(dataset), Arc::clone(&self.job)).unwrap()
    }

    /// The dataset opened once more.
    pub fn reopened(&self) -> Dataset {
        Dataset::open(&OpenOptions::new(self.folder.path()), &NoProgress).unwrap()
    }

    /// A stream of high priority.
    pub fn open_high(&self) -> Stream {
        let (dataset, job) = (Arc::clone(&self.dataset), Arc::clone(&self.job));
        let options = StreamOptions { priority: Priority::High, ..StreamOptions::default() };
        self.pipeline.open_with(dataset, job, options).unwrap()
    }

    pub fn batches(&self) -> u64 {
        load(&self.pipeline.stats().batches)
    }

    pub fn bytes_in_use(&self) -> u64 {
        load(&self.pipeline.stats().batch_bytes_in_use)
    }

    pub fn streams(&self) -> u64 {
        load(&self.pipeline.stats().streams)
    }

    /// Waits until all memory is back and all places are free.
    pub fn wait_for_nothing(&self) {
        wait_until("memory and places are back", || (self.bytes_in_use(), self.streams()) == (0, 0));
    }
}

/// Name of sample `i`.
pub fn name(i: usize, sample: &str) -> String {
    format!("a/{i:03}{sample}.jpg")
}

fn photos() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/photos");
    let files = |folder: PathBuf| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut photos: Vec<PathBuf> = files(folder).flat_map(files).collect();
    photos.sort();
    photos
}

/// What [`Bench`] makes a job of.
pub fn spec(rows: u64) -> JobSpec {
    let curriculum = format!(
        "name = 'test'\nbase = {SIDE}\n[[stage]]\nepochs = 1000\nbandwidth = {SIDE}\nmagnitude = 0\n"
    );
    JobSpec {
        curriculum: Curriculum::from_toml("test", &curriculum).unwrap(),
        epochs: 1000.0,
        global_batch: rows,
        recipe: Some(bandwise_job::RecipeChoice::Named("plain".to_owned())),
        low_frequency: None,
        seed: 5,
        order: Some(OrderKind::Sequential),
        tail: None,
        on_bad_sample: BadSample::Zero,
        on_unreadable: Unreadable::Fail,
        limits: DecodeLimits::default(),
        output: OutputFormat { dtype: Dtype::U8, layout: Layout::Nhwc },
        fidelity: Fidelity::Exact,
        replay: ReplaySpec::default(),
    }
}

pub fn job(spec: &JobSpec, dataset: &Dataset) -> Arc<Job> {
    Arc::new(spec.resolve(*dataset.digest().as_bytes(), dataset.len()).unwrap())
}

pub fn load(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// Waits for something that must happen, however slow the machine; the watchdog ends a wait in vain.
pub fn wait_until(what: &str, ready: impl Fn() -> bool) {
    let _watchdog = watchdog(what);
    while !ready() {
        thread::sleep(Duration::from_millis(1));
    }
}

/// Gives what must not happen the time to happen. A slow machine can only make the test miss it.
pub fn settle() {
    thread::sleep(Duration::from_millis(50));
}

/// Ends the process with `what` if the guard lives for two minutes: a hang is a failure.
#[must_use]
pub fn watchdog(what: &str) -> mpsc::Sender<()> {
    let (guard, ended) = mpsc::channel();
    let what = what.to_owned();
    thread::spawn(move || {
        if ended.recv_timeout(Duration::from_mins(2)) == Err(mpsc::RecvTimeoutError::Timeout) {
            eprintln!("hangs: {what}");
            process::abort();
        }
    });
    guard
}

/// Waits for a future.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let _watchdog = watchdog("a future");
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// The answer, if it is there.
pub fn poll_now(ticket: &mut Ticket) -> Option<Result<Batch, BatchError>> {
    match std::pin::Pin::new(ticket).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => Some(outcome),
        Poll::Pending => None,
    }
}
