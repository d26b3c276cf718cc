//! A batch: while it is made ([`BatchWork`]) and when it is ready ([`Batch`]).

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::SystemTime,
};

use bandwise_curriculum::{Moment, Order};
use bandwise_dataset::Dataset;
use bandwise_job::Job;
use bandwise_terms::Tensor;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::{
    block::{RowSlot, Sealed},
    error::BatchError,
    layout::BatchLayout,
    loan::{LentSlot, Loan, LoanedBytes},
    mixing::{GroupProgress, Mixing},
    replay::Lookup,
    stream_id::StreamId,
};

/// A row that does not hold the sample of the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Substitution {
    /// Row of the step.
    pub row: u64,
    /// The sample of the order.
    pub requested: u64,
    /// The sample that is delivered; equal to `requested` for a row of zeros.
    pub delivered: u64,
    /// A stable word for what is wrong with the requested one: the decoder's, or `unreadable_missing` and the like.
    pub reason: &'static str,
}

/// A replayed row, and where it was fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// Row of the step.
    pub row: u64,
    /// The step in which it was fresh.
    pub origin_step: u64,
    /// Row of that step.
    pub origin_row: u64,
}

/// The data of a batch except its memory.
#[derive(Clone, Debug)]
pub(crate) struct BatchRequest {
    pub(crate) dataset: Arc<Dataset>,
    pub(crate) job: Arc<Job>,
    pub(crate) moment: Moment,
    /// The rows of the step, of which the batch holds all or the fresh ones.
    pub(crate) first_row: u64,
    pub(crate) rows: u64,
    pub(crate) fresh_only: bool,
    /// Into the rows that are kept, if some are replayed from them.
    pub(crate) lookup: Option<Lookup>,
    pub(crate) layout: BatchLayout,
}

impl BatchRequest {
    /// The row of the step that is row `row` of the batch.
    pub(crate) fn step_row(&self, row: usize) -> u64 {
        match self.job.replay(self.moment.stage) {
            // The first row begins a block.
            Some(replay) if self.fresh_only => replay.row_of(self.first_row / replay.times() + row as u64),
            _ => self.first_row + row as u64,
        }
    }

    /// Whether a row of the step was made for it.
    pub(crate) fn is_fresh(&self, step_row: u64) -> bool {
        self.job.replay(self.moment.stage).is_none_or(|replay| replay.is_fresh(step_row))
    }

    /// The rows that a batch of fresh rows leaves out.
    fn left_out(&self) -> Vec<Replayed> {
        let Some(replay) = self.job.replay(self.moment.stage).filter(|_| self.fresh_only) else {
            return Vec::new();
        };
        let rows = self.first_row..self.first_row + self.rows;
        let replayed = |row| {
            let origin = replay.origin(self.moment.step, row);
            Replayed { row, origin_step: origin.step, origin_row: replay.row_of(origin.fresh_row) }
        };
        rows.filter(|&row| !replay.is_fresh(row)).map(replayed).collect()
    }
}

/// The outcome of a batch for its ticket.
pub(crate) type Outcome = Result<Batch, BatchError>;

/// A batch in the making, shared by the workers that write its rows.
#[derive(Debug)]
pub(crate) struct BatchWork {
    pub(crate) request: BatchRequest,
    pub(crate) stream: StreamId,
    pub(crate) order: Order,
    /// Rows that are neither written nor given up.
    remaining: AtomicUsize,
    /// Rows from here on need not be made: a row before them has failed, or (0) the batch is no longer needed.
    needed: AtomicUsize,
    /// The rows that wait for the others of their group, if the recipe mixes them.
    mixing: Option<Mixing>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The memory, and who is to be told when it is free again.
    loan: Option<Loan>,
    /// The waiting ticket.
    done: Option<oneshot::Sender<Outcome>>,
    sample_ids: Vec<u64>,
    /// Empty where every row is fresh.
    origin_steps: Vec<u64>,
    substitutions: Vec<Substitution>,
    /// The failure of the lowest row.
    failure: Option<(usize, BatchError)>,
}

/// The outcome of one row.
#[derive(Debug)]
pub(crate) struct RowOutcome {
    /// The step in which the row was fresh.
    pub(crate) origin_step: u64,
    pub(crate) delivered: u64,
    pub(crate) label: i64,
    pub(crate) substitution: Option<Substitution>,
}

