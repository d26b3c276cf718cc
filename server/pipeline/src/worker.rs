//! A worker thread: takes rows, makes them, writes them in place. It waits for neither the network nor storage.

use std::{
    any::Any,
    iter, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Instant,
};

use bandwise_dataset::{Encoded, Need, SideData};
use bandwise_decode::{DecodeError, EncodedImage, JpegPath, SeekMemory};
use bandwise_job::{BadSample, Origin};
use bandwise_kernels::{ResizeWeights, SimdLevel};
use bandwise_recipe::Workbench;
use bandwise_terms::{Cause, is_unreadable};
use crossbeam::{
    channel::{self, Receiver},
    select,
};

use crate::{
    batch::{BatchWork, RowOutcome, Substitution},
    block::RowSlot,
    dispatch::Task,
    error::BatchError,
    fetch::{FetchStage, FetchedRow, FetchedSample, WaitingRow},
    log_throttle::LogThrottle,
    row::RowInProgress,
    seek::KeptPoints,
    skipped::cause_of,
    stats::Stats,
};

/// Clients ask again for what cannot be read, for a minute and from everywhere.
static UNREADABLE_LINES: LogThrottle = LogThrottle::new();

/// A file of a popular dataset can do this in each epoch.
static PANIC_LINES: LogThrottle = LogThrottle::new();

/// The state of a worker.
pub(crate) struct Worker {
    bench: Workbench,
    level: SimdLevel,
    weights: ResizeWeights,
    encoded: Encoded,
    stats: Arc<Stats>,
    fetch: FetchStage,
}

/// A row to resume, and its sample.
type Resumed = (Box<RowInProgress>, FetchedSample);

/// Progress of a worker with a row.
enum Progress {
    Made(RowOutcome),
    /// Its sample is not in memory.
    Waits(Box<RowInProgress>),
}

impl From<RowOutcome> for Progress {
    fn from(outcome: RowOutcome) -> Self {
        Self::Made(outcome)
    }
}

impl Worker {
    pub(crate) fn new(
        level: SimdLevel,
        weights: ResizeWeights,
        stats: Arc<Stats>,
        fetch: FetchStage,
    ) -> Result<Self, bandwise_decode::DecoderInitError> {
        let bench = Workbench::sharing(level, weights.clone())?;
        Ok(Self { bench, level, weights, encoded: Encoded::default(), stats, fetch })
    }

    /// Works until the dispatcher ends.
    pub(crate) fn run(mut self, tasks: &Receiver<Task>) {
        let mut fetched = self.fetch.fetched().clone();
        loop {
            select! {
                recv(tasks) -> task => match task {
                    Ok(task) => self.begin(task),
                    Err(_) => return,
                },
                recv(fetched) -> row => match row {
                    Ok(row) => self.resume(row),
                    // The stage has ended, and the pipeline is about to stop.
                    Err(_) => fetched = channel::never(),
                },
            }
        }
    }

    fn begin(&mut self, Task { slot, more, work }: Task) {
        for slot in iter::once(slot).chain(more) {
            self.take(slot, Arc::clone(&work), None);
        }
    }

    fn resume(&mut self, FetchedRow { waiting: WaitingRow { slot, work, row }, sample }: FetchedRow) {
        self.take(slot, work, Some((row, sample)));
    }

    fn take(&mut self, mut slot: RowSlot, work: Arc<BatchWork>, fetched: Option<Resumed>) {
        if !work.needs(slot.row()) {
            drop(slot);
            work.skip(1);
            return;
        }
        let begun = Instant::now();
        let progress = self.guarded_row(&work, &mut slot, fetched);
        Stats::add(&self.stats.worker_busy_ns, begun.elapsed().as_nanos() as u64);
        let outcome = match progress {
            Ok(Progress::Waits(row)) => return self.fetch.submit(WaitingRow { slot, work, row }),
            Ok(Progress::Made(outcome)) => Ok(outcome),
            Err(error) => Err(error),
        };
        if work.row_done(slot, outcome) {
            Stats::add(&self.stats.batches, 1);
        }
    }

    /// Makes a row; a panic becomes an error of its batch, and the scratch memory starts afresh.
    fn guarded_row(
        &mut self,
        work: &BatchWork,
        slot: &mut RowSlot,
        fetched: Option<Resumed>,
    ) -> Result<Progress, BatchError> {
        let result = catch_unwind(AssertUnwindSafe(|| self.row(work, slot, fetched)));
        result.unwrap_or_else(|panic| {
            Stats::add(&self.stats.panics, 1);
            // Without memory for a new one the old one stays: it carries nothing from one image into the next.
            if let Ok(bench) = Workbench::sharing(self.level, self.weights.clone()) {
                self.bench = bench;
            }
            let error = BatchError::Panicked {
                step: work.request.moment.step,
                row: work.request.step_row(slot.row()),
                detail: panic_message(panic.as_ref()),
            };
            // A log that panics, as some do when their reader has gone, must not cost the pool a thread.
            let _ = catch_unwind(|| tracing::error!(%error, "worker panicked"));
            Err(error)
        })
    }

