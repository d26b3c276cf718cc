//! Python's options as a job and as options of a run. Names and files were told apart, and defaults filled in, before.

use std::time::Duration;

use bandwise_choice::{Choice as _, UnknownChoice, alternatives};
use bandwise_client::{
    Address, Expected, RankShare, RunOptions, Transport, WireChoice,
    proto::{
        BadSample, DatasetShare, DecodeLimits, Dtype, Fidelity, Job, JobField, Layout, LowFrequency,
        Priority, Unreadable, job::Curriculum, job::Recipe,
    },
};
use pyo3::prelude::*;

use crate::errors::error;

/// Longest patience: a year.
const MAX_PATIENCE: f64 = 31_536_000.0;

/// A name, or the text of a file and the file's name.
type NameOrFile = (Option<String>, Option<String>, String);

/// The options that decide bytes.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct JobSpec {
    dataset: String,
    curriculum: NameOrFile,
    epochs: f64,
    global_batch: u64,
    recipe: NameOrFile,
    seed: u64,
    dtype: String,
    layout: String,
    fidelity: String,
    low_frequency: Option<String>,
    on_bad_sample: String,
    on_unreadable: String,
    replay_chunk: u32,
    replay_lanes: u32,
    /// Largest image in pixels and largest encoded sample in bytes; 0 for the defaults.
    decode_limits: (u64, u64),
    replay_buffer: u32,
}

/// The options of a rank.
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

/// The fields in which two jobs differ, as `name: expected -> here`: the lines that a daemon would send.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "read from Python")]
pub(crate) fn differing(expected: Vec<(String, String)>, here: Vec<(String, String)>) -> Vec<String> {
    fn pairs(fields: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
    bandwise_client::differing(pairs(&expected), pairs(&here))
}

/// Reads a patience in seconds.
pub(crate) fn patience(py: Python<'_>, seconds: f64) -> PyResult<Duration> {
    let seconds = Some(seconds).filter(|seconds| (0.0..=MAX_PATIENCE).contains(seconds));
    let seconds = seconds.ok_or_else(|| {
        error(py, "JobError", "patience must be a number of seconds from 0 to 31536000, a year")
    })?;
    Ok(Duration::from_secs_f64(seconds))
}

/// Reads the addresses of daemons.
pub(crate) fn read_addresses(py: Python<'_>, texts: &[String]) -> PyResult<Vec<Address>> {
    let parse = |text: &String| text.parse().map_err(|problem| error(py, "JobError", &format!("{problem}")));
    texts.iter().map(parse).collect()
}

/// The value that goes by a name, or the names that there are.
fn choice<W: WireChoice>(py: Python<'_>, name: &str) -> PyResult<W> {
    W::named(name).ok_or_else(|| {
        let names = alternatives(&W::names());
        error(py, "JobError", &format!("{} must be {names}, not '{name}'", W::OPTION))
    })
}

/// The names that each option of a job or of its stream may have: Python has no list of its own.
pub(crate) fn choices() -> [(&'static str, Vec<String>); 8] {
    fn of<W: WireChoice>() -> (&'static str, Vec<String>) {
        (W::OPTION, W::names())
    }
    let transports = Transport::names().into_iter().map(str::to_owned).collect();
    [
        of::<Dtype>(),
        of::<Layout>(),
        of::<Fidelity>(),
        of::<LowFrequency>(),
        of::<BadSample>(),
        of::<Unreadable>(),
        of::<Priority>(),
        (Transport::OPTION, transports),
    ]
}

impl JobSpec {
    pub(crate) fn to_wire(&self, py: Python<'_>) -> PyResult<Job> {
        let low_frequency: LowFrequency = match &self.low_frequency {
            Some(name) => choice(py, name)?,
            None => LowFrequency::Unspecified,
        };
        let (max_pixels, max_encoded_bytes) = self.decode_limits;
        let name = self.curriculum.0.clone().map(Curriculum::CurriculumName);
        let recipe = self.recipe.0.clone().map(Recipe::RecipeName);
        Ok(Job {
            datasets: vec![DatasetShare { name: self.dataset.clone(), weight: None }],
            curriculum: name.or_else(|| self.curriculum.1.clone().map(Curriculum::CurriculumToml)),
            epochs: self.epochs,
            global_batch: self.global_batch,
            recipe: recipe.or_else(|| self.recipe.1.clone().map(Recipe::RecipeToml)),
            seed: self.seed,
            dtype: choice::<Dtype>(py, &self.dtype)?.into(),
            layout: choice::<Layout>(py, &self.layout)?.into(),
            fidelity: choice::<Fidelity>(py, &self.fidelity)?.into(),
            low_frequency: low_frequency.into(),
            on_bad_sample: choice::<BadSample>(py, &self.on_bad_sample)?.into(),
            on_unreadable: choice::<Unreadable>(py, &self.on_unreadable)?.into(),
            replay_chunk: self.replay_chunk,
            replay_lanes: self.replay_lanes,
            decode_limits: Some(DecodeLimits { max_pixels, max_encoded_bytes })
                .filter(|limits| *limits != DecodeLimits::default()),
            curriculum_file: self.curriculum.2.clone(),
            recipe_file: self.recipe.2.clone(),
            replay_buffer: self.replay_buffer,
            ..Job::default()
        })
    }
}

impl RunSpec {
    pub(crate) fn to_options(&self, py: Python<'_>) -> PyResult<RunOptions> {
        let patience = patience(py, self.patience)?;
        if !(0.0..=1.0).contains(&self.max_bad_fraction) {
            return Err(error(py, "JobError", "max_bad_fraction must be a number from 0 to 1"));
        }
        let (fingerprint, fields) = self.expected.clone();
        let fields = fields.into_iter().map(|(name, value)| JobField { name, value }).collect();
        Ok(RunOptions {
            share: RankShare { rank: self.rank, world_size: self.world_size, accumulate: self.accumulate },
            from_step: self.from_step,
            steps: self.steps,
            window: self.prefetch,
            expected: Expected { fingerprint, fields },
            transport: self
                .transport
                .parse()
                .map_err(|unknown: UnknownChoice| error(py, "JobError", &unknown.to_string()))?,
            priority: choice(py, &self.priority)?,
            patience,
            max_bad_fraction: self.max_bad_fraction,
            ..RunOptions::default()
        })
    }
}
