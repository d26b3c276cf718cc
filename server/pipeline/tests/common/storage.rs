//! Storage that is slow, fails, or hangs, in front of a dataset's own.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bandwise_dataset::{Dataset, Encoded, Fetch, Need, ReadError, Source};
use parking_lot::{Condvar, Mutex};

/// Behaviour of a fetch of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// Answers in a thread.
    Answer,
    /// Answers in a task.
    AnswerAsync,
    /// Fails so many times in all, then answers.
    Fail(usize),
    Panic,
    /// Waits until it is let go, in a thread.
    Hang,
    /// Waits without an end, in a task.
    HangAsync,
}

/// Samples of another source, none of which is ever at hand.
#[derive(Debug)]
pub struct Storage {
    behind: Arc<dyn Source>,
    does: Box<dyn DoesDebug>,
    pub fetches: AtomicUsize,
    under_way: AtomicUsize,
    pub most_under_way: AtomicUsize,
    hangs: Mutex<bool>,
    let_go: Condvar,
}

pub trait DoesDebug: Fn(u64) -> Does + Send + Sync {}
impl<F: Fn(u64) -> Does + Send + Sync> DoesDebug for F {}
impl std::fmt::Debug for dyn DoesDebug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("does")
    }
}

impl Storage {
    /// The storage, and the dataset that reads from it. A fetch of a sample does what `does` says.
    pub fn before(
        dataset: Dataset,
        does: impl Fn(u64) -> Does + Send + Sync + 'static,
    ) -> (Arc<Self>, Arc<Dataset>) {
        let storage = Arc::new(Self {
            behind: Arc::clone(dataset.source()),
            does: Box::new(does),
            fetches: AtomicUsize::new(0),
            under_way: AtomicUsize::new(0),
            most_under_way: AtomicUsize::new(0),
            hangs: Mutex::new(true),
            let_go: Condvar::new(),
        });
        let handle = Handle(Arc::clone(&storage));
        (storage, Arc::new(dataset.with_source(Arc::new(handle))))
    }

    /// Ends what hangs, now and later.
    pub fn let_go(&self) {
        *self.hangs.lock() = false;
        self.let_go.notify_all();
    }

    pub fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    fn hang(&self) {
        self.let_go.wait_while(&mut self.hangs.lock(), |hangs| *hangs);
    }
}

/// Samples of another source that are all at hand, whatever the file system and the kernel can do without a wait.
#[derive(Debug)]
pub struct AtHand(pub Arc<dyn Source>);

impl AtHand {
    pub fn before(dataset: Dataset) -> Dataset {
        let source = Arc::new(Self(Arc::clone(dataset.source())));
        dataset.with_source(source)
    }
}

impl Source for AtHand {
    fn fetch_now(&self, sample: u64, need: Need, encoded: &mut Encoded) -> bool {
        self.0.fetch(sample, need).wait().map(|read| *encoded = read).is_ok()
    }

    fn fetch(&self, sample: u64, need: Need) -> Fetch {
        self.0.fetch(sample, need)
    }

    fn location(&self, sample: u64) -> PathBuf {
        self.0.location(sample)
    }
}

#[derive(Debug)]
struct Handle(Arc<Storage>);

/// One more under way, until it is dropped.
struct UnderWay(Arc<Storage>);

impl UnderWay {
    fn new(storage: &Arc<Storage>) -> Self {
        let now = storage.under_way.fetch_add(1, Ordering::Relaxed) + 1;
        storage.most_under_way.fetch_max(now, Ordering::Relaxed);
        Self(Arc::clone(storage))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Source for Handle {
    fn fetch_now(&self, _sample: u64, _need: Need, _encoded: &mut Encoded) -> bool {
        false
    }

    fn fetch(&self, sample: u64, need: Need) -> Fetch {
        let storage = Arc::clone(&self.0);
        let fetches = storage.fetches.fetch_add(1, Ordering::Relaxed);
        let under_way = UnderWay::new(&storage);
        let does = (storage.does)(sample);
        let answer = storage.behind.fetch(sample, need);
        match does {
            Does::AnswerAsync | Does::HangAsync => Fetch::Async(Box::pin(async move {
                let _under_way = under_way;
                if does == Does::HangAsync {
                    std::future::pending::<()>().await;
                }
                tokio::task::yield_now().await;
                answer.wait()
            })),
            _ => Fetch::Blocking(Box::new(move || {
                let _under_way = under_way;
                match does {
                    Does::Fail(times) if fetches < times => {
                        Err(ReadError::Io { path: PathBuf::new(), reason: io::Error::other("a hiccup") })
                    }
                    Does::Panic => panic!("a defect of a source"),
                    Does::Hang => {
                        storage.hang();
                        answer.wait()
                    }
                    _ => answer.wait(),
                }
            })),
        }
    }

    fn location(&self, sample: u64) -> PathBuf {
        self.0.behind.location(sample)
    }
}