    /// A row that is kept is copied, any other is made, and kept if later steps may replay it.
    fn row(
        &mut self,
        work: &BatchWork,
        slot: &mut RowSlot,
        fetched: Option<Resumed>,
    ) -> Result<Progress, BatchError> {
        let request = &work.request;
        let row = request.step_row(slot.row());
        let origin = request.job.origin(&request.moment, row);
        let lookup = request.lookup.as_ref();
        if let Some(kept) = lookup.filter(|_| fetched.is_none()).and_then(|lookup| lookup.find(origin)) {
            Stats::add(&self.stats.rows_from_memo, 1);
            slot.image().copy_from_slice(&kept.image);
            slot.set_label(kept.label);
            Stats::add(&self.stats.rows, 1);
            let substitution = kept.substitution(row);
            let (delivered, label) = (kept.delivered, kept.label);
            return Ok(RowOutcome { origin_step: origin.step, delivered, label, substitution }.into());
        }
        let progress = self.make_row(work, slot, row, origin, fetched)?;
        if let (Progress::Made(outcome), Some(lookup)) = (&progress, lookup) {
            Stats::add(&self.stats.replayed_rows_made, u64::from(!request.is_fresh(row)));
            lookup.keep(request.moment.stage, origin, slot.image(), outcome);
        }
        Ok(progress)
    }

    /// Makes the row that was fresh at `origin` as row `row` of the batch's step, as far as its samples are in memory.
    fn make_row(
        &mut self,
        work: &BatchWork,
        slot: &mut RowSlot,
        row: u64,
        origin: Origin,
        fetched: Option<Resumed>,
    ) -> Result<Progress, BatchError> {
        let (mut row, mut fetched) = match fetched {
            Some((row, sample)) => (row, Some(sample)),
            None => (Box::new(RowInProgress::new(work, row, origin)?), None),
        };
        loop {
            let made = match fetched.take() {
                Some(sample) => self.fetched_sample(work, &row, sample, slot),
                None => match self.sample_at_hand(work, &row, slot) {
                    Some(made) => made,
                    None => return Ok(Progress::Waits(row)),
                },
            };
            if let Some(outcome) = self.judge(work, &mut row, made, slot)? {
                return Ok(outcome.into());
            }
            if !row.pass_over() {
                return Err(nothing_left(work, *row));
            }
        }
    }

    /// The row, if its sample was made or needs no picture; `None` if another sample is to be tried.
    fn judge(
        &mut self,
        work: &BatchWork,
        row: &mut RowInProgress,
        made: Result<Result<(), DecodeError>, BatchError>,
        slot: &mut RowSlot,
    ) -> Result<Option<RowOutcome>, BatchError> {
        let job = &work.request.job;
        match made {
            Ok(Ok(())) => return Ok(Some(self.made_row(work, slot, row))),
            Ok(Err(error)) => {
                self.report_undecodable(work, row.sample(), &error);
                match job.on_bad_sample() {
                    // The place of a sample that could not be read wants a picture.
                    _ if row.skipped.any() => {}
                    BadSample::Substitute => {}
                    BadSample::Zero => return Ok(Some(self.zero_row(slot, row, &error))),
                    BadSample::Fail => return Err(undecodable(work, row.sample(), &error)),
                }
                row.skipped.undecodable(&error);
            }
            Err(error) => row.skipped.unreadable(job.on_unreadable(), error)?,
        }
        Ok(None)
    }

    /// A row whose image was made, of the sample of the order or of another.
    fn made_row(&self, work: &BatchWork, slot: &mut RowSlot, row: &mut RowInProgress) -> RowOutcome {
        let (delivered, substitution) =
            mem::take(&mut row.skipped).instead(row.row, row.requested, row.sample());
        let label = i64::from(work.request.dataset.label(delivered));
        slot.set_label(label);
        Stats::add(&self.stats.rows, 1);
        let unreadable = substitution.as_ref().is_some_and(|other| is_unreadable(other.reason));
        Stats::add(&self.stats.unreadable_substituted, u64::from(unreadable));
        RowOutcome { origin_step: row.origin.step, delivered, label, substitution }
    }

