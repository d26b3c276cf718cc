//! From what is asked for to the resolved job.

use std::{fmt, str::FromStr, sync::OnceLock};

use bandwise_curriculum::{Curriculum, Moment, OrderKind, Plan, PlanError, PlanRequest, StagePlan, Tail};
use bandwise_decode::DecodeLimits;
use bandwise_recipe::{Fidelity, LowFrequency, OutputFormat, Program, ProgramError, Recipe, RecipeError};
use thiserror::Error;

use crate::{
    fields::{self, Field},
    fingerprint::Fingerprint,
    replay::{Origin, Replay, ReplaySpec},
};

/// What happens to an undecodable sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BadSample {
    /// The next decodable sample in index order takes its place, with its own label and the row's draws.
    #[default]
    Substitute,
    /// Its row is zeros and its label -1.
    Zero,
    /// The batch fails, naming the sample.
    Fail,
}

impl fmt::Display for BadSample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Substitute => "substitute",
            Self::Zero => "zero",
            Self::Fail => "fail",
        })
    }
}

impl FromStr for BadSample {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "substitute" => Ok(Self::Substitute),
            "zero" => Ok(Self::Zero),
            "fail" => Ok(Self::Fail),
            other => Err(format!("unknown bad-sample policy '{other}': use substitute, zero or fail")),
        }
    }
}

/// The fate of a sample that a daemon cannot read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Unreadable {
    /// The batch fails, naming the sample; another daemon, or the same one later, may make it.
    #[default]
    Fail,
    /// The next sample in index order that can be read and decoded takes its place, with its own label and the row's
    /// draws. Bytes then depend on what a daemon could read.
    Substitute,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fail => "fail",
            Self::Substitute => "substitute",
        })
    }
}

impl FromStr for Unreadable {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "fail" => Ok(Self::Fail),
            "substitute" => Ok(Self::Substitute),
            other => Err(format!("unknown unreadable-sample policy '{other}': use fail or substitute")),
        }
    }
}

/// A recipe by name, or as it stands.
#[derive(Clone, Debug, PartialEq)]
pub enum RecipeChoice {
    /// By name.
    Named(String),
    /// From a file.
    Inline(Recipe),
}

/// What somebody asks for: a job before it meets its dataset.
#[derive(Clone, Debug)]
pub struct JobSpec {
    /// The curriculum.
    pub curriculum: Curriculum,
    /// Budget in epochs, as the curriculum counts them.
    pub epochs: f64,
    /// Rows of a step where the stage does not say otherwise.
    pub global_batch: u64,
    /// The recipe; `None` is the curriculum's own.
    pub recipe: Option<RecipeChoice>,
    /// Low-frequency method of a recipe that is named; `None` is the recipe's own.
    pub low_frequency: Option<LowFrequency>,
    /// Seed of every draw and of the order.
    pub seed: u64,
    /// Order of the samples; `None` is sequential for the recipe `eval` and shuffled for all others.
    pub order: Option<OrderKind>,
    /// What happens to the last rows of an epoch; `None` is keep for the recipe `eval`, drop for all others.
    pub tail: Option<Tail>,
    /// What happens to undecodable samples.
    pub on_bad_sample: BadSample,
    /// The fate of samples that a daemon cannot read.
    pub on_unreadable: Unreadable,
    /// What counts as undecodable because of its size.
    pub limits: DecodeLimits,
    /// Element type and axis order.
    pub output: OutputFormat,
    /// How faithful the pixels are.
    pub fidelity: Fidelity,
    /// How rows are replayed, where stages do.
    pub replay: ReplaySpec,
}

/// A resolved job: a batch is a pure function of it, a step and a row.
#[derive(Debug)]
pub struct Job {
    pub(crate) dataset_digest: [u8; 32],
    pub(crate) dataset_samples: u64,
    pub(crate) plan: Plan,
    pub(crate) base: u32,
    pub(crate) recipe: Recipe,
    pub(crate) seed: u64,
    pub(crate) order: OrderKind,
    pub(crate) tail: Tail,
    pub(crate) on_bad_sample: BadSample,
    pub(crate) on_unreadable: Unreadable,
    pub(crate) limits: DecodeLimits,
    pub(crate) output: OutputFormat,
    pub(crate) fidelity: Fidelity,
    pub(crate) replay: ReplaySpec,
    /// One for each stage of the plan.
    replays: Vec<Option<Replay>>,
    fingerprint: Fingerprint,
    /// One for each stage of the plan, made when the first worker needs it.
    programs: Vec<OnceLock<Result<Program, ProgramError>>>,
}

