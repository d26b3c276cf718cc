//! The reference's settings for its models: batches that fit its GPUs, and what else its trainer sets.
//!
//! Sources: the launch commands published with `EfficientTrain++` (TPAMI 2024), and with `EfficientTrain` (ICCV 2023)
//! for batches under the curriculum of that name. All are for 8 processes and a global batch of 4096. The optimiser's
//! settings are those of `EfficientTrain++`.
//!
//! | model | curriculum | batch of a process up to 96, up to 160, above | drop path | the rest |
//! | --- | --- | --- | --- | --- |
//! | Swin-T, -S, -B | default | 512, 512 (T) or 256, 256 (T) or 128 | 0.2, 0.3, 0.5 | fp16, clip 5 |
//! | `CSWin`-T, -S, -B | default | as Swin | 0.2, 0.4, 0.5 | fp16, EMA; B with LAMB |
//! | `ResNet`-50 | default | 512 | 0 | full precision |
//! | `DeiT`-S | `DeiT` | 512, 512, 256 | 0.1 | fp16, clip 5 |
//! | `ConvNeXt`-T, -S, -B | `ConvNeXt` | 256, 256, 128 (T) or 128, 128, 64 | 0.1, 0.4, 0.5 | EMA, full precision |
//!
//! A profile decides nothing about bytes but through the global batch and the curriculum, which a job names itself.

use bandwise_curriculum::{Clock, Curriculum, StagePlan};
use thiserror::Error;

/// The names that [`ModelProfile::named`] knows.
pub(crate) const MODEL_NAMES: [&str; 11] = [
    "resnet-50",
    "convnext-t",
    "convnext-s",
    "convnext-b",
    "deit-s",
    "swin-t",
    "swin-s",
    "swin-b",
    "cswin-t",
    "cswin-s",
    "cswin-b",
];

/// Most batches of a step that are looked for.
const MAX_UPDATE_FREQ: u64 = 65_536;

/// Budget for which the drop path rates are given.
const DROP_PATH_EPOCHS: f64 = 200.0;

/// The settings of the reference's trainer for a model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ModelProfile {
    /// One of [`MODEL_NAMES`].
    pub(crate) name: &'static str,
    /// The curriculum that it is trained with, a preset.
    pub(crate) curriculum: &'static str,
    /// The variant with replay that was published for it.
    pub(crate) replay_curriculum: Option<&'static str>,
    /// Largest batches of a process for bandwidths up to 96, up to 160, and above.
    batches: [u64; 3],
    /// Drop path rate before it is scaled by the budget.
    pub(crate) drop_path_base: f64,
    /// Optimiser.
    pub(crate) optimizer: &'static str,
    /// Peak of the learning rate.
    pub(crate) peak_lr: f64,
    /// Weight decay, constant.
    pub(crate) weight_decay: f64,
    /// Decay of the averaged weights, where there are some.
    pub(crate) ema_decay: Option<f64>,
    /// Arithmetic of the forward pass: `fp16 autocast` or `fp32`.
    pub(crate) precision: &'static str,
    /// Largest norm of a gradient.
    pub(crate) clip_norm: Option<f64>,
}

/// The batches of a process in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProcessBatch {
    /// Rows that it holds at once.
    pub(crate) batch: u64,
    /// Batches of a step, whose gradients are added.
    pub(crate) update_freq: u64,
    /// Rows of a batch that are fresh: all without replay.
    pub(crate) fresh: u64,
}

/// No model has this name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown model {name:?}; the names are {}", MODEL_NAMES.join(", "))]
pub(crate) struct UnknownModel {
    /// The requested name.
    pub(crate) name: String,
}

/// A global batch that the processes of a profile cannot share.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "stage {stage}: {} processes cannot share a global batch of {global_batch} rows",
    ModelProfile::PROCESSES
)]
pub(crate) struct Unshareable {
    /// Index of the stage.
    pub(crate) stage: usize,
    /// Its global batch.
    pub(crate) global_batch: u64,
}

impl ModelProfile {
    /// Processes of the reference's runs.
    pub(crate) const PROCESSES: u64 = 8;
    /// Rows of a step of the reference's runs.
    pub(crate) const GLOBAL_BATCH: u64 = 4096;
    /// Lowest learning rate.
    pub(crate) const MIN_LR: f64 = 1e-6;

