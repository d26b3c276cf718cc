//! A stream: the wants of one trainer for one job, and the tickets for what it waits for.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bandwise_curriculum::Moment;
use bandwise_dataset::Dataset;
use bandwise_job::Job;
use crossbeam::channel::Sender;
use tokio::sync::oneshot;

use crate::{
    batch::{Batch, BatchRequest, Outcome},
    dispatch::Command,
    error::{BatchError, WantError},
    layout::BatchLayout,
    replay::Hold,
    shared_budget::PoolEnd,
    stream_id::StreamId,
    wants::{Pending, Wanted, Wants},
};

/// The most that a stream may ask for, fixed by the pipeline.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamLimits {
    pub(crate) batch_rows: u64,
    pub(crate) batch_bytes: u64,
    /// Bytes of a slot, if batches are made in slots.
    pub(crate) slot_bytes: Option<u64>,
}

/// The replay of a stream.
#[derive(Debug)]
pub(crate) struct StreamReplay {
    /// On the rows that are kept; `None` where nothing is replayed from them.
    pub(crate) hold: Option<Hold>,
    /// Whether batches hold the fresh rows alone.
    pub(crate) fresh_only: bool,
}

/// The wants of one trainer for one job. Dropping it stops all work for it; tickets that are left then resolve to
/// their batch, if all of its rows were given out already, or to [`BatchError::Stopped`].
#[derive(Debug)]
pub struct Stream {
    pub(crate) id: StreamId,
    pub(crate) dataset: Arc<Dataset>,
    pub(crate) job: Arc<Job>,
    pub(crate) limits: StreamLimits,
    pub(crate) replay: StreamReplay,
    pub(crate) wants: Arc<Wants>,
    pub(crate) commands: Sender<Command>,
    pub(crate) pool_end: Option<Arc<PoolEnd>>,
}

impl Stream {
    /// The job.
    pub fn job(&self) -> &Arc<Job> {
        &self.job
    }

    /// The dataset.
    pub fn dataset(&self) -> &Arc<Dataset> {
        &self.dataset
    }

    /// Asks for the rows [`first_row`, `first_row + rows`) of a step. Work on it begins when it is its turn and
    /// memory allows; dropping the ticket takes the want back.
    ///
    /// # Errors
    ///
    /// If the step or the rows are out of range, the batch is too large, or too much is pending.
    pub fn want(&self, step: u64, first_row: u64, rows: u64) -> Result<Ticket, WantError> {
        let request = self.request(step, first_row, rows)?;
        let pending = Pending::take(&self.wants)?;
        let (done, receiver) = oneshot::channel();
        if let Some(hold) = &self.replay.hold {
            hold.advance(step);
        }
        self.wants.push(Wanted { request, done })?;
        Ok(Ticket { step, first_row, receiver, _pending: pending })
    }

    fn request(&self, step: u64, first_row: u64, rows: u64) -> Result<BatchRequest, WantError> {
        let moment = self
            .job
            .plan()
            .locate(step)
            .map_err(|_| WantError::StepOutOfRange { step, steps: self.job.plan().steps() })?;
        self.check_rows(&moment, first_row, rows)?;
        let (replay, fresh_only) = (self.job.replay(moment.stage), self.replay.fresh_only);
        let delivered = replay.filter(|_| fresh_only).map_or(rows, |replay| rows / replay.times());
        let layout = self.layout(moment.bandwidth, rows, delivered)?;
        let (dataset, job) = (Arc::clone(&self.dataset), Arc::clone(&self.job));
        let lookup = self.replay.hold.as_ref().filter(|_| replay.is_some()).map(Hold::lookup);
        Ok(BatchRequest { dataset, job, moment, first_row, rows, fresh_only, lookup, layout })
    }

    /// Whether the rows are some of the step's, and none is torn from those that it belongs to.
    fn check_rows(&self, moment: &Moment, first_row: u64, rows: u64) -> Result<(), WantError> {
        let Moment { step, stage, rows: step_rows, .. } = *moment;
        if rows == 0 {
            return Err(WantError::NoRows);
        }
        if first_row.checked_add(rows).is_none_or(|end| end > step_rows) {
            return Err(WantError::RowsOutOfRange { step, first_row, rows, step_rows });
        }
        let group = self.job.row_granularity(stage);
        if !first_row.is_multiple_of(group) || !rows.is_multiple_of(group) {
            return Err(WantError::CutsGroup { first_row, rows, group });
        }
        if self.replay.fresh_only && self.job.recipe().mix().is_some() {
            return Err(WantError::FreshRowsMixed);
        }
        Ok(())
    }

    /// The layout of a batch that holds `delivered` of the `rows` requested rows, unless it is too large.
    fn layout(&self, bandwidth: u32, rows: u64, delivered: u64) -> Result<BatchLayout, WantError> {
        let (output, mixed) = (self.job.output(), self.job.recipe().mix().is_some());
        let bytes = BatchLayout::room_bytes(delivered, bandwidth, output);
        let StreamLimits { batch_rows, batch_bytes, slot_bytes } = self.limits;
        let layout = BatchLayout::new(delivered, bandwidth, output, mixed);
        let Some(layout) = layout.filter(|_| rows <= batch_rows && bytes <= batch_bytes) else {
            return Err(WantError::BatchTooLarge {
                rows,
                bytes,
                max_rows: batch_rows,
                max_bytes: batch_bytes,
            });
        };
        if let Some(slot_bytes) = slot_bytes
            && layout.byte_len() as u64 > slot_bytes
        {
            return Err(WantError::LargerThanSlot { bytes: layout.byte_len() as u64, slot_bytes });
        }
        Ok(layout)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(end) = &self.pool_end {
            end.close();
        }
        // The dispatcher ends only when the pipeline has stopped.
        let _ = self.commands.send(Command::Close(self.id));
    }
}

/// The claim to a batch. Dropping it takes the want back.
#[derive(Debug)]
#[must_use = "a dropped ticket takes its want back"]
pub struct Ticket {
    step: u64,
    first_row: u64,
    receiver: oneshot::Receiver<Outcome>,
    /// After the receiver, whose drop takes the want back: the place of a want is free when its ticket is dropped.
    _pending: Pending,
}

impl Ticket {
    /// The step of the batch.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// The first row of the batch.
    pub fn first_row(&self) -> u64 {
        self.first_row
    }
}

/// Waits for the batch; an error means that it cannot be made, while the stream continues.
impl Future for Ticket {
    type Output = Result<Batch, BatchError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = ready!(Pin::new(&mut self.receiver).poll(context));
        Poll::Ready(outcome.unwrap_or(Err(BatchError::Stopped)))
    }
}
