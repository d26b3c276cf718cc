//! The flags that make a job, shared by the commands that ask for one.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bandwise_client::{RankShare, proto};
use bandwise_curriculum::{Curriculum, PRESET_NAMES};
use bandwise_job::{BadSample, Fidelity, Unreadable};
use bandwise_kernels::{Dtype, Layout};
use bandwise_recipe::{LowFrequency, Recipe};
use bandwise_terms::MAX_NAME_BYTES;

use crate::{
    Failure,
    choices::{self, choice, to_wire},
    usage,
};

/// A curriculum by name or from a file.
#[derive(Clone, Debug)]
pub(crate) enum CurriculumArg {
    Name(String),
    File(PathBuf),
}

impl From<&str> for CurriculumArg {
    /// The name of a preset is a name; a text that looks like a path is a file; anything else is a misspelt name.
    fn from(text: &str) -> Self {
        if !PRESET_NAMES.contains(&text) && like_a_path(text) {
            Self::File(PathBuf::from(text))
        } else {
            Self::Name(text.to_owned())
        }
    }
}

impl CurriculumArg {
    /// For the wire: the name, or the file's text.
    pub(crate) fn to_wire(&self) -> Result<proto::job::Curriculum, Failure> {
        Ok(match self {
            Self::Name(name) => proto::job::Curriculum::CurriculumName(name.clone()),
            Self::File(path) => proto::job::Curriculum::CurriculumToml(read("curriculum", path)?),
        })
    }

    /// The file's name for the daemon's messages.
    fn file(&self) -> String {
        match self {
            Self::Name(_) => String::new(),
            Self::File(path) => wire_name(path),
        }
    }

    /// For use in this process.
    pub(crate) fn load(&self) -> Result<Curriculum, Failure> {
        match self {
            Self::Name(name) => Curriculum::preset(name).map_err(usage),
            Self::File(path) => {
                Curriculum::from_toml(&path.display().to_string(), &read("curriculum", path)?).map_err(usage)
            }
        }
    }
}

/// A path as the wire takes it, which is for messages: one that is too long by its end.
fn wire_name(path: &Path) -> String {
    let whole = path.display().to_string();
    let from = whole.len().saturating_sub(MAX_NAME_BYTES);
    (from..=whole.len()).find_map(|from| whole.get(from..)).unwrap_or_default().to_owned()
}

fn read(what: &str, path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the {what} {}", path.display()))
        .map_err(Failure::Usage)
}

/// A recipe by name or from a file.
#[derive(Clone, Debug)]
pub(crate) enum RecipeArg {
    Name(String),
    File(PathBuf),
}

impl From<&str> for RecipeArg {
    /// As for curricula: a name is a name, what looks like a path is a file.
    fn from(text: &str) -> Self {
        if !Recipe::NAMES.contains(&text) && like_a_path(text) {
            Self::File(PathBuf::from(text))
        } else {
            Self::Name(text.to_owned())
        }
    }
}

impl RecipeArg {
    /// For the wire: the name, or the file's text.
    pub(crate) fn to_wire(&self) -> Result<proto::job::Recipe, Failure> {
        Ok(match self {
            Self::Name(name) => proto::job::Recipe::RecipeName(name.clone()),
            Self::File(path) => proto::job::Recipe::RecipeToml(read("recipe", path)?),
        })
    }

    /// The file's name for the daemon's messages.
    fn file(&self) -> String {
        match self {
            Self::Name(_) => String::new(),
            Self::File(path) => wire_name(path),
        }
    }
}

/// The recipe of a job, or of what a command shows.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RecipeArgs {
    #[arg(long, value_name = "NAME|FILE", help = choices::recipes("Recipe"))]
    pub(crate) recipe: Option<RecipeArg>,
    #[arg(long, value_name = "METHOD", hide_possible_values = true, value_parser = choice::<LowFrequency>(),
        help = format!("{} [default: the recipe's]", choices::help::<LowFrequency>("Low-frequency method")))]
    pub(crate) low_frequency: Option<LowFrequency>,
}

impl RecipeArgs {
    /// For use in this process: the recipe that is asked for, or the curriculum's own.
    pub(crate) fn load(&self, curriculum: &Curriculum) -> Result<Recipe, Failure> {
        let low_frequency = self.low_frequency;
        match &self.recipe {
            None => Recipe::named(bandwise_job::own_recipe(curriculum), low_frequency).map_err(usage),
            Some(RecipeArg::Name(name)) => Recipe::named(name, low_frequency).map_err(usage),
            Some(RecipeArg::File(_)) if low_frequency.is_some() => Err(usage(anyhow::anyhow!(
                "--low-frequency cannot be combined with a recipe file, which names its own method"
            ))),
            Some(RecipeArg::File(path)) => {
                Recipe::from_toml(&path.display().to_string(), &read("recipe", path)?).map_err(usage)
            }
        }
    }
}

fn like_a_path(text: &str) -> bool {
    let path = Path::new(text);
    text.contains('/') || path.extension().is_some_and(|ext| ext == "toml") || path.is_file()
}