/// A job that cannot be resolved.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JobError {
    /// The plan cannot be made.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The recipe does not exist in this form.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// A recipe file says its method itself.
    #[error("low_frequency and a recipe file are both given; the file says its method itself")]
    MethodTwice,
    /// The fresh rows of a step cannot be cut into chunks.
    #[error(
        "stage {stage}: replay_chunk {chunk} x replay_lanes {lanes} must divide the {rows} fresh rows of a step (a \
         global batch of {} rows at replay {times})", .rows * .times
    )]
    ReplayChunk {
        /// Index of the stage.
        stage: usize,
        /// Rows of a chunk.
        chunk: u32,
        /// Number of buffers.
        lanes: u32,
        /// Replay times.
        times: u64,
        /// Fresh rows of a step.
        rows: u64,
    },
    /// Chunks would part the views of a sample.
    #[error("stage {stage}: replay_chunk {chunk} must be a multiple of the {views} views of a sample")]
    ReplayViews {
        /// Index of the stage.
        stage: usize,
        /// Rows of a chunk.
        chunk: u32,
        /// Views of a sample.
        views: u32,
    },
    /// Rows that belong together do not fill the steps of a stage.
    #[error("stage {stage}: a {what} of {size} does not divide a step of {rows} rows")]
    Groups {
        /// Index of the stage.
        stage: usize,
        /// What does not divide.
        what: &'static str,
        /// Its size.
        size: u64,
        /// Rows of the step.
        rows: u64,
    },
    /// The recipe does not suit a stage.
    #[error("stage {stage}: {source}")]
    Stage {
        /// Index of the stage.
        stage: usize,
        /// Why.
        source: ProgramError,
    },
}

impl JobSpec {
    /// Resolves the job for a dataset of `samples` samples and the given index digest.
    ///
    /// # Errors
    ///
    /// If the plan is impossible for this dataset and budget, the recipe is unknown, or it does not suit a stage.
    pub fn resolve(&self, dataset_digest: [u8; 32], samples: u64) -> Result<Job, JobError> {
        let recipe = self.resolve_recipe()?;
        let evaluation = recipe.is_evaluation();
        let tail = self.tail.unwrap_or(if evaluation { Tail::Keep } else { Tail::Drop });
        let order =
            self.order.unwrap_or(if evaluation { OrderKind::Sequential } else { OrderKind::Shuffled });
        // An epoch has one row for every view of every sample.
        let dataset_len = samples.saturating_mul(u64::from(recipe.views()));
        let request = PlanRequest { epochs: self.epochs, dataset_len, global_batch: self.global_batch, tail };
        let plan = Plan::resolve(&self.curriculum, &request)?;
        let mut replays = Vec::with_capacity(plan.stages().len());
        for stage in plan.stages() {
            replays.push(self.replay_of(&recipe, stage)?);
            Program::check(&recipe, self.curriculum.base(), stage.bandwidth)
                .map_err(|source| JobError::Stage { stage: stage.index, source })?;
            check_groups(&recipe, stage)?;
        }
        let mut job = Job {
            dataset_digest,
            dataset_samples: samples,
            programs: plan.stages().iter().map(|_| OnceLock::new()).collect(),
            plan,
            base: self.curriculum.base(),
            recipe,
            seed: self.seed,
            order,
            tail,
            on_bad_sample: self.on_bad_sample,
            on_unreadable: self.on_unreadable,
            limits: self.limits,
            output: self.output,
            fidelity: self.fidelity,
            replay: self.replay,
            replays,
            fingerprint: Fingerprint::from([0; 32]),
        };
        job.fingerprint = Fingerprint::of(&job.fields());
        Ok(job)
    }
}

impl JobSpec {
    fn resolve_recipe(&self) -> Result<Recipe, JobError> {
        match &self.recipe {
            None => Ok(Recipe::named(own_recipe(&self.curriculum), self.low_frequency)?),
            Some(RecipeChoice::Named(name)) => Ok(Recipe::named(name, self.low_frequency)?),
            Some(RecipeChoice::Inline(_)) if self.low_frequency.is_some() => Err(JobError::MethodTwice),
            Some(RecipeChoice::Inline(recipe)) => Ok(recipe.clone()),
        }
    }

    fn replay_of(&self, recipe: &Recipe, stage: &StagePlan) -> Result<Option<Replay>, JobError> {
        let (chunk, views) = (self.replay.chunk, recipe.views());
        let replay = Replay::new(self.replay, self.seed, stage)?;
        if replay.is_some() && !chunk.is_multiple_of(views) {
            return Err(JobError::ReplayViews { stage: stage.index, chunk, views });
        }
        Ok(replay)
    }
}

