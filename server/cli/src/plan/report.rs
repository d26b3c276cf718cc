//! The results of `plan`, as in its JSON: names are snake case, with units where a number has one.

use std::collections::BTreeMap;

use bandwise_curriculum::{Clock, Split, StagePlan};
use bandwise_recipe::{Operation, Recipe};
use serde::Serialize;

use super::{
    Args, Resolved,
    image_demand::image_demand,
    memory::MemoryReport,
    models::{ModelProfile, ProcessBatch},
    sizing::Sizing,
};
use crate::{Failure, usage};

#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) curriculum: String,
    pub(super) epochs: f64,
    pub(super) epochs_count: String,
    /// The points at which stages may end.
    pub(super) split: &'static str,
    /// Side of the base image in pixels.
    pub(super) base: u32,
    pub(super) dataset_samples: u64,
    pub(super) steps: u64,
    /// Images that are trained on; without replay all are decoded.
    pub(super) trained_images: u64,
    pub(super) decoded_images: u64,
    pub(super) training_passes: f64,
    pub(super) decode_passes: f64,
    pub(super) compute_equivalent_epochs: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) model: Option<ModelReport>,
    pub(super) stages: Vec<StageReport>,
    pub(super) memory: MemoryReport,
    pub(super) recipe: RecipeReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sizing: Option<Sizing>,
}

/// The papers' settings for a model.
#[derive(Debug, Serialize)]
pub(super) struct ModelReport {
    pub(super) name: &'static str,
    pub(super) processes: u64,
    /// For this budget.
    pub(super) drop_path: f64,
    pub(super) optimizer: &'static str,
    pub(super) peak_lr: f64,
    pub(super) min_lr: f64,
    pub(super) weight_decay: f64,
    pub(super) ema_decay: Option<f64>,
    pub(super) precision: &'static str,
    pub(super) clip_norm: Option<f64>,
    /// The curriculum with replay that was published for it.
    pub(super) replay_curriculum: Option<&'static str>,
}

#[derive(Debug, Serialize)]
pub(super) struct RecipeReport {
    pub(super) name: String,
    pub(super) views: u32,
    pub(super) operations: Vec<OperationReport>,
}

#[derive(Debug, Serialize)]
pub(super) struct OperationReport {
    pub(super) name: &'static str,
    pub(super) parameters: BTreeMap<&'static str, String>,
}

#[derive(Debug, Serialize)]
pub(super) struct StageReport {
    pub(super) index: usize,
    pub(super) bandwidth: u32,
    pub(super) magnitude: f64,
    pub(super) replay_times: u32,
    pub(super) replay_buffer_steps: u32,
    pub(super) global_batch: u64,
    pub(super) fresh_rows: u64,
    pub(super) first_step: u64,
    pub(super) steps: u64,
    pub(super) first_epoch: u64,
    /// Samples of that epoch which earlier stages have shown.
    pub(super) first_epoch_row: u64,
    /// Passes over the data that are decoded.
    pub(super) epochs: f64,
    pub(super) steps_per_epoch: u64,
    pub(super) trained_images: u64,
    pub(super) decoded_images: u64,
    pub(super) compute_share: f64,
    /// Share of the compute that was spent before the stage.
    pub(super) progress_start: f64,
    /// Decoded images that a trainer asks for in the time of one image of the base size.
    pub(super) image_demand: f64,
    pub(super) clock_epochs: f64,
    pub(super) clock_start: f64,
    pub(super) clock_end: f64,
    pub(super) warmup_epochs: f64,
    pub(super) schedule_position_start: f64,
    pub(super) schedule_position_end: f64,
    /// Learning rate at the borders, as a factor of its peak.
    pub(super) lr_factor_start: f64,
    pub(super) lr_factor_end: f64,
    /// The batch of a process in the model's profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) batch_per_process: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) update_freq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fresh_batch_per_process: Option<u64>,
}

