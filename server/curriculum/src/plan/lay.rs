//! Lays stages one after another: each begins at the step, epoch and position at which the previous one stopped.
//!
//! For stages that are split in epochs these positions are all 0. Split in steps, an epoch continues over a border: the
//! position carries over in samples, and the later stage continues from it in steps of its own size, so every sample
//! still has its turn once in every epoch. An epoch ends when the stage that shows it cannot fill another step from it
//! (or, where the tail is kept, when nothing is left).

use crate::{
    clock::{self, Span},
    curriculum::{Curriculum, CurriculumStage, Split},
    limits::MAX_EPOCHS,
    plan::{EpochPosition, PlanError, PlanRequest, StagePlan, Tail},
    split::Spender,
};

/// Relative rounding of a sum of epochs that are no binary fractions.
const SUM_ROUNDING: f64 = 1e-9;

/// All stages of a curriculum, laid.
pub(super) fn stages(curriculum: &Curriculum, request: &PlanRequest) -> Result<Vec<StagePlan>, PlanError> {
    check_request(curriculum, request)?;
    let mut layer = Layer::new(request);
    match curriculum.split {
        Split::Epochs => {
            for (stage, span) in curriculum.stages.iter().zip(clock::spans(curriculum, request.epochs)) {
                let shape = layer.shape(stage)?;
                let epochs = (span.end - span.start).max(0.0);
                // Both factors are below 2^64.
                layer.push(stage, &shape, span, epochs as u128 * u128::from(shape.steps_per_epoch))?;
            }
        }
        Split::Steps => {
            let mut spender = Spender::new(curriculum, request.epochs);
            for stage in &curriculum.stages {
                let shape = layer.shape(stage)?;
                let (span, steps) = spender.next(stage, shape.steps_per_epoch);
                layer.push(stage, &shape, span, steps)?;
            }
        }
    }
    if layer.step > 0 { Ok(layer.stages) } else { Err(no_steps(curriculum, request.epochs)) }
}

fn no_steps(curriculum: &Curriculum, epochs: f64) -> PlanError {
    let unit = match curriculum.split {
        Split::Epochs => "epoch",
        Split::Steps => "step",
    };
    PlanError::NoSteps { curriculum: curriculum.name.clone(), epochs, unit }
}

fn check_request(curriculum: &Curriculum, request: &PlanRequest) -> Result<(), PlanError> {
    let epochs = request.epochs;
    // A budget that is not a number fails the comparison.
    if !(epochs > 0.0 && epochs <= f64::from(MAX_EPOCHS)) {
        return Err(PlanError::Epochs { epochs });
    }
    if request.dataset_len == 0 {
        return Err(PlanError::EmptyDataset);
    }
    if request.global_batch == 0 {
        return Err(PlanError::EmptyBatch);
    }
    match curriculum.fixed_epochs() {
        Some(fixed) if (fixed - epochs).abs() > SUM_ROUNDING * fixed => {
            Err(PlanError::FixedEpochs { curriculum: curriculum.name.clone(), fixed, epochs })
        }
        _ => Ok(()),
    }
}

/// The steps of a stage in a whole epoch.
struct Shape {
    global_batch: u64,
    fresh_rows: u64,
    steps_per_epoch: u64,
    rows_per_epoch: u64,
}

/// Lays stage after stage, and counts what has been laid.
struct Layer<'a> {
    request: &'a PlanRequest,
    stages: Vec<StagePlan>,
    step: u64,
    position: EpochPosition,
    /// Trained rows.
    rows: u64,
    cost: u128,
}

impl<'a> Layer<'a> {
    fn new(request: &'a PlanRequest) -> Self {
        Self { request, stages: Vec::new(), step: 0, position: EpochPosition::default(), rows: 0, cost: 0 }
    }

