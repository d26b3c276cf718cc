//! Python's options as a job and as options of a run. Names and files were told apart, and defaults filled in, before.

use std::time::Duration;

use bandwise_client::{
    Address, Expected, RankShare, RunOptions, Transport,
    proto::{
        BadSample, DatasetShare, Dtype, Fidelity, Job, JobField, Layout, LowFrequency, Priority,
        job::Curriculum, job::Recipe,
    },
};
use pyo3::prelude::*;

use crate::errors::error;

/// Longest patience: a year.
const MAX_PATIENCE: f64 = 31_536_000.0;

/// What decides bytes.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct JobSpec {
    dataset: String,
    /// A name, and the text of a file, of which one is there.
    curriculum: (Option<String>, Option<String>),
    epochs: f64,
    global_batch: u64,
    recipe: (Option<String>, Option<String>),
    seed: u64,
    dtype: String,
    layout: String,
    fidelity: String,
    low_frequency: Option<String>,
    on_bad_sample: String,
    replay_chunk: u32,
    replay_lanes: u32,
}

/// What a rank wants of it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct RunSpec {
    rank: u64,
    world_size: u64,
    accumulate: u64,
    from_step: u64,
    steps: Option<u64>,
    prefetch: usize,
    transport: String,
    priority: String,
    patience: f64,
    max_bad_fraction: f64,
    /// The lowest level that `logging` takes.
    pub(crate) log_level: u8,
    /// A fingerprint of 32 bytes, or none, and the fields behind it.
    expected: (Vec<u8>, Vec<(String, String)>),
}

/// Reads the addresses of daemons.
pub(crate) fn read_addresses(py: Python<'_>, texts: &[String]) -> PyResult<Vec<Address>> {
    let parse = |text: &String| text.parse().map_err(|problem| error(py, "JobError", &format!("{problem}")));
    texts.iter().map(parse).collect()
}

/// The value that goes by a name, or the names that there are.
fn choice<T: Copy>(py: Python<'_>, option: &str, name: &str, choices: &[(&str, T)]) -> PyResult<T> {
    if let Some((_, value)) = choices.iter().find(|(other, _)| *other == name) {
        return Ok(*value);
    }
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    Err(error(py, "JobError", &format!("{option} '{name}' is not one of {}", names.join(", "))))
}

impl JobSpec {
    pub(crate) fn to_wire(&self, py: Python<'_>) -> PyResult<Job> {
        let dtypes = [("u8", Dtype::U8), ("f16", Dtype::F16), ("bf16", Dtype::Bf16), ("f32", Dtype::F32)];
        let layouts = [("nchw", Layout::Nchw), ("nhwc", Layout::Nhwc)];
        let fidelities = [("exact", Fidelity::Exact), ("fast", Fidelity::Fast)];
        let methods = [("lanczos", LowFrequency::Lanczos), ("fourier", LowFrequency::Fourier)];
        let policies =
            [("substitute", BadSample::Substitute), ("zero", BadSample::Zero), ("fail", BadSample::Fail)];
        let low_frequency = match &self.low_frequency {
            Some(name) => choice(py, "low_frequency", name, &methods)?,
            None => LowFrequency::Unspecified,
        };
        let name = self.curriculum.0.clone().map(Curriculum::CurriculumName);
        let recipe = self.recipe.0.clone().map(Recipe::RecipeName);
        Ok(Job {
            datasets: vec![DatasetShare { name: self.dataset.clone(), weight: None }],
            curriculum: name.or_else(|| self.curriculum.1.clone().map(Curriculum::CurriculumToml)),
            epochs: self.epochs,
            global_batch: self.global_batch,
            recipe: recipe.or_else(|| self.recipe.1.clone().map(Recipe::RecipeToml)),
            seed: self.seed,
            dtype: choice(py, "dtype", &self.dtype, &dtypes)?.into(),
            layout: choice(py, "layout", &self.layout, &layouts)?.into(),
            fidelity: choice(py, "fidelity", &self.fidelity, &fidelities)?.into(),
            low_frequency: low_frequency.into(),
            on_bad_sample: choice(py, "on_bad_sample", &self.on_bad_sample, &policies)?.into(),
            replay_chunk: self.replay_chunk,
            replay_lanes: self.replay_lanes,
            ..Job::default()
        })
    }
}

impl RunSpec {
    pub(crate) fn to_options(&self, py: Python<'_>) -> PyResult<RunOptions> {
        let transports =
            [("auto", Transport::Auto), ("grpc", Transport::Grpc), ("shm", Transport::SharedMemory)];
        let priorities = [("normal", Priority::Normal), ("high", Priority::High)];
        let patience = Some(self.patience).filter(|seconds| (0.0..=MAX_PATIENCE).contains(seconds));
        let patience =
            patience.ok_or_else(|| error(py, "JobError", "patience is a number of seconds, up to a year"))?;
        if !(0.0..=1.0).contains(&self.max_bad_fraction) {
            return Err(error(py, "JobError", "max_bad_fraction is a number from 0 to 1"));
        }
        let (fingerprint, fields) = self.expected.clone();
        let fields = fields.into_iter().map(|(name, value)| JobField { name, value }).collect();
        Ok(RunOptions {
            share: RankShare { rank: self.rank, world_size: self.world_size, accumulate: self.accumulate },
            from_step: self.from_step,
            steps: self.steps,
            window: self.prefetch,
            expected: Expected { fingerprint, fields },
            transport: choice(py, "transport", &self.transport, &transports)?,
            priority: choice(py, "priority", &self.priority, &priorities)?,
            patience: Duration::from_secs_f64(patience),
            max_bad_fraction: self.max_bad_fraction,
            ..RunOptions::default()
        })
    }
}