impl BatchWork {
    pub(crate) fn new(
        request: BatchRequest,
        stream: StreamId,
        loan: Loan,
        done: oneshot::Sender<Outcome>,
    ) -> Self {
        let rows = request.layout.rows();
        let job = &request.job;
        let order = Order::new(job.order(), job.seed(), request.moment.epoch, job.dataset_samples());
        let replays = job.replay(request.moment.stage).is_some() && !request.fresh_only;
        let mixing = job.recipe().mix().map(|&mix| {
            Mixing::new(mix, job.seed(), request.moment.step, request.first_row, &request.layout)
        });
        Self {
            stream,
            order,
            mixing,
            remaining: AtomicUsize::new(rows),
            needed: AtomicUsize::new(rows),
            state: Mutex::new(State {
                loan: Some(loan),
                done: Some(done),
                sample_ids: vec![0; rows],
                origin_steps: vec![0; if replays { rows } else { 0 }],
                substitutions: Vec::new(),
                failure: None,
            }),
            request,
        }
    }

    /// Whether a row that was not begun is needed. Rows are given out in order and those before a failed one are
    /// still made, so that which failure is the lowest does not depend on which worker was faster.
    pub(crate) fn needs(&self, row: usize) -> bool {
        if self.state.lock().done.as_ref().is_none_or(oneshot::Sender::is_closed) {
            self.give_up();
        }
        row < self.needed.load(Ordering::Relaxed)
    }

    /// The batch is not delivered, unless it is complete already.
    pub(crate) fn give_up(&self) {
        self.needed.store(0, Ordering::Relaxed);
    }

    /// A worker is done with a row, well or badly. The last one delivers the batch; says whether it did.
    pub(crate) fn row_done(&self, slot: RowSlot, outcome: Result<RowOutcome, BatchError>) -> bool {
        let label = self.record(slot.row(), outcome);
        // The slot must be gone before the count says so: the last one to count seals the block.
        let finished = if let (Some(mixing), Some(label)) = (&self.mixing, label) {
            mixing.submit(slot, label, || self.is_incomplete())
        } else {
            drop(slot);
            GroupProgress::Finished(1)
        };
        match finished {
            GroupProgress::Waits => false,
            GroupProgress::Finished(rows) => self.count_down(rows + self.abandon_groups()),
        }
    }

    /// Keeps what became of a row; gives its label if it was made.
    fn record(&self, row: usize, outcome: Result<RowOutcome, BatchError>) -> Option<i64> {
        let mut state = self.state.lock();
        match outcome {
            Ok(outcome) => {
                state.sample_ids[row] = outcome.delivered;
                if let Some(origin_step) = state.origin_steps.get_mut(row) {
                    *origin_step = outcome.origin_step;
                }
                state.substitutions.extend(outcome.substitution);
                Some(outcome.label)
            }
            Err(error) => {
                self.needed.fetch_min(row, Ordering::Relaxed);
                if state.failure.as_ref().is_none_or(|(lowest, _)| row < *lowest) {
                    state.failure = Some((row, error));
                }
                None
            }
        }
    }

    /// `rows` rows will not be written because they are not needed.
    pub(crate) fn skip(&self, rows: usize) {
        if rows > 0 {
            self.count_down(rows + self.abandon_groups());
        }
    }

    /// Whether some row will not be written, so that the batch cannot become complete.
    fn is_incomplete(&self) -> bool {
        self.needed.load(Ordering::Relaxed) < self.request.layout.rows()
    }

    /// Lets go of the rows that wait for a group which will not become complete; says how many.
    fn abandon_groups(&self) -> usize {
        if self.is_incomplete() { self.mixing.as_ref().map_or(0, Mixing::abandon) } else { 0 }
    }

    fn count_down(&self, rows: usize) -> bool {
        self.remaining.fetch_sub(rows, Ordering::AcqRel) == rows && self.finish()
    }

