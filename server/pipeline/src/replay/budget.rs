//! The memory budget of all replay memos together, and the reservation of each job.
//!
//! A job's share is reserved whole when its first stream opens, or the job is refused, and it is given back with its
//! last stream. A buffer that does not fit would cost `r` times the work, unnoticed until some thousand steps later;
//! `replay_shortage = "recompute"` accepts that. The reservation covers what the largest stage needs: its buffer's
//! steps, or all of its steps where these are fewer, plus 16 steps that may be in the making, with all their fresh
//! rows. A daemon that serves only some ranks, or some steps, uses a part of that and reserves the same, because it
//! cannot know which rows will be wanted when a stream opens.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

use bandwise_choice::choices;
use bandwise_job::{Fingerprint, Job};
use parking_lot::Mutex;

use crate::{
    error::PipelineError,
    replay::{
        memo::{IN_FLIGHT_STEPS, ReplayMemo},
        reserved::ReplayBudget,
        shelf::Shape,
    },
    stats::Stats,
};

/// The memory for replay.
#[derive(Clone, Copy, Debug)]
pub struct ReplayConfig {
    /// Bytes of all rows that are kept for later steps.
    pub bytes: u64,
    /// Treatment of a job whose buffer does not fit.
    pub shortage: ReplayShortage,
}

choices! {
    /// Policy for a job whose replay buffer does not fit into memory.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum ReplayShortage: "replay_shortage" = Refuse {
        /// It is refused.
        Refuse = "refuse",
        /// The rows that fit are kept, the others made again whenever they are replayed.
        Recompute = "recompute",
    }
}

/// The memos of all jobs that have streams.
#[derive(Debug)]
pub(crate) struct ReplayMemos {
    shortage: ReplayShortage,
    budget: Arc<ReplayBudget>,
    memos: Mutex<HashMap<Fingerprint, Weak<ReplayMemo>>>,
}

/// The memory that a job wants.
#[derive(Clone, Copy, Debug)]
struct Need {
    stage: usize,
    shape: Shape,
    /// Steps in the buffer.
    steps: u64,
    bytes: u64,
}

impl ReplayMemos {
    pub(crate) fn new(config: ReplayConfig, stats: Arc<Stats>) -> Self {
        let ReplayConfig { bytes, shortage } = config;
        Self { shortage, budget: ReplayBudget::new(bytes, stats), memos: Mutex::default() }
    }

    /// The memo of a job for one more of its streams; `None` if no stage of it replays.
    pub(crate) fn open(&self, job: &Arc<Job>) -> Result<Option<Arc<ReplayMemo>>, PipelineError> {
        let Some(need) = largest_need(job) else { return Ok(None) };
        let mut memos = self.memos.lock();
        if let Some(memo) = memos.get(&job.fingerprint()).and_then(Weak::upgrade) {
            return Ok(Some(memo));
        }
        memos.retain(|_, memo| memo.strong_count() > 0);
        let free_bytes = self.budget.free();
        if need.bytes > free_bytes {
            self.short_of(need, free_bytes)?;
        }
        let reserved = self.budget.take(wish(job).min(free_bytes));
        tracing::info!(
            job = %job.fingerprint(),
            bytes = reserved.bytes(),
            buffer_bytes = need.bytes,
            free_bytes,
            "memory for replay is reserved"
        );
        let memo = Arc::new(ReplayMemo::new(Arc::clone(job), reserved));
        memos.insert(job.fingerprint(), Arc::downgrade(&memo));
        Ok(Some(memo))
    }

    /// The memo of a job that has streams.
    pub(crate) fn existing(&self, job: &Job) -> Option<Arc<ReplayMemo>> {
        self.memos.lock().get(&job.fingerprint())?.upgrade()
    }

    fn short_of(&self, need: Need, free_bytes: u64) -> Result<(), PipelineError> {
        let error = PipelineError::ReplayMemory {
            stage: need.stage,
            steps: need.steps,
            rows: need.shape.rows(),
            row_bytes: need.shape.row_bytes(),
            bytes: need.bytes,
            free_bytes,
            total_bytes: self.budget.total(),
            fitting_steps: free_bytes / need.shape.shelf_bytes(),
        };
        match self.shortage {
            ReplayShortage::Refuse => Err(error),
            ReplayShortage::Recompute => {
                tracing::warn!(%error, "replayed rows that do not fit are made again (replay_shortage)");
                Ok(())
            }
        }
    }
}

/// The needs of the stage with the largest buffer.
fn largest_need(job: &Job) -> Option<Need> {
    needs(job, 0).max_by_key(|need| need.bytes)
}

/// The same with the rows of steps in the making, without which some rows of the buffer would go too early.
fn wish(job: &Job) -> u64 {
    needs(job, IN_FLIGHT_STEPS).map(|need| need.bytes).max().unwrap_or_default()
}

fn needs(job: &Job, in_flight: u64) -> impl Iterator<Item = Need> {
    let replays = |index: &usize| job.replay(*index).is_some();
    (0..job.plan().stages().len()).filter(replays).map(move |index| {
        let stage = &job.plan().stages()[index];
        let steps = (u64::from(stage.replay_buffer) + in_flight).min(stage.steps);
        let shape = Shape::of(job, index);
        Need { stage: index, shape, steps, bytes: steps.saturating_mul(shape.shelf_bytes()) }
    })
}