impl Report {
    pub(super) fn new(resolved: &Resolved, args: &Args) -> Result<Self, Failure> {
        let Resolved { curriculum, plan, model, recipe } = resolved;
        Ok(Self {
            curriculum: curriculum.name().to_owned(),
            epochs: args.epochs,
            epochs_count: match curriculum.clock() {
                Clock::Passes => "passes over the data".to_owned(),
                Clock::Equivalents => format!("{}-equivalents", plan.base()),
            },
            split: match curriculum.split() {
                Split::Epochs => "epochs",
                Split::Steps => "steps",
            },
            base: plan.base(),
            dataset_samples: args.dataset_size,
            steps: plan.steps(),
            trained_images: plan.trained_rows(),
            decoded_images: plan.decoded_rows(),
            training_passes: plan.training_passes(),
            decode_passes: plan.decode_passes(),
            compute_equivalent_epochs: plan.equivalent_epochs(),
            model: model.map(|model| ModelReport::new(&model, curriculum.clock(), args.epochs)),
            stages: stages(resolved)?,
            memory: MemoryReport::new(plan, args),
            recipe: RecipeReport::new(recipe),
            sizing: None,
        })
    }

    /// Adds the answer to how many cores are needed.
    pub(super) fn size(&mut self, sizing: Sizing) {
        self.sizing = Some(sizing);
    }
}

fn stages(resolved: &Resolved) -> Result<Vec<StageReport>, Failure> {
    let stages = resolved.plan.stages();
    let cost = |stage: &StagePlan| stage.trained_rows() as f64 * f64::from(stage.bandwidth).powi(2);
    let total: f64 = stages.iter().map(cost).sum();
    let mut spent = 0.0;
    let mut reports = Vec::with_capacity(stages.len());
    for stage in stages {
        let share = match &resolved.model {
            Some(model) => Some(model.process_batch(&resolved.curriculum, stage).map_err(usage)?),
            None => None,
        };
        let mut report = StageReport::new(stage, resolved, share);
        report.compute_share = cost(stage) / total;
        report.progress_start = spent;
        spent += report.compute_share;
        reports.push(report);
    }
    Ok(reports)
}

impl StageReport {
    /// The report of a stage without its place in the compute of the training.
    fn new(stage: &StagePlan, resolved: &Resolved, share: Option<ProcessBatch>) -> Self {
        let lr_factor = |epoch| stage.lr_factor_at(epoch, resolved.min_lr_factor());
        Self {
            index: stage.index,
            bandwidth: stage.bandwidth,
            magnitude: stage.magnitude,
            replay_times: stage.replay_times,
            replay_buffer_steps: stage.replay_buffer,
            global_batch: stage.global_batch,
            fresh_rows: stage.fresh_rows(),
            first_step: stage.first_step,
            steps: stage.steps,
            first_epoch: stage.first_epoch,
            first_epoch_row: stage.first_epoch_row,
            epochs: stage.epochs,
            steps_per_epoch: stage.steps_per_epoch,
            trained_images: stage.trained_rows(),
            decoded_images: stage.decoded_rows(),
            compute_share: 0.0,
            progress_start: 0.0,
            image_demand: image_demand(resolved.plan.base(), stage) / f64::from(stage.replay_times),
            clock_epochs: stage.clock_epochs,
            clock_start: stage.clock_start,
            clock_end: stage.clock_end,
            warmup_epochs: stage.warmup_epochs,
            schedule_position_start: stage.clock_start / stage.clock_epochs,
            schedule_position_end: stage.clock_end / stage.clock_epochs,
            lr_factor_start: lr_factor(stage.clock_start),
            lr_factor_end: lr_factor(stage.clock_end),
            batch_per_process: share.map(|share| share.batch),
            update_freq: share.map(|share| share.update_freq),
            fresh_batch_per_process: share.map(|share| share.fresh),
        }
    }
}

impl ModelReport {
    fn new(model: &ModelProfile, clock: Clock, epochs: f64) -> Self {
        Self {
            name: model.name,
            processes: ModelProfile::PROCESSES,
            drop_path: model.drop_path(clock, epochs),
            optimizer: model.optimizer,
            peak_lr: model.peak_lr,
            min_lr: ModelProfile::MIN_LR,
            weight_decay: model.weight_decay,
            ema_decay: model.ema_decay,
            precision: model.precision,
            clip_norm: model.clip_norm,
            replay_curriculum: model.replay_curriculum,
        }
    }
}

impl RecipeReport {
    fn new(recipe: &Recipe) -> Self {
        let report = |operation: &Operation| OperationReport {
            name: operation.name(),
            parameters: operation.parameters().into_iter().collect(),
        };
        Self {
            name: recipe.name().to_owned(),
            views: recipe.views(),
            operations: recipe.operations().iter().map(report).collect(),
        }
    }
}
