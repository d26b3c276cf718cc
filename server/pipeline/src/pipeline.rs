//! Starts and stops the threads.

use std::{
    os::fd::OwnedFd,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
};

use bandwise_dataset::Dataset;
use bandwise_job::Job;
use bandwise_kernels::{ResizeWeights, SimdLevel};
use crossbeam::channel::{self, Receiver, Sender};

use crate::{
    block::Block,
    cores,
    dispatch::{Channels, Command, Dispatcher, Priority, Task},
    error::PipelineError,
    fetch::{FetchConfig, FetchStage},
    replay::{Hold, ReplayConfig, ReplayMemos},
    reserve::Owner,
    shared_budget::{SharedBudget, SharedMemoryError, SlotSizes},
    shared_pool::SharedPool,
    stats::Stats,
    stream::{Stream, StreamLimits, StreamReplay},
    stream_id::StreamId,
    stream_quota::StreamQuota,
    wants::Wants,
    worker::Worker,
};

/// The resources of a pipeline.
#[derive(Clone, Copy, Debug)]
pub struct PipelineConfig {
    /// Worker threads; 0 is taken as 1.
    pub threads: usize,
    /// Bytes of batch memory, shared fairly between the streams; each owner of streams may have as much as the largest
    /// batch beyond it.
    pub prefetch_bytes: u64,
    /// Bytes of all pools that streams share with their trainers, and of slots that trainers keep beyond them; 0 for
    /// none.
    pub shared_bytes: u64,
    /// Rows that are kept because later steps replay them.
    pub replay: ReplayConfig,
    /// Streams that may be open at a time; one whose batches are still held counts, also when it is closed.
    pub max_streams: usize,
    /// Batches that one stream may wait for.
    pub max_pending_batches: u32,
    /// Rows of the largest batch.
    pub max_batch_rows: u64,
    /// Bytes of the largest batch.
    pub max_batch_bytes: u64,
    /// SIMD level of the kernels; it never changes bytes.
    pub simd: SimdLevel,
    /// Whether each worker stays on one core.
    pub pin_threads: bool,
    /// Limits for fetching samples that are not in memory.
    pub fetch: FetchConfig,
}

/// The options of a stream.
#[derive(Debug, Default)]
pub struct StreamOptions {
    /// The memory for its batches, if the trainer shares memory. A batch is begun when a slot is free, and its slot is
    /// free again when the last of its bytes is dropped.
    pub pool: Option<SharedPool>,
    /// Whether its batches hold the fresh rows alone, for a trainer that keeps the replayed ones itself. Rows are
    /// counted as usual.
    pub fresh_only: bool,
    /// Its owner.
    pub owner: Owner,
    /// Its priority if several streams wait for workers.
    pub priority: Priority,
    /// Whether it is for a single batch. Such a stream reads what others keep for replay, and keeps nothing.
    pub single_batch: bool,
}

/// The worker threads and the dispatcher. Dropping it stops them; what is in flight then fails as stopped.
#[derive(Debug)]
pub struct Pipeline {
    config: PipelineConfig,
    commands: Sender<Command>,
    wake: Sender<()>,
    next_stream: AtomicU64,
    stats: Arc<Stats>,
    quota: Arc<StreamQuota>,
    fetch: FetchStage,
    replay: ReplayMemos,
    shared: Arc<SharedBudget>,
    threads: Vec<JoinHandle<()>>,
}

impl Pipeline {
    /// Starts the threads `bw-dispatch`, `bw-fetch` and `bw-worker-N`.
    ///
    /// # Errors
    ///
    /// If a thread or a decoder cannot be started.
    pub fn start(mut config: PipelineConfig) -> Result<Self, PipelineError> {
        config.threads = config.threads.max(1);
        let (commands_tx, commands) = channel::unbounded();
        let (wake, wakes) = channel::bounded(1);
        // Short, so that a new stream's rows wait behind few others.
        let (tasks, tasks_rx) = channel::bounded(config.threads);
        let stats: Arc<Stats> = Arc::default();
        let replay = ReplayMemos::new(config.replay, Arc::clone(&stats));
        let (fetch, fetch_thread) = FetchStage::start(config.fetch, Arc::clone(&stats))?;
        // A slot also has the gaps between tensors and the end of a page.
        let max_slot_bytes = config.max_batch_bytes.saturating_add(bandwise_shm::PAGE as u64);
        let shared = Arc::new(SharedBudget::new(config.shared_bytes, max_slot_bytes, Arc::clone(&stats)));
        let mut pipeline = Self {
            config,
            commands: commands_tx,
            wake,
            next_stream: AtomicU64::new(1),
            quota: Arc::new(StreamQuota::new(config.max_streams, Arc::clone(&stats))),
            stats,
            fetch,
            replay,
            shared,
            threads: Vec::with_capacity(config.threads + 2),
        };
        pipeline.threads.push(fetch_thread);
        let budget = usize::try_from(config.prefetch_bytes).unwrap_or(usize::MAX);
        let largest = usize::try_from(config.max_batch_bytes).unwrap_or(usize::MAX);
        let reserve = Block::rounded(largest);
        let (returns_tx, returns) = channel::unbounded();
        let channels = Channels { commands, returns, returns_tx, wakes, tasks };
        let dispatcher = Dispatcher::new(channels, budget, reserve);
        // First, because it is what ends the workers: if one of them cannot be started, the others must end.
        pipeline.spawn("bw-dispatch".to_owned(), move || dispatcher.run())?;
        let weights = ResizeWeights::default();
        for index in 0..config.threads {
            pipeline.start_worker(index, weights.clone(), tasks_rx.clone())?;
        }
        Ok(pipeline)
    }

