//! A row on its way: which sample is tried for it, and which were passed over.

use bandwise_curriculum::{Moment, Order, StepOutOfRange};
use bandwise_job::Origin;
use bandwise_recipe::ImageKey;

use crate::{
    batch::{BatchRequest, BatchWork},
    error::BatchError,
    skipped::Skipped,
};

/// Undecodable samples in a row after which a substitute is no longer looked for.
const MAX_TRIES: u64 = 64;

/// A row that was begun. It may change from one worker to another while it waits for a sample.
#[derive(Debug)]
pub(crate) struct RowInProgress {
    /// Row of the step.
    pub(crate) row: u64,
    /// The step and row in which it is fresh.
    pub(crate) origin: Origin,
    /// The sample that the order asks for.
    pub(crate) requested: u64,
    pub(crate) key: ImageKey,
    pub(crate) skipped: Skipped,
    tries: u64,
    samples: u64,
}

impl RowInProgress {
    /// Begins the row that is fresh at `origin` as row `row` of the batch's step.
    pub(crate) fn new(work: &BatchWork, row: u64, origin: Origin) -> Result<Self, BatchError> {
        let job = &work.request.job;
        let (at, requested) = requested(work, origin, row)?;
        let view = ((at.first_row_in_epoch + origin.fresh_row) % u64::from(job.recipe().views())) as u32;
        let key = ImageKey { seed: job.seed(), epoch: at.epoch, sample: requested, view };
        let samples = job.dataset_samples();
        Ok(Self { row, origin, requested, key, skipped: Skipped::default(), tries: 0, samples })
    }

    /// The sample that is tried.
    pub(crate) fn sample(&self) -> u64 {
        (self.requested + self.tries) % self.samples
    }

    /// Turns to the next sample; false if enough were tried.
    pub(crate) fn pass_over(&mut self) -> bool {
        self.tries += 1;
        self.tries < MAX_TRIES
    }

    /// Whether another sample was tried before.
    pub(crate) fn has_passed_over(&self) -> bool {
        self.tries > 0
    }
}

/// The moment at which the row of `origin` was fresh, and the sample of the order there.
fn requested(work: &BatchWork, origin: Origin, row: u64) -> Result<(Moment, u64), BatchError> {
    let BatchRequest { job, moment, .. } = &work.request;
    let at = if origin.step == moment.step {
        *moment
    } else {
        // A row is replayed from a step before it, which the plan has.
        let defect = |error: StepOutOfRange| BatchError::Internal {
            step: moment.step,
            row,
            detail: error.to_string(),
        };
        job.plan().locate(origin.step).map_err(defect)?
    };
    let position = (at.first_row_in_epoch + origin.fresh_row) / u64::from(job.recipe().views());
    let sample = if at.epoch == moment.epoch {
        work.order.sample(position)
    } else {
        Order::new(job.order(), job.seed(), at.epoch, job.dataset_samples()).sample(position)
    };
    Ok((at, sample))
}