    /// Steps and fresh rows of an epoch of this stage.
    fn shape(&self, stage: &CurriculumStage) -> Result<Shape, PlanError> {
        let (dataset_len, replay) = (self.request.dataset_len, stage.replay);
        let global_batch = stage.batch.unwrap_or(self.request.global_batch);
        let index = self.stages.len();
        if !global_batch.is_multiple_of(u64::from(replay)) {
            return Err(PlanError::Replay { stage: index, replay, global_batch });
        }
        let fresh_rows = global_batch / u64::from(replay);
        let steps_per_epoch = self.steps_in(dataset_len, fresh_rows);
        if steps_per_epoch == 0 {
            return Err(PlanError::BatchTooLarge { stage: index, fresh_rows, dataset_len });
        }
        let rows_per_epoch = match self.request.tail {
            Tail::Keep => dataset_len,
            Tail::Drop => steps_per_epoch * fresh_rows,
        };
        Ok(Shape { global_batch, fresh_rows, steps_per_epoch, rows_per_epoch })
    }

    /// Steps that `rows` rows at the end of an epoch make.
    fn steps_in(&self, rows: u64, fresh_rows: u64) -> u64 {
        match self.request.tail {
            Tail::Keep => rows.div_ceil(fresh_rows),
            Tail::Drop => rows / fresh_rows,
        }
    }

    fn push(
        &mut self,
        stage: &CurriculumStage,
        shape: &Shape,
        span: Span,
        steps: u128,
    ) -> Result<(), PlanError> {
        let (position, first_epoch_steps) = self.begin(shape);
        let (index, dataset_len) = (self.stages.len(), self.request.dataset_len);
        let epochs = steps as f64 / shape.steps_per_epoch as f64;
        let too_long = || PlanError::TooLong { stage: index, epochs, rows_per_epoch: shape.rows_per_epoch };
        let plan = StagePlan {
            index,
            bandwidth: stage.bandwidth,
            magnitude: stage.magnitude,
            replay_times: stage.replay,
            replay_buffer: stage.replay_buffer,
            global_batch: shape.global_batch,
            first_step: self.step,
            steps: u64::try_from(steps).map_err(|_| too_long())?,
            first_epoch: position.epoch,
            first_epoch_row: position.row,
            first_epoch_step: position.step,
            first_epoch_steps,
            epochs,
            steps_per_epoch: shape.steps_per_epoch,
            rows_per_epoch: shape.rows_per_epoch,
            clock_epochs: span.clock_epochs,
            warmup_epochs: span.warmup_epochs,
            clock_start: span.start,
            clock_end: span.end,
            dataset_len,
            cost_before: self.cost,
        };
        self.check_tail(&plan)?;
        let trained = plan.decoded_before(plan.steps) * u128::from(stage.replay);
        let rows = u128::from(self.rows) + trained;
        // A step has at least one row, so steps and epochs fit where the rows do.
        self.rows = u64::try_from(rows).map_err(|_| too_long())?;
        self.count(&plan);
        self.stages.push(plan);
        Ok(())
    }

    /// The start of a stage of this shape, and the number of its steps in the rest of that epoch.
    fn begin(&self, shape: &Shape) -> (EpochPosition, u64) {
        let left = self.request.dataset_len - self.position.row;
        match self.steps_in(left, shape.fresh_rows) {
            0 => (
                EpochPosition { epoch: self.position.epoch + 1, ..EpochPosition::default() },
                shape.steps_per_epoch,
            ),
            steps => (self.position, steps),
        }
    }

    /// A short step could not have its share of replayed rows.
    fn check_tail(&self, stage: &StagePlan) -> Result<(), PlanError> {
        let StagePlan { index, replay_times: replay, dataset_len, first_epoch_row, .. } = *stage;
        let fresh_rows = stage.fresh_rows();
        let short = |rows: &u64| !rows.is_multiple_of(fresh_rows);
        let keeps = self.request.tail == Tail::Keep && replay > 1;
        match [dataset_len, dataset_len - first_epoch_row].into_iter().find(short) {
            Some(rows) if keeps => Err(PlanError::ReplayTail { stage: index, replay, fresh_rows, rows }),
            _ => Ok(()),
        }
    }

    /// Moves behind a stage whose rows are counted already.
    fn count(&mut self, stage: &StagePlan) {
        self.step += stage.steps;
        self.cost += stage.cost(stage.trained_rows());
        if stage.steps > 0 {
            self.position = stage.position_after(stage.steps);
        }
    }
}