/// The parameters of a job, besides its dataset.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct JobArgs {
    #[arg(long, value_name = "NAME|FILE", help = choices::curricula("Curriculum"))]
    pub(crate) curriculum: CurriculumArg,
    /// Budget in epochs; the curriculum defines whether they are passes over the data or 224-equivalents.
    #[arg(long, value_name = "E")]
    pub(crate) epochs: f64,
    #[command(flatten)]
    pub(crate) recipe: RecipeArgs,
    /// Seed of all random draws and of the order.
    #[arg(long, value_name = "X", default_value_t = 0)]
    pub(crate) seed: u64,
    #[arg(long, default_value_t, hide_possible_values = true, value_parser = choice::<Dtype>(),
        help = choices::help::<Dtype>("Element type of the images"))]
    pub(crate) dtype: Dtype,
    #[arg(long, default_value_t, hide_possible_values = true, value_parser = choice::<Layout>(),
        help = choices::help::<Layout>("Axis order of the images"))]
    pub(crate) layout: Layout,
    #[arg(long, default_value_t, hide_possible_values = true, value_parser = choice::<Fidelity>(),
        help = choices::help::<Fidelity>("Fidelity of the pixels"))]
    pub(crate) fidelity: Fidelity,
    #[arg(long, default_value_t, value_name = "POLICY", hide_possible_values = true, value_parser = choice::<BadSample>(),
        help = choices::help::<BadSample>("Policy for undecodable samples"))]
    pub(crate) on_bad_sample: BadSample,
    #[arg(long, default_value_t, value_name = "POLICY", hide_possible_values = true, value_parser = choice::<Unreadable>(),
        help = choices::help::<Unreadable>("Policy for samples that a daemon cannot read"))]
    pub(crate) on_unreadable: Unreadable,
    #[command(flatten)]
    pub(crate) replay: ReplayArgs,
}

/// The parameters of replay.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
#[allow(clippy::struct_field_names, reason = "the names of the flags")]
pub(crate) struct ReplayArgs {
    /// For stages that replay: rows that are drawn and replayed together. This times --replay-lanes must divide the
    /// number of fresh rows of a step. [default: 4]
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) replay_chunk: Option<u32>,
    /// For stages that replay: number of buffers over which the rows of a step are split; 1: all ranks share one.
    /// [default: 1]
    #[arg(long, value_name = "L", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) replay_lanes: Option<u32>,
    /// For stages that replay: longest buffer in steps; longer ones are cut to it. `bandwise plan` shows the memory of
    /// a buffer. [default: the curriculum's]
    #[arg(long, value_name = "STEPS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) replay_buffer: Option<u32>,
}

impl JobArgs {
    /// The job for a dataset of the daemon, with steps of `global_batch` rows.
    pub(crate) fn job(&self, dataset: &str, global_batch: u64) -> Result<proto::Job, Failure> {
        let low_frequency = self.recipe.low_frequency.map(to_wire::<proto::LowFrequency>).transpose()?;
        Ok(proto::Job {
            datasets: vec![proto::DatasetShare { name: dataset.to_owned(), weight: None }],
            curriculum: Some(self.curriculum.to_wire()?),
            epochs: self.epochs,
            global_batch,
            recipe: self.recipe.recipe.as_ref().map(RecipeArg::to_wire).transpose()?,
            seed: self.seed,
            dtype: to_wire::<proto::Dtype>(self.dtype)?.into(),
            layout: to_wire::<proto::Layout>(self.layout)?.into(),
            low_frequency: low_frequency.unwrap_or_default().into(),
            on_bad_sample: to_wire::<proto::BadSample>(self.on_bad_sample)?.into(),
            on_unreadable: to_wire::<proto::Unreadable>(self.on_unreadable)?.into(),
            fidelity: to_wire::<proto::Fidelity>(self.fidelity)?.into(),
            replay_chunk: self.replay.replay_chunk.unwrap_or_default(),
            replay_lanes: self.replay.replay_lanes.unwrap_or_default(),
            curriculum_file: self.curriculum.file(),
            recipe_file: self.recipe.recipe.as_ref().map(RecipeArg::file).unwrap_or_default(),
            replay_buffer: self.replay.replay_buffer.unwrap_or_default(),
            ..proto::Job::default()
        })
    }
}

/// A rank's place and batch size.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct RankArgs {
    /// Rows in one batch of one rank; the global batch is batch size x accumulate x world size.
    #[arg(long, value_name = "b")]
    pub(crate) batch_size: u64,
    /// Batches that a rank accumulates for one step.
    #[arg(long, value_name = "A", default_value_t = 1)]
    pub(crate) accumulate: u64,
    /// This rank, counted from 0.
    #[arg(long, value_name = "R", default_value_t = 0)]
    pub(crate) rank: u64,
    /// Number of ranks.
    #[arg(long, value_name = "W", default_value_t = 1)]
    pub(crate) world_size: u64,
}

impl RankArgs {
    /// Rows of a step over all ranks.
    pub(crate) fn global_batch(&self) -> Result<u64, Failure> {
        self.batch_size
            .checked_mul(self.accumulate)
            .and_then(|rows| rows.checked_mul(self.world_size))
            .filter(|&rows| rows > 0)
            .ok_or_else(|| {
                usage(anyhow::anyhow!(
                    "batch size, accumulate and world size must be at least 1, and their product below 2^64"
                ))
            })
    }

    /// The rows of a step that belong to this rank.
    pub(crate) fn share(&self) -> RankShare {
        RankShare { rank: self.rank, world_size: self.world_size, accumulate: self.accumulate }
    }
}
