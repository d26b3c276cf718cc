//! Starts and stops the threads.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
};

use bandwise_dataset::Dataset;
use bandwise_job::Job;
use bandwise_kernels::SimdLevel;
use crossbeam::channel::{self, Receiver, Sender};

use crate::{
    dispatch::{Command, Dispatcher, StreamId, Task},
    error::PipelineError,
    stats::Stats,
    stream::{Stream, StreamLimits},
    worker::Worker,
};

/// What a pipeline may use.
#[derive(Clone, Copy, Debug)]
pub struct PipelineConfig {
    /// Worker threads, at least 1.
    pub threads: usize,
    /// Bytes of batch memory, shared fairly between the streams; each stream may have one batch beyond it.
    pub prefetch_bytes: u64,
    /// Streams that may be open at a time.
    pub max_streams: usize,
    /// Batches that one stream may wait for.
    pub max_pending_batches: u32,
    /// Rows of the largest batch.
    pub max_batch_rows: u64,
    /// Bytes of the largest batch.
    pub max_batch_bytes: u64,
    /// SIMD level of the kernels; it never changes bytes.
    pub simd: SimdLevel,
}

/// The worker threads and the dispatcher. Dropping it stops them; what is in flight then fails as stopped.
#[derive(Debug)]
pub struct Pipeline {
    config: PipelineConfig,
    commands: Sender<Command>,
    next_stream: AtomicU64,
    stats: Arc<Stats>,
    threads: Vec<JoinHandle<()>>,
}

impl Pipeline {
    /// Starts the threads `bw-dispatch` and `bw-worker-N`.
    ///
    /// # Errors
    ///
    /// If a thread or a decoder cannot be started.
    pub fn start(config: PipelineConfig) -> Result<Self, PipelineError> {
        let stats = Arc::new(Stats::default());
        let commands = channel::unbounded();
        // Short, so that a new stream's rows wait behind few others.
        let (task_tx, task_rx) = channel::bounded(config.threads);
        let mut pipeline = Self {
            config,
            commands: commands.0.clone(),
            next_stream: AtomicU64::new(1),
            stats: Arc::clone(&stats),
            threads: Vec::with_capacity(config.threads + 1),
        };
        for index in 0..config.threads {
            pipeline.start_worker(index, task_rx.clone())?;
        }
        let dispatcher = Dispatcher::new(
            commands,
            task_tx,
            usize::try_from(config.prefetch_bytes).unwrap_or(usize::MAX),
            config.max_pending_batches as usize,
            stats,
        );
        pipeline.spawn("bw-dispatch".to_owned(), move || dispatcher.run())?;
        Ok(pipeline)
    }

    fn start_worker(&mut self, index: usize, tasks: Receiver<Task>) -> Result<(), PipelineError> {
        let worker = Worker::new(self.config.simd, Arc::clone(&self.stats))?;
        self.spawn(format!("bw-worker-{index}"), move || worker.run(&tasks))
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
    /// If too many streams are open.
    pub fn open(&self, dataset: Arc<Dataset>, job: Arc<Job>) -> Result<Stream, PipelineError> {
        let max = self.config.max_streams;
        let below = |now: u64| (now < max as u64).then_some(now + 1);
        self.stats
            .streams
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, below)
            .map_err(|_| PipelineError::TooManyStreams { max })?;
        let id = StreamId(self.next_stream.fetch_add(1, Ordering::Relaxed));
        let limits = StreamLimits {
            batch_rows: self.config.max_batch_rows,
            batch_bytes: self.config.max_batch_bytes,
            pending: self.config.max_pending_batches,
        };
        // Made before the command is sent: its drop gives the place back if the pipeline has stopped.
        let stream = Stream::new(id, (dataset, job), limits, self.commands.clone(), Arc::clone(&self.stats));
        self.commands.send(Command::Open(id)).map_err(|_| PipelineError::Stopped)?;
        Ok(stream)
    }

    /// What was counted since the start.
    pub fn stats(&self) -> &Arc<Stats> {
        &self.stats
    }

    /// What the pipeline may use.
    pub fn config(&self) -> &PipelineConfig {
        &self.config
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        // Already gone if the dispatcher panicked; the workers end with it either way.
        let _ = self.commands.send(Command::Stop);
        for thread in self.threads.drain(..) {
            // A panicked thread has been reported by the panic hook.
            let _ = thread.join();
        }
    }
}
