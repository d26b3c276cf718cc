//! Replay: which rows of a step are fresh, and which rows of earlier steps the others repeat. No other code decides it.
//!
//! In a stage with replay times `r` the rows of a step lie in blocks of `r` chunks of `replay_chunk` rows:
//!
//! ```text
//! step  | fresh | replayed | ... | fresh | replayed | ... |     G rows in blocks of r chunks
//!       |<-------- block ------->|<-------- block ------->|
//! lane  |<----------------------- L equal runs of blocks ... >|
//! ```
//!
//! So every range of whole blocks, and with it every legal share of a rank, has one fresh row in `r`. The reference
//! puts the fresh rows of a step before the replayed ones; ranks of other sizes would then have other shares of fresh
//! rows. Order within a step means nothing to a trainer.
//!
//! The blocks are cut into `replay_lanes` equal runs. A lane has a buffer of its own: the fresh chunks of the last
//! min(step of the stage + 1, `replay_buffer`) steps, those of the current step included, empty at the start of a
//! stage. Each replayed chunk is drawn uniformly from the buffer of its lane, with replacement, under the key (seed,
//! step, block, position in the block). This is the reference's buffer (`EfficientTrain++`): first in, first out, the
//! newest included.
//!
//! One lane is one buffer for all ranks; eight lanes are the reference's eight processes. A chunk is used as often
//! either way (the same draws over the same ages), but with one lane its neighbours in a batch come from any rank's
//! rows, which mixes partners better, and any daemon can serve any rank. With as many lanes as there are batches in a
//! step a trainer can keep its buffer itself. The lanes are part of the job, so such a run cannot be resumed with
//! another world size.
//!
//! This module knows no samples or pixels and remembers nothing: a row's origin is a pure function of (job, step, row).
//! A replayed row equals the fresh row of its origin to the last bit: sample, epoch, draws, label, substitution. Only
//! mixing, which comes after, differs. In stages with `B` below the base the reference keeps f16, so floats are rounded
//! through f16 there, the fresh ones too. `tests/replay.rs` plays the reference's lists out literally, compares row by
//! row, and holds the published statistics; golden values come from a second implementation in Python.

use bandwise_curriculum::StagePlan;
use bandwise_recipe::{DrawKey, Draws};

use crate::error::JobError;

/// The parameters of replay, in every stage that replays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReplaySpec {
    /// Rows that are drawn and stay together, at least 1.
    pub chunk: u32,
    /// Buffers into which the rows of a step are cut, at least 1. One is shared by all ranks; with as many as there
    /// are ranks each rank replays only what it received itself.
    pub lanes: u32,
}

impl Default for ReplaySpec {
    /// Chunks of 4 rows, one buffer.
    fn default() -> Self {
        Self { chunk: 4, lanes: 1 }
    }
}

/// The step and the row at which a row was fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    /// The step.
    pub step: u64,
    /// Position among the fresh rows of that step.
    pub fresh_row: u64,
}

/// The replay of one stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replay {
    seed: u64,
    first_step: u64,
    times: u64,
    chunk: u64,
    /// Blocks of a lane, and so its fresh chunks in a step.
    lane_blocks: u64,
    buffer: u64,
}

impl Replay {
    /// The replay of `stage`, or `None` where every row is fresh.
    ///
    /// # Errors
    ///
    /// If the fresh rows of a step cannot be cut into whole chunks for all lanes.
    pub fn new(spec: ReplaySpec, seed: u64, stage: &StagePlan) -> Result<Option<Self>, JobError> {
        let ReplaySpec { chunk, lanes } = spec;
        if stage.replay_times <= 1 || stage.steps == 0 {
            return Ok(None);
        }
        let (rows, times) = (stage.fresh_rows(), u64::from(stage.replay_times));
        let unit = u64::from(chunk) * u64::from(lanes);
        if unit == 0 || !rows.is_multiple_of(unit) {
            return Err(JobError::ReplayChunk { stage: stage.index, chunk, lanes, times, rows });
        }
        Ok(Some(Self {
            seed,
            first_step: stage.first_step,
            times,
            chunk: u64::from(chunk),
            lane_blocks: rows / unit,
            buffer: u64::from(stage.replay_buffer.max(1)),
        }))
    }

    /// Rows of a block; batches hold whole blocks.
    pub fn block_rows(&self) -> u64 {
        self.times * self.chunk
    }

    /// The number of times that a fresh row is trained on, on average.
    pub fn times(&self) -> u64 {
        self.times
    }

    /// Whether a row of a step is made for that step.
    pub fn is_fresh(&self, row: u64) -> bool {
        row % self.block_rows() < self.chunk
    }

    /// The row of its own step at which a fresh row stands.
    pub fn row_of(&self, fresh_row: u64) -> u64 {
        fresh_row / self.chunk * self.block_rows() + fresh_row % self.chunk
    }

    /// The first step whose fresh rows a step may show.
    pub fn oldest(&self, step: u64) -> u64 {
        step + 1 - self.stored(step)
    }

    /// The origin of a row of a step. One draw; some 100 ns for a replayed row.
    ///
    /// `step` lies in the stage and `row` in the step; numbers beyond give origins that mean nothing.
    pub fn origin(&self, step: u64, row: u64) -> Origin {
        let (block, in_block) = (row / self.block_rows(), row % self.block_rows());
        let (chunk, in_chunk) = (in_block / self.chunk, in_block % self.chunk);
        if chunk == 0 {
            return Origin { step, fresh_row: block * self.chunk + in_chunk };
        }
        let key = DrawKey::Chunk { seed: self.seed, step, block, chunk: chunk as u32 - 1 };
        let last = self.stored(step) * self.lane_blocks - 1;
        // The buffer is a list with the oldest chunk first.
        let drawn = Draws::new(key).integer(last);
        let lane = block / self.lane_blocks;
        let from = lane * self.lane_blocks + drawn % self.lane_blocks;
        Origin { step: self.oldest(step) + drawn / self.lane_blocks, fresh_row: from * self.chunk + in_chunk }
    }

    /// Steps whose fresh rows are in the buffer of a step.
    fn stored(&self, step: u64) -> u64 {
        (step.saturating_sub(self.first_step) + 1).min(self.buffer)
    }
}