    /// Says whether a complete batch was handed over.
    fn finish(&self) -> bool {
        let mut state = self.state.lock();
        let (Some(loan), Some(done)) = (state.loan.take(), state.done.take()) else { return false };
        let outcome = match state.failure.take() {
            Some((_, error)) => Err(error),
            // Not every row was written. A waiting ticket learns that from the end of the channel.
            None if self.is_incomplete() => return false,
            None => self.ready(&mut state, loan),
        };
        drop(state);
        let complete = outcome.is_ok();
        // Nobody waits any more if this fails; dropping the batch frees its memory.
        done.send(outcome).is_ok() && complete
    }

    fn ready(&self, state: &mut State, loan: Loan) -> Outcome {
        let BatchRequest { moment, first_row, layout, .. } = &self.request;
        let mut substitutions = std::mem::take(&mut state.substitutions);
        substitutions.sort_by_key(|substitution| substitution.row);
        let block = loan.seal().ok_or_else(|| BatchError::Internal {
            step: moment.step,
            row: *first_row,
            detail: "the batch's memory is still being written".to_owned(),
        })?;
        let slot = block.sealed().and_then(Sealed::slot);
        let loan = Arc::new(block);
        let bytes = Bytes::from_owner(Owned(Arc::clone(&loan)));
        Ok(Batch {
            moment: *moment,
            first_row: *first_row,
            slot,
            loan: slot.map(|_| loan),
            images: bytes.slice(layout.tensor(Tensor::Images)),
            labels: bytes.slice(layout.tensor(Tensor::Labels)),
            labels_b: bytes.slice(layout.tensor(Tensor::LabelsB)),
            lam: bytes.slice(layout.tensor(Tensor::Lam)),
            layout: layout.clone(),
            sample_ids: std::mem::take(&mut state.sample_ids),
            origin_steps: std::mem::take(&mut state.origin_steps),
            replayed: self.request.left_out(),
            substitutions,
            completed: SystemTime::now(),
        })
    }
}

/// A batch that is ready. Its memory goes back to the pipeline when the last of its bytes is dropped.
#[derive(Clone)]
pub struct Batch {
    /// The position of the step in the plan.
    pub moment: Moment,
    /// First row of the step that the batch holds, or, in a batch of fresh rows, of the rows asked for.
    pub first_row: u64,
    /// The slot in which the batch lies, if its stream shares memory with the trainer. Who has announced it to the
    /// trainer must not read the bytes any more.
    pub slot: Option<u32>,
    /// The slot, if it lies in one.
    loan: Option<Arc<LoanedBytes>>,
    /// Shapes of the tensors.
    pub layout: BatchLayout,
    /// The images, row by row.
    pub images: Bytes,
    /// The labels: one little-endian i64 a row.
    pub labels: Bytes,
    /// The partners' labels of mixed rows: one little-endian i64 a row; empty where rows are not mixed.
    pub labels_b: Bytes,
    /// The shares of the own labels of mixed rows: one little-endian f32 a row; empty where rows are not mixed.
    pub lam: Bytes,
    /// Delivered sample of each row.
    pub sample_ids: Vec<u64>,
    /// The step in which each row was fresh; empty in a stage without replay and in a batch of fresh rows.
    pub origin_steps: Vec<u64>,
    /// The rows that a batch of fresh rows leaves out, in row order.
    pub replayed: Vec<Replayed>,
    /// Rows that hold another sample than that of the order, in row order.
    pub substitutions: Vec<Substitution>,
    /// The time when the last row was written.
    pub completed: SystemTime,
}

impl fmt::Debug for Batch {
    /// Without the bytes of the tensors, which would fill a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("moment", &self.moment)
            .field("first_row", &self.first_row)
            .field("slot", &self.slot)
            .field("layout", &self.layout)
            .field("sample_ids", &self.sample_ids)
            .field("substitutions", &self.substitutions)
            .finish_non_exhaustive()
    }
}

impl Batch {
    /// The slot as the trainer has it, to whom the batch was announced. `None` if it lies in no slot, or its bytes are
    /// still used elsewhere here.
    pub fn into_slot(self) -> Option<LentSlot> {
        let Self { loan, images, labels, labels_b, lam, .. } = self;
        drop((images, labels, labels_b, lam));
        Arc::into_inner(loan?)?.lend()
    }
}

/// The bytes of a batch.
struct Owned(Arc<LoanedBytes>);

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        self.0.sealed().map_or(&[], Sealed::bytes)
    }
}