    /// The image of a row's sample if that is known to be too large or is in memory. As in all of these, the outer error is
    /// about this machine, the inner one about the bytes.
    fn sample_at_hand(
        &mut self,
        work: &BatchWork,
        row: &RowInProgress,
        slot: &mut RowSlot,
    ) -> Option<Result<Result<(), DecodeError>, BatchError>> {
        let dataset = &work.request.dataset;
        let (bytes, limit) = (dataset.encoded_len(row.sample()), work.request.job.limits().max_encoded_bytes);
        if bytes > limit {
            return Some(Ok(Err(DecodeError::TooLong { bytes, limit })));
        }
        let mut encoded = mem::take(&mut self.encoded);
        encoded.side = SideData::default();
        let is_there = dataset.source().fetch_now(row.sample(), Need::Whole, &mut encoded);
        let made = is_there.then(|| self.image(work, row, &encoded, slot));
        self.encoded = encoded;
        made
    }

    /// The image of a sample that was fetched. Its bytes are freed after that.
    fn fetched_sample(
        &mut self,
        work: &BatchWork,
        row: &RowInProgress,
        sample: FetchedSample,
        slot: &mut RowSlot,
    ) -> Result<Result<(), DecodeError>, BatchError> {
        match &sample.encoded {
            Ok(encoded) => self.image(work, row, encoded, slot),
            Err(error) => Err(self.unreadable(work, row.sample(), cause_of(error), error.to_string())),
        }
    }

    /// Makes an image of encoded bytes.
    fn image(
        &mut self,
        work: &BatchWork,
        row: &RowInProgress,
        encoded: &Encoded,
        slot: &mut RowSlot,
    ) -> Result<Result<(), DecodeError>, BatchError> {
        if let Some(byte) = encoded.side.solid {
            slot.fill(byte);
            return Ok(Ok(()));
        }
        let request = &work.request;
        Stats::add(&self.stats.encoded_bytes, encoded.bytes.len() as u64);
        let program = request.job.program(request.moment.stage).map_err(|error| BatchError::Internal {
            step: request.moment.step,
            row: request.first_row,
            detail: error.to_string(),
        })?;
        let points = request.dataset.seek_points().map(KeptPoints);
        let seek = points.as_ref().map(|points| points as &dyn SeekMemory);
        let image = EncodedImage { bytes: &encoded.bytes, seek };
        let made = self.bench.make(program, image, &request.job.limits(), row.key, slot.image());
        if let Some(path) = self.bench.take_jpeg_path() {
            self.stats.count_jpeg(path);
            if path == JpegPath::Panicked {
                report_panic(work, row.sample());
            }
        }
        match made {
            // Not a property of the bytes: another daemon may have the memory.
            Err(error) if !error.is_undecodable() => {
                Err(self.unreadable(work, row.sample(), Cause::NoMemory, error.to_string()))
            }
            made => Ok(made),
        }
    }

    fn unreadable(&self, work: &BatchWork, sample: u64, cause: Cause, detail: String) -> BatchError {
        Stats::add(&self.stats.unreadable, 1);
        let dataset = &work.request.dataset;
        if let Some(lines_left_out) = UNREADABLE_LINES.allow() {
            // Clients get the name alone: folders of this host are none of their business.
            let path = dataset.source().location(sample);
            tracing::warn!(
                sample,
                ?path,
                lines_left_out,
                reason = %cause,
                error = detail,
                "unreadable sample"
            );
        }
        let (step, name) = (work.request.moment.step, dataset.display_name(sample));
        BatchError::Unreadable { step, sample, name, cause, detail }
    }

    fn zero_row(&self, slot: &mut RowSlot, row: &RowInProgress, error: &DecodeError) -> RowOutcome {
        slot.image().fill(0);
        slot.set_label(-1);
        Stats::add(&self.stats.rows, 1);
        let (origin_step, requested) = (row.origin.step, row.requested);
        let substitution =
            Substitution { row: row.row, requested, delivered: requested, reason: error.reason() };
        RowOutcome { origin_step, delivered: requested, label: -1, substitution: Some(substitution) }
    }

    fn report_undecodable(&self, work: &BatchWork, sample: u64, error: &DecodeError) {
        self.stats.count_undecodable(error.reason());
        let name = work.request.dataset.display_name(sample);
        tracing::warn!(sample, name, reason = error.reason(), %error, "undecodable sample");
    }
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

fn nothing_left(work: &BatchWork, RowInProgress { requested, skipped, .. }: RowInProgress) -> BatchError {
    skipped.nothing_left(|tries, detail| BatchError::NoSubstitute {
        step: work.request.moment.step,
        sample: requested,
        name: work.request.dataset.display_name(requested),
        tries,
        detail,
    })
}

/// Asks for a report of a file on which our JPEG decoder panicked. Its pixels are right all the same.
fn report_panic(work: &BatchWork, sample: u64) {
    let Some(lines_left_out) = PANIC_LINES.allow() else { return };
    let path = work.request.dataset.source().location(sample);
    tracing::warn!(
        sample,
        ?path,
        lines_left_out,
        "our JPEG decoder panicked on this file; libjpeg-turbo decoded it; please report this with the file"
    );
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|message| (*message).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
