//! The canonical field list: what the fingerprint covers, and what a mismatch names.
//!
//! | field | value |
//! | --- | --- |
//! | `pixel_semantics` | version number of the pixel semantics |
//! | `optional_formats` | formats that the build reads by a feature, in their order; left out where it has none |
//! | `dataset.digest`, `dataset.samples` | 64 hex digits; number of samples |
//! | `seed` | decimal |
//! | `order`, `tail` | `shuffled` or `sequential`; `drop` or `keep` |
//! | `on_bad_sample` | `substitute`, `zero` or `fail` |
//! | `on_unreadable` | `substitute`; left out where it is `fail` |
//! | `limits.max_pixels`, `limits.max_encoded_bytes` | decimal |
//! | `output.dtype`, `output.layout` | `u8` `f16` `bf16` `f32`; `nchw` `nhwc` |
//! | `fidelity` | `exact`, `fast` |
//! | `fast_semantics` | version number of what fast pixels add to the pixel semantics; left out where `fidelity` is `exact` |
//! | `base` | side of the base image in pixels |
//! | `recipe.views` | number of views; left out where it is 1 |
//! | `replay_chunk`, `replay_lanes` | rows of a chunk and number of buffers; left out where no stage replays |
//! | `recipe.I.operation`, `recipe.I.PARAMETER` | one group for each operation, I from 0 |
//! | `stage.I.bandwidth`, `.magnitude`, `.replay_times`, `.global_batch`, `.first_step`, `.steps`, `.first_epoch`, `.first_epoch_row`, `.steps_per_epoch` | one group for each stage that has steps, I from 0; `.first_epoch_row` is left out where it is 0 |
//! | `stage.I.replay_buffer` | length of the replay buffer in steps; left out where the stage does not replay |
//!
//! Doubles are written as the shortest decimal that reads back to the same double.
//!
//! The list is text, one `name=value` a line under the head `bandwise job 1`, so that a mismatch can name the fields
//! that differ. Names of presets and recipes are not in it: a TOML file that says the same as a preset has the same
//! fingerprint. A field that is added later is left out where it has its default, so that old fingerprints stay. Golden
//! fingerprints are in `tests/fingerprints.rs`.

use bandwise_curriculum::StagePlan;
use bandwise_recipe::Fidelity;

use crate::{field::Field, fingerprint::Fingerprint, job::Job, policy::Unreadable};

impl Job {
    /// The canonical field list.
    pub fn fields(&self) -> Vec<Field> {
        of(self)
    }
}

/// The fields of `job`, in canonical order.
fn of(job: &Job) -> Vec<Field> {
    let mut fields = vec![Field::new("pixel_semantics", &bandwise_recipe::PIXEL_SEMANTICS)];
    // Two builds of which one decodes a sample and the other substitutes it serve different jobs.
    if !bandwise_decode::OPTIONAL_FORMATS.is_empty() {
        fields.push(Field::new("optional_formats", &bandwise_decode::OPTIONAL_FORMATS.join(" ")));
    }
    fields.extend([
        Field::new("dataset.digest", &Fingerprint::from(job.dataset_digest)),
        Field::new("dataset.samples", &job.dataset_samples),
        Field::new("seed", &job.seed),
        Field::new("order", &job.order),
        Field::new("tail", &job.tail),
        Field::new("on_bad_sample", &job.on_bad_sample),
    ]);
    if job.on_unreadable != Unreadable::Fail {
        fields.push(Field::new("on_unreadable", &job.on_unreadable));
    }
    fields.extend([
        Field::new("limits.max_pixels", &job.limits.max_pixels),
        Field::new("limits.max_encoded_bytes", &job.limits.max_encoded_bytes),
        Field::new("output.dtype", &job.output.dtype),
        Field::new("output.layout", &job.output.layout),
        Field::new("fidelity", &job.fidelity),
    ]);
    if job.fidelity == Fidelity::Fast {
        fields.push(Field::new("fast_semantics", &bandwise_recipe::FAST_SEMANTICS));
    }
    fields.push(Field::new("base", &job.base));
    if job.plan.stages().iter().any(replays) {
        fields.push(Field::new("replay_chunk", &job.replay.chunk));
        fields.push(Field::new("replay_lanes", &job.replay.lanes));
    }
    recipe_fields(job, &mut fields);
    stage_fields(job, &mut fields);
    fields
}

fn replays(stage: &StagePlan) -> bool {
    stage.steps > 0 && stage.replay_times > 1
}

fn recipe_fields(job: &Job, fields: &mut Vec<Field>) {
    if job.recipe.views() != 1 {
        fields.push(Field::new("recipe.views", &job.recipe.views()));
    }
    for (i, operation) in job.recipe.operations().iter().enumerate() {
        fields.push(Field::new(format!("recipe.{i}.operation"), &operation.name()));
        for (name, value) in operation.parameters() {
            fields.push(Field::new(format!("recipe.{i}.{name}"), &value));
        }
    }
}

fn stage_fields(job: &Job, fields: &mut Vec<Field>) {
    for (i, stage) in job.plan.stages().iter().filter(|stage| stage.steps > 0).enumerate() {
        let mut push = |name: &str, value: &dyn ToString| {
            fields.push(Field::new(format!("stage.{i}.{name}"), value));
        };
        push("bandwidth", &stage.bandwidth);
        push("magnitude", &stage.magnitude);
        push("replay_times", &stage.replay_times);
        if replays(stage) {
            push("replay_buffer", &stage.replay_buffer);
        }
        push("global_batch", &stage.global_batch);
        push("first_step", &stage.first_step);
        push("steps", &stage.steps);
        push("first_epoch", &stage.first_epoch);
        if stage.first_epoch_row != 0 {
            push("first_epoch_row", &stage.first_epoch_row);
        }
        push("steps_per_epoch", &stage.steps_per_epoch);
    }
}