/// Steps must hold whole groups of mixed rows and whole sets of views.
fn check_groups(recipe: &Recipe, stage: &StagePlan) -> Result<(), JobError> {
    let group = recipe.mix().map_or(1, |mix| mix.group);
    for (what, size) in [("mix group", group), ("number of views", u64::from(recipe.views()))] {
        for rows in [stage.global_batch, stage.last_step_rows(), stage.first_epoch_last_step_rows()] {
            if rows % size != 0 {
                return Err(JobError::Groups { stage: stage.index, what, size, rows });
            }
        }
    }
    Ok(())
}

/// Not 0, if neither of them is.
fn least_common_multiple(a: u64, b: u64) -> u64 {
    let (mut divisor, mut rest) = (a, b);
    while rest != 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    (a / divisor).saturating_mul(b)
}

/// The recipe that belongs to a curriculum: the ICCV one for `efficienttrain`, the TPAMI one for all others.
pub fn own_recipe(curriculum: &Curriculum) -> &'static str {
    if curriculum.preset_name() == Some("efficienttrain") { "efficienttrain" } else { "efficienttrain++" }
}

impl Job {
    /// The canonical field list.
    pub fn fields(&self) -> Vec<Field> {
        fields::of(self)
    }

    /// SHA-256 of the canonical field list.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The recipe compiled for the stage at this position of the plan's list. The first call for a stage costs
    /// some milliseconds where the recipe uses Fourier; later ones nothing.
    ///
    /// # Errors
    ///
    /// None for a resolved job, whose recipe was checked against every stage.
    ///
    /// # Panics
    ///
    /// If the plan has no such stage.
    pub fn program(&self, stage: usize) -> Result<&Program, &ProgramError> {
        let StagePlan { bandwidth, magnitude, .. } = self.plan.stages()[stage];
        self.programs[stage]
            .get_or_init(|| {
                let Self { fidelity, recipe, base, output, .. } = self;
                let program =
                    Program::with_fidelity(*fidelity, recipe, *base, bandwidth, magnitude, *output)?;
                // The reference keeps the rows of such a stage in half precision, the fresh ones too.
                let through_half = self.replays[stage].is_some() && bandwidth < *base;
                Ok(if through_half { program.through_half() } else { program })
            })
            .as_ref()
    }

    /// The plan: which stage and epoch a step belongs to.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The recipe.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// Batches of a stage must begin and end at multiples of so many rows of a step: the least that holds whole
    /// groups of mixed rows and whole blocks of replayed ones, else 1.
    ///
    /// # Panics
    ///
    /// If the plan has no such stage.
    pub fn row_granularity(&self, stage: usize) -> u64 {
        let group = self.recipe.mix().map_or(1, |mix| mix.group);
        least_common_multiple(group, self.replays[stage].map_or(1, |replay| replay.block_rows()))
    }

    /// Whether all epochs show the same rows in the same order, as in a validation.
    pub fn is_same_every_epoch(&self) -> bool {
        self.order == OrderKind::Sequential && !self.recipe.draws()
    }

    /// The same for all stages: the least common multiple of theirs.
    pub fn common_row_granularity(&self) -> u64 {
        (0..self.replays.len()).map(|stage| self.row_granularity(stage)).fold(1, least_common_multiple)
    }

    /// The replay of a stage; `None` where every row is fresh.
    ///
    /// # Panics
    ///
    /// If the plan has no such stage.
    pub fn replay(&self, stage: usize) -> Option<&Replay> {
        self.replays[stage].as_ref()
    }

    /// Where a row of a step was fresh: itself, if it is no replayed one. `moment` is the step's, and the row one of
    /// its rows.
    pub fn origin(&self, moment: &Moment, row: u64) -> Origin {
        let here = Origin { step: moment.step, fresh_row: row };
        self.replay(moment.stage).map_or(here, |replay| replay.origin(moment.step, row))
    }

    /// Side of the base image in pixels.
    pub fn base(&self) -> u32 {
        self.base
    }

    /// Number of samples of the dataset.
    pub fn dataset_samples(&self) -> u64 {
        self.dataset_samples
    }

    /// Seed of every draw and of the order.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Order of the samples.
    pub fn order(&self) -> OrderKind {
        self.order
    }

    /// What happens to the last rows of an epoch.
    pub fn tail(&self) -> Tail {
        self.tail
    }

    /// What happens to undecodable samples.
    pub fn on_bad_sample(&self) -> BadSample {
        self.on_bad_sample
    }

    /// The fate of samples that a daemon cannot read.
    pub fn on_unreadable(&self) -> Unreadable {
        self.on_unreadable
    }

    /// What counts as undecodable because of its size.
    pub fn limits(&self) -> DecodeLimits {
        self.limits
    }

    /// Element type and axis order.
    pub fn output(&self) -> OutputFormat {
        self.output
    }
}