    /// The profile of a model.
    ///
    /// # Errors
    ///
    /// [`UnknownModel`], which lists the names.
    pub(crate) fn named(name: &str) -> Result<Self, UnknownModel> {
        let unknown = || UnknownModel { name: name.to_owned() };
        let &name = MODEL_NAMES.iter().find(|known| **known == name).ok_or_else(unknown)?;
        let profile = match name {
            "resnet-50" => Self {
                replay_curriculum: Some("efficienttrain++-resnet-replay"),
                ..usual(name, [512, 512, 512], 0.0)
            },
            "convnext-t" => convnext(name, [256, 256, 128], 0.1),
            "convnext-s" => convnext(name, [128, 128, 64], 0.4),
            "convnext-b" => convnext(name, [128, 128, 64], 0.5),
            "deit-s" => Self {
                curriculum: "efficienttrain++-deit",
                replay_curriculum: Some("efficienttrain++-deit-replay"),
                ..clipped(name, [512, 512, 256], 0.1)
            },
            "swin-t" => replayed(clipped(name, [512, 512, 256], 0.2)),
            "swin-s" => clipped(name, [512, 256, 128], 0.3),
            "swin-b" => clipped(name, [512, 256, 128], 0.5),
            "cswin-t" => replayed(averaged(name, [512, 512, 256], 0.2)),
            "cswin-s" => averaged(name, [512, 256, 128], 0.4),
            // The last of the names.
            _ => Self {
                optimizer: "LAMB, eps 1e-6",
                peak_lr: 8e-3,
                weight_decay: 0.1,
                ema_decay: Some(0.9998),
                ..averaged(name, [512, 256, 128], 0.5)
            },
        };
        Ok(profile)
    }

    /// Lowest learning rate as a factor of the peak.
    pub(crate) fn min_lr_factor(&self) -> f64 {
        Self::MIN_LR / self.peak_lr
    }

    /// Drop path rate for a budget in epochs: proportional to it where epochs are 224-equivalents, constant where
    /// they are passes.
    pub(crate) fn drop_path(&self, clock: Clock, epochs: f64) -> f64 {
        match clock {
            Clock::Passes => self.drop_path_base,
            Clock::Equivalents => self.drop_path_base * epochs / DROP_PATH_EPOCHS,
        }
    }

    /// The batches of each of [`ModelProfile::PROCESSES`] processes in a stage: as large a batch as the profile allows,
    /// and as many of them as the step needs.
    ///
    /// # Errors
    ///
    /// [`Unshareable`], where the processes do not divide the stage's global batch.
    pub(crate) fn process_batch(
        &self,
        curriculum: &Curriculum,
        stage: &StagePlan,
    ) -> Result<ProcessBatch, Unshareable> {
        let StagePlan { index, global_batch, replay_times, .. } = *stage;
        if !global_batch.is_multiple_of(Self::PROCESSES) {
            return Err(Unshareable { stage: index, global_batch });
        }
        let rows = global_batch / Self::PROCESSES;
        let least = rows.div_ceil(self.largest_batch(curriculum, stage.bandwidth));
        // One row at a time always divides; the search is bounded, since a request may ask for any number of rows.
        let update_freq =
            (least..=rows.min(MAX_UPDATE_FREQ)).find(|parts| rows.is_multiple_of(*parts)).unwrap_or(rows);
        let batch = rows / update_freq;
        Ok(ProcessBatch { batch, update_freq, fresh: batch / u64::from(replay_times) })
    }

    fn largest_batch(&self, curriculum: &Curriculum, bandwidth: u32) -> u64 {
        if curriculum.preset_name() == Some("efficienttrain") {
            // The ICCV runs: 256 at 224 pixels and twice that below, whatever the model.
            return if bandwidth < curriculum.base() { 512 } else { 256 };
        }
        match bandwidth {
            ..=96 => self.batches[0],
            97..=160 => self.batches[1],
            _ => self.batches[2],
        }
    }
}

fn usual(name: &'static str, batches: [u64; 3], drop_path_base: f64) -> ModelProfile {
    ModelProfile {
        name,
        curriculum: "efficienttrain++",
        replay_curriculum: None,
        batches,
        drop_path_base,
        optimizer: "AdamW",
        peak_lr: 4e-3,
        weight_decay: 0.05,
        ema_decay: None,
        precision: "fp32",
        clip_norm: None,
    }
}

fn convnext(name: &'static str, batches: [u64; 3], drop_path_base: f64) -> ModelProfile {
    let curriculum = "efficienttrain++-convnext";
    ModelProfile { curriculum, ema_decay: Some(0.9999), ..usual(name, batches, drop_path_base) }
}

fn clipped(name: &'static str, batches: [u64; 3], drop_path_base: f64) -> ModelProfile {
    ModelProfile { clip_norm: Some(5.0), precision: "fp16 autocast", ..usual(name, batches, drop_path_base) }
}

fn averaged(name: &'static str, batches: [u64; 3], drop_path_base: f64) -> ModelProfile {
    ModelProfile {
        ema_decay: Some(0.9999),
        precision: "fp16 autocast",
        ..usual(name, batches, drop_path_base)
    }
}

fn replayed(profile: ModelProfile) -> ModelProfile {
    ModelProfile { replay_curriculum: Some("efficienttrain++-replay"), ..profile }
}

#[cfg(test)]
mod tests;
