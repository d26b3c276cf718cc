//! A worker thread: takes rows, makes them, writes them in place. It never waits for the network.

use std::{
    any::Any,
    iter,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use bandwise_curriculum::{Moment, Order, StepOutOfRange};
use bandwise_dataset::ReadError;
use bandwise_decode::DecodeError;
use bandwise_job::{BadSample, Origin};
use bandwise_kernels::SimdLevel;
use bandwise_recipe::{DrawKey, Workbench};
use crossbeam::channel::Receiver;

use crate::{
    batch::{BatchRequest, BatchWork, READY_MADE_BYTE, RowOutcome, Substitution},
    dispatch::Task,
    error::BatchError,
    memory::RowSlot,
    read_ahead::ReadAhead,
    seldom::Seldom,
    skipped::{NO_MEMORY, Skipped, UNREADABLE, cause_of},
    stats::Stats,
};

/// Undecodable samples in a row after which a substitute is no longer looked for.
const MAX_TRIES: u64 = 64;

/// Waits between the tries to read an unreadable sample: enough for a hiccup, too short to matter.
const READ_RETRIES: [Duration; 2] = [Duration::from_millis(5), Duration::from_millis(50)];

/// Clients ask again for what cannot be read, for a minute and from everywhere.
static UNREADABLE_LINES: Seldom = Seldom::new();

/// What a worker owns.
pub(crate) struct Worker {
    bench: Workbench,
    level: SimdLevel,
    encoded: Vec<u8>,
    stats: Arc<Stats>,
    read_ahead: Arc<ReadAhead>,
}

impl Worker {
    pub(crate) fn new(
        level: SimdLevel,
        stats: Arc<Stats>,
        read_ahead: Arc<ReadAhead>,
    ) -> Result<Self, bandwise_decode::DecoderInitError> {
        Ok(Self { bench: Workbench::new(level)?, level, encoded: Vec::new(), stats, read_ahead })
    }

    /// Works until the dispatcher is gone.
    pub(crate) fn run(mut self, tasks: &Receiver<Task>) {
        for Task { slot, more, work } in tasks {
            for slot in iter::once(slot).chain(more) {
                self.take(slot, &work);
            }
        }
    }

    fn take(&mut self, mut slot: RowSlot, work: &BatchWork) {
        if !work.needs(slot.row()) {
            drop(slot);
            work.skip(1);
            return;
        }
        let begun = Instant::now();
        let outcome = self.guarded_row(work, &mut slot);
        Stats::add(&self.stats.worker_busy_ns, begun.elapsed().as_nanos() as u64);
        if work.row_done(slot, outcome) {
            Stats::add(&self.stats.batches, 1);
        }
    }

    /// Makes a row; a panic becomes an error of its batch, and the scratch memory starts afresh.
    fn guarded_row(&mut self, work: &BatchWork, slot: &mut RowSlot) -> Result<RowOutcome, BatchError> {
        let result = catch_unwind(AssertUnwindSafe(|| self.row(work, slot)));
        result.unwrap_or_else(|panic| {
            Stats::add(&self.stats.panics, 1);
            // Without memory for a new one the old one goes on: it carries nothing from one image into the next.
            if let Ok(bench) = Workbench::new(self.level) {
                self.bench = bench;
            }
            let error = BatchError::Panicked {
                step: work.request.moment.step,
                row: work.request.step_row(slot.row()),
                detail: panic_message(panic.as_ref()),
            };
            // A log that panics, as some do when nobody reads it any more, must not cost the pool a thread.
            let _ = catch_unwind(|| tracing::error!(%error, "worker panicked"));
            Err(error)
        })
    }

    /// A row that is kept is copied, any other is made, and kept if later steps may replay it.
    fn row(&mut self, work: &BatchWork, slot: &mut RowSlot) -> Result<RowOutcome, BatchError> {
        let request = &work.request;
        let row = request.step_row(slot.row());
        let origin = request.job.origin(&request.moment, row);
        let Some(lookup) = &request.lookup else { return self.make_row(work, slot, row, origin) };
        if let Some(kept) = lookup.find(origin) {
            Stats::add(&self.stats.rows_from_memo, 1);
            slot.image().copy_from_slice(&kept.image);
            slot.set_label(kept.label);
            Stats::add(&self.stats.rows, 1);
            let substitution = kept.substitution(row);
            let (delivered, label) = (kept.delivered, kept.label);
            return Ok(RowOutcome { origin_step: origin.step, delivered, label, substitution });
        }
        let outcome = self.make_row(work, slot, row, origin)?;
        Stats::add(&self.stats.replayed_rows_made, u64::from(!request.is_fresh(row)));
        lookup.keep(request.moment.stage, origin, slot.image(), &outcome);
        Ok(outcome)
    }

    /// Makes the row that was fresh at `origin` as row `row` of the batch's step.
    fn make_row(
        &mut self,
        work: &BatchWork,
        slot: &mut RowSlot,
        row: u64,
        origin: Origin,
    ) -> Result<RowOutcome, BatchError> {
        let request = &work.request;
        let (job, moment) = (&request.job, &request.moment);
        let (at, requested) = requested(work, origin, row)?;
        if request.dataset.is_synthetic() {
            return Ok(self.synthetic_row(work, slot, requested, origin));
        }
        let view = ((at.first_row_in_epoch + origin.fresh_row) % u64::from(job.recipe().views())) as u32;
        let key = DrawKey { seed: job.seed(), epoch: at.epoch, sample: requested, view };
        let mut skipped = Skipped::default();
        for attempt in 0..MAX_TRIES {
            let sample = (requested + attempt) % job.dataset_samples();
            match self.sample(work, sample, key, slot) {
                Ok(Ok(())) => {
                    let instead = skipped.instead(row, requested, sample);
                    return Ok(self.made_row(work, slot, origin.step, instead));
                }
                Ok(Err(error)) => {
                    self.report_undecodable(work, sample, &error);
                    match job.on_bad_sample() {
                        // The place of a sample that could not be read wants a picture.
                        _ if skipped.any() => {}
                        BadSample::Substitute => {}
                        BadSample::Zero => {
                            return Ok(self.zero_row(slot, (row, origin.step), requested, &error));
                        }
                        BadSample::Fail => return Err(undecodable(work, sample, &error)),
                    }
                    skipped.undecodable(&error);
                }
                Err(error) => skipped.unreadable(job.on_unreadable(), error)?,
            }
        }
        Err(skipped.nothing_left(|tries, detail| BatchError::NoSubstitute {
            step: moment.step,
            sample: requested,
            name: request.dataset.display_name(requested),
            tries,
            detail,
        }))
    }

    /// A row whose image was made, of the sample that the order asked for or of another.
    fn made_row(
        &self,
        work: &BatchWork,
        slot: &mut RowSlot,
        origin_step: u64,
        (delivered, substitution): (u64, Option<Substitution>),
    ) -> RowOutcome {
        let label = i64::from(work.request.dataset.label(delivered));
        slot.set_label(label);
        Stats::add(&self.stats.rows, 1);
        let unreadable = substitution.as_ref().is_some_and(|other| other.reason.starts_with(UNREADABLE));
        Stats::add(&self.stats.unreadable_substituted, u64::from(unreadable));
        RowOutcome { origin_step, delivered, label, substitution }
    }

    /// Reads a sample and makes its image. The outer error is about this machine, the inner one about the bytes.
    fn sample(
        &mut self,
        work: &BatchWork,
        sample: u64,
        key: DrawKey,
        slot: &mut RowSlot,
    ) -> Result<Result<(), DecodeError>, BatchError> {
        let request = &work.request;
        let limits = request.job.limits();
        match self.read(work, sample, limits.max_encoded_bytes) {
            Ok(()) => {}
            Err(ReadError::OverLimit { encoded_bytes, limit_bytes, .. }) => {
                return Ok(Err(DecodeError::TooLong { bytes: encoded_bytes, limit: limit_bytes }));
            }
            Err(error) => return Err(self.unreadable(work, sample, cause_of(&error), error.to_string())),
        }
        Stats::add(&self.stats.encoded_bytes, self.encoded.len() as u64);
        let program = request.job.program(request.moment.stage).map_err(|error| BatchError::Panicked {
            step: request.moment.step,
            row: request.first_row,
            detail: error.to_string(),
        })?;
        match self.bench.make(program, &self.encoded, &limits, key, slot.image()) {
            // Not a property of the bytes: another daemon may have the memory.
            Err(error) if !error.is_undecodable() => {
                Err(self.unreadable(work, sample, NO_MEMORY, error.to_string()))
            }
            made => Ok(made),
        }
    }

    fn unreadable(&self, work: &BatchWork, sample: u64, cause: &'static str, detail: String) -> BatchError {
        Stats::add(&self.stats.unreadable, 1);
        let dataset = &work.request.dataset;
        if let Some(lines_left_out) = UNREADABLE_LINES.turn() {
            // Clients get the name alone: folders of this host are none of their business.
            let path = dataset.path(sample);
            tracing::warn!(
                sample,
                ?path,
                lines_left_out,
                reason = cause,
                error = detail,
                "unreadable sample"
            );
        }
        let (step, name) = (work.request.moment.step, dataset.display_name(sample));
        BatchError::Unreadable { step, sample, name, cause, detail }
    }

    fn read(&mut self, work: &BatchWork, sample: u64, limit: u64) -> Result<(), ReadError> {
        let dataset = &work.request.dataset;
        let mut waits = READ_RETRIES.iter();
        loop {
            let begun = Instant::now();
            let read = dataset.read(sample, limit, &mut self.encoded);
            self.read_ahead.has_read(begun.elapsed());
            match read {
                Ok(()) => return Ok(()),
                Err(error @ ReadError::OverLimit { .. }) => return Err(error),
                Err(error) => match waits.next() {
                    Some(wait) => thread::sleep(*wait),
                    None => return Err(error),
                },
            }
        }
    }

    /// A row without an encoded image behind it: its label, and its pixels unless they are there.
    fn synthetic_row(&self, work: &BatchWork, slot: &mut RowSlot, sample: u64, origin: Origin) -> RowOutcome {
        if work.request.ready_made().is_none() {
            slot.image().fill(READY_MADE_BYTE);
        }
        let label = i64::from(work.request.dataset.label(sample));
        slot.set_label(label);
        Stats::add(&self.stats.rows, 1);
        RowOutcome { origin_step: origin.step, delivered: sample, label, substitution: None }
    }

    fn zero_row(
        &self,
        slot: &mut RowSlot,
        (row, origin_step): (u64, u64),
        requested: u64,
        error: &DecodeError,
    ) -> RowOutcome {
        slot.image().fill(0);
        slot.set_label(-1);
        Stats::add(&self.stats.rows, 1);
        let substitution = Substitution { row, requested, delivered: requested, reason: error.reason() };
        RowOutcome { origin_step, delivered: requested, label: -1, substitution: Some(substitution) }
    }

    fn report_undecodable(&self, work: &BatchWork, sample: u64, error: &DecodeError) {
        self.stats.count_undecodable(error.reason());
        let name = work.request.dataset.display_name(sample);
        tracing::warn!(sample, name, reason = error.reason(), %error, "undecodable sample");
    }
}

/// Where the row of `origin` was fresh, and the sample that the order asked for there.
fn requested(work: &BatchWork, origin: Origin, row: u64) -> Result<(Moment, u64), BatchError> {
    let BatchRequest { job, moment, .. } = &work.request;
    let at = if origin.step == moment.step {
        *moment
    } else {
        // A row is replayed from a step before it, which the plan has.
        let defect = |error: StepOutOfRange| BatchError::Panicked {
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

fn undecodable(work: &BatchWork, sample: u64, error: &DecodeError) -> BatchError {
    BatchError::Undecodable {
        step: work.request.moment.step,
        sample,
        name: work.request.dataset.display_name(sample),
        reason: error.reason(),
        detail: error.to_string(),
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|message| (*message).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
