//! From the wire's job to a [`JobSpec`], and from a plan to the wire.

use bandwise_choice::{Choice, UnknownChoice};
use bandwise_curriculum::{Curriculum, OrderKind, StagePlan, Tail};
use bandwise_decode::DecodeLimits;
use bandwise_job::{BadSample, Fidelity, Field, Job, JobSpec, RecipeChoice, ReplaySpec, Unreadable};
use bandwise_kernels::{Dtype, Layout};
use bandwise_pipeline::Priority;
use bandwise_proto::{Limit, MAX_NAME_BYTES, WireChoice, image_bytes, v1 as proto};
use bandwise_recipe::{LowFrequency, OutputFormat, Recipe};

use crate::service::reject::Reject;

/// The dataset's name and everything else that a job asks for.
pub(crate) fn spec_of(job: &proto::Job, allowed: &DecodeLimits) -> Result<(String, JobSpec), Reject> {
    let dataset = dataset_of(job)?;
    let spec = JobSpec {
        curriculum: curriculum_of(job)?,
        epochs: job.epochs,
        global_batch: job.global_batch,
        recipe: recipe_of(job)?,
        low_frequency: choice_of::<proto::LowFrequency, LowFrequency>(job.low_frequency)?,
        seed: job.seed,
        order: choice_of::<proto::Order, OrderKind>(job.order)?,
        tail: choice_of::<proto::Tail, Tail>(job.tail)?,
        on_bad_sample: or_default::<proto::BadSample, BadSample>(job.on_bad_sample)?,
        on_unreadable: or_default::<proto::Unreadable, Unreadable>(job.on_unreadable)?,
        limits: limits_of(job.decode_limits.as_ref(), allowed)?,
        output: OutputFormat {
            dtype: or_default::<proto::Dtype, Dtype>(job.dtype)?,
            layout: or_default::<proto::Layout, Layout>(job.layout)?,
        },
        fidelity: or_default::<proto::Fidelity, Fidelity>(job.fidelity)?,
        replay: replay_of(job),
    };
    Ok((dataset, spec))
}

fn name(field: &str, text: &str) -> Result<String, Reject> {
    if text.is_empty() || text.len() > MAX_NAME_BYTES {
        let problem = format!("a name has 1 to {MAX_NAME_BYTES} bytes, this one has {}", text.len());
        return Err(Reject::field(field, text, problem));
    }
    Ok(text.to_owned())
}

/// Prefix of errors about a text: the file that it was read from, or the field.
fn file<'a>(field: &str, file: &'a str, otherwise: &'a str) -> Result<&'a str, Reject> {
    match file.len() {
        0 => Ok(otherwise),
        1..=MAX_NAME_BYTES => Ok(file),
        bytes => {
            let problem = format!("a file's name has at most {MAX_NAME_BYTES} bytes, this one has {bytes}");
            Err(Reject::field(field, file, problem))
        }
    }
}

fn dataset_of(job: &proto::Job) -> Result<String, Reject> {
    let [dataset] = job.datasets.as_slice() else {
        let problem = "a job must have exactly one dataset";
        return Err(Reject::field("datasets", format!("{} of them", job.datasets.len()), problem));
    };
    match dataset.weight {
        None | Some(1.0) => name("datasets.name", &dataset.name),
        Some(weight) => Err(Reject::field("datasets.weight", weight, "the only dataset has weight 1")),
    }
}

fn curriculum_of(job: &proto::Job) -> Result<Curriculum, Reject> {
    use proto::job::Curriculum::{CurriculumName, CurriculumToml};
    let curriculum = match &job.curriculum {
        Some(CurriculumName(preset)) => {
            let preset = name("curriculum_name", preset)?;
            Curriculum::preset(&preset).map_err(|error| Reject::plain("curriculum_name", preset, error))
        }
        Some(CurriculumToml(text)) => {
            let file = file("curriculum_file", &job.curriculum_file, "curriculum_toml")?;
            Curriculum::from_toml(file, text).map_err(|error| Reject::text("curriculum_toml", error))
        }
        None => Err(Reject::field(
            "curriculum",
            "(none)",
            "a job needs a curriculum, by name or as a file's text",
        )),
    }?;
    match job.replay_buffer {
        0 => Ok(curriculum),
        steps => curriculum
            .with_replay_buffer_up_to(steps)
            .map_err(|error| Reject::plain("replay_buffer", steps, error)),
    }
}

fn recipe_of(job: &proto::Job) -> Result<Option<RecipeChoice>, Reject> {
    match &job.recipe {
        None => Ok(None),
        Some(proto::job::Recipe::RecipeName(recipe)) => {
            name("recipe_name", recipe).map(|name| Some(RecipeChoice::Named(name)))
        }
        Some(proto::job::Recipe::RecipeToml(text)) => {
            Recipe::from_toml(file("recipe_file", &job.recipe_file, "recipe_toml")?, text)
                .map(|recipe| Some(RecipeChoice::Inline(recipe)))
                .map_err(|error| Reject::text("recipe_toml", error))
        }
    }
}