    fn start_worker(
        &mut self,
        index: usize,
        weights: ResizeWeights,
        tasks: Receiver<Task>,
    ) -> Result<(), PipelineError> {
        let PipelineConfig { simd, pin_threads, .. } = self.config;
        let worker = Worker::new(simd, weights, Arc::clone(&self.stats), self.fetch.clone())?;
        self.spawn(format!("bw-worker-{index}"), move || {
            if pin_threads && let Err(error) = cores::pin(index) {
                tracing::warn!(index, %error, "cannot pin a worker to a core");
            }
            worker.run(&tasks);
        })
    }

    fn spawn(&mut self, name: String, body: impl FnOnce() + Send + 'static) -> Result<(), PipelineError> {
        let handle = thread::Builder::new()
            .name(name.clone())
            .spawn(body)
            .map_err(|source| PipelineError::Thread { name, source })?;
        self.threads.push(handle);
        Ok(())
    }

    /// Opens a stream of batches of `job` over `dataset`.
    ///
    /// # Errors
    ///
    /// If too many streams are open, the job's replay buffer does not fit, or the pipeline has stopped.
    pub fn open(&self, dataset: Arc<Dataset>, job: Arc<Job>) -> Result<Stream, PipelineError> {
        self.open_with(dataset, job, StreamOptions::default())
    }

    /// The same with options.
    ///
    /// # Errors
    ///
    /// As [`Pipeline::open`].
    pub fn open_with(
        &self,
        dataset: Arc<Dataset>,
        job: Arc<Job>,
        options: StreamOptions,
    ) -> Result<Stream, PipelineError> {
        let permit = self.quota.take(options.owner)?;
        let id = StreamId(self.next_stream.fetch_add(1, Ordering::Relaxed));
        let hold = self.hold(&dataset, &job, &options, id)?;
        let StreamOptions { pool, fresh_only, owner, priority, .. } = options;
        let limits = StreamLimits {
            batch_rows: self.config.max_batch_rows,
            batch_bytes: self.config.max_batch_bytes,
            slot_bytes: pool.as_ref().map(SharedPool::slot_bytes),
        };
        let (slots, pool_end) = pool.map(|pool| (pool.blocks, pool.end)).unzip();
        let (wants, intake) = Wants::new(self.config.max_pending_batches, self.wake.clone());
        self.commands
            .send(Command::Open { id, owner, wants: intake, slots, priority, permit })
            .map_err(|_| PipelineError::Stopped)?;
        let commands = self.commands.clone();
        let replay = StreamReplay { hold, fresh_only };
        Ok(Stream { id, dataset, job, limits, replay, wants, commands, pool_end })
    }

    /// The stream's hold on the rows that are kept for replay, if it has use for them.
    fn hold(
        &self,
        dataset: &Dataset,
        job: &Arc<Job>,
        options: &StreamOptions,
        id: StreamId,
    ) -> Result<Option<Hold>, PipelineError> {
        if options.fresh_only || dataset.source().is_instant() {
            return Ok(None);
        }
        if options.single_batch {
            return Ok(self.replay.existing(job).map(Hold::reading));
        }
        Ok(self.replay.open(job)?.map(|memo| Hold::adding(memo, id)))
    }

    /// Whether [`Pipeline::share`] would give more a moment later, since slots of closed streams are on their way back.
    pub fn sharing_is_worth_a_wait(&self, owner: Owner, slots: u32, slot_bytes: u64) -> bool {
        self.shared.is_worth_a_wait(owner, SlotSizes { count: slots, bytes: slot_bytes })
    }

    /// Makes the pool of a stream of `owner`: at most `slots` slots, fewer if the budget or the owner's share of it holds
    /// no more, each for batches of up to `slot_bytes` bytes. Also gives the descriptor for the trainer.
    ///
    /// # Errors
    ///
    /// If there is no room for two slots, no batch is so large, or the system refuses.
    pub fn share(
        &self,
        owner: Owner,
        slots: u32,
        slot_bytes: u64,
    ) -> Result<(SharedPool, OwnedFd), SharedMemoryError> {
        SharedPool::create(&self.shared, owner, SlotSizes { count: slots, bytes: slot_bytes })
    }

    /// The counters since the start.
    pub fn stats(&self) -> &Arc<Stats> {
        &self.stats
    }

    /// The resources of the pipeline.
    pub fn config(&self) -> &PipelineConfig {
        &self.config
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        // Already gone if the dispatcher panicked; the workers end with it either way.
        let _ = self.commands.send(Command::Stop);
        self.fetch.stop();
        for thread in self.threads.drain(..) {
            // A panicked thread has been reported by the panic hook.
            let _ = thread.join();
        }
    }
}