fn unknown(field: &str, number: i32) -> Reject {
    Reject::field(field, number, "no such value in this version of the contract")
}

/// The value of an option that a number of the contract stands for; `None` where the job leaves it to the default.
fn choice_of<W: WireChoice, C: Choice>(number: i32) -> Result<Option<C>, Reject> {
    let value = W::try_from(number).map_err(|_| unknown(W::OPTION, number))?;
    if value.into() == 0 {
        return Ok(None);
    }
    let name = value.name();
    name.parse().map(Some).map_err(|error: UnknownChoice| Reject::plain(W::OPTION, name, error))
}

/// The same, with the default of the option.
fn or_default<W: WireChoice, C: Choice + Default>(number: i32) -> Result<C, Reject> {
    choice_of::<W, C>(number).map(Option::unwrap_or_default)
}

/// The priority of a stream.
pub(crate) fn priority_of(number: i32) -> Result<Priority, Reject> {
    or_default::<proto::Priority, Priority>(number)
}

fn replay_of(job: &proto::Job) -> ReplaySpec {
    let default = ReplaySpec::default();
    let given = |value: u32, default: u32| if value == 0 { default } else { value };
    ReplaySpec {
        chunk: given(job.replay_chunk, default.chunk),
        lanes: given(job.replay_lanes, default.lanes),
    }
}

fn limits_of(asked: Option<&proto::DecodeLimits>, allowed: &DecodeLimits) -> Result<DecodeLimits, Reject> {
    let default = DecodeLimits::default();
    let asked = asked.copied().unwrap_or_default();
    let limit = |limit: Limit, asked: u64, default: u64, allowed: u64| {
        let value = if asked == 0 { default } else { asked };
        if value > allowed { Err(Reject::decode_limit(limit, value, allowed)) } else { Ok(value) }
    };
    Ok(DecodeLimits {
        max_pixels: limit(Limit::MaxPixels, asked.max_pixels, default.max_pixels, allowed.max_pixels)?,
        max_encoded_bytes: limit(
            Limit::MaxEncodedBytes,
            asked.max_encoded_bytes,
            default.max_encoded_bytes,
            allowed.max_encoded_bytes,
        )?,
    })
}

/// A stage of a job for the wire.
pub(crate) fn stage_to_wire(job: &Job, stage: &StagePlan) -> proto::StagePlan {
    let row_bytes = image_bytes(stage.bandwidth.into(), job.output().dtype.size_in_bytes() as u64);
    let buffered_rows = u64::from(stage.replay_buffer).min(stage.steps).saturating_mul(stage.fresh_rows());
    proto::StagePlan {
        index: stage.index as u32,
        bandwidth: stage.bandwidth,
        magnitude: stage.magnitude,
        replay_times: stage.replay_times,
        global_batch: stage.global_batch,
        first_step: stage.first_step,
        steps: stage.steps,
        first_epoch: stage.first_epoch,
        steps_per_epoch: stage.steps_per_epoch,
        last_step_rows: stage.last_step_rows(),
        clock_epochs: stage.clock_epochs,
        clock_start: stage.clock_start,
        clock_end: stage.clock_end,
        warmup_epochs: stage.warmup_epochs,
        first_epoch_row: stage.first_epoch_row,
        first_epoch_steps: stage.first_epoch_steps,
        first_epoch_last_step_rows: stage.first_epoch_last_step_rows(),
        replay_buffer: stage.replay_buffer,
        row_granularity: job.row_granularity(stage.index),
        replay_buffer_bytes: buffered_rows.saturating_mul(row_bytes),
    }
}

/// A canonical field for the wire.
pub(crate) fn field_to_wire(field: Field) -> proto::JobField {
    proto::JobField { name: field.name, value: field.value }
}

/// A canonical field from the wire.
pub(crate) fn field_from_wire(field: proto::JobField) -> Field {
    Field { name: field.name, value: field.value }
}

/// An element type for the wire.
pub(crate) fn dtype_to_wire(dtype: Dtype) -> proto::Dtype {
    match dtype {
        Dtype::U8 => proto::Dtype::U8,
        Dtype::F16 => proto::Dtype::F16,
        Dtype::Bf16 => proto::Dtype::Bf16,
        Dtype::F32 => proto::Dtype::F32,
    }
}

#[cfg(test)]
mod tests {
    use bandwise_proto::element_bytes;

    use super::*;

    #[test]
    fn elements_have_the_size_that_clients_compute_with() {
        for &dtype in Dtype::ALL {
            assert_eq!(element_bytes(dtype_to_wire(dtype)), dtype.size_in_bytes() as u64, "{dtype}");
        }
        let unspecified = element_bytes(proto::Dtype::Unspecified);
        assert_eq!(unspecified, Dtype::default().size_in_bytes() as u64, "a job that names no type");
    }
}
