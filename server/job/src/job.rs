//! From what is asked for to the resolved job.

use std::{fmt, str::FromStr, sync::OnceLock};

use bandwise_curriculum::{Curriculum, OrderKind, Plan, PlanError, PlanRequest, StagePlan, Tail};
use bandwise_decode::DecodeLimits;
use bandwise_recipe::{Fidelity, LowFrequency, OutputFormat, Program, ProgramError, Recipe, RecipeError};
use thiserror::Error;

use crate::{
    fields::{self, Field},
    fingerprint::Fingerprint,
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
    /// What counts as undecodable because of its size.
    pub limits: DecodeLimits,
    /// Element type and axis order.
    pub output: OutputFormat,
    /// How faithful the pixels are.
    pub fidelity: Fidelity,
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
    pub(crate) limits: DecodeLimits,
    pub(crate) output: OutputFormat,
    pub(crate) fidelity: Fidelity,
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
    /// A stage replays samples.
    #[error("stage {stage}: replay {replay} cannot be served yet: plan it, and serve stages with replay 1")]
    Replay {
        /// Index of the stage.
        stage: usize,
        /// Its replay times.
        replay: u32,
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
        for stage in plan.stages() {
            check_replay(stage)?;
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
            limits: self.limits,
            output: self.output,
            fidelity: self.fidelity,
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
}

/// Rows are made afresh only.
fn check_replay(stage: &StagePlan) -> Result<(), JobError> {
    let StagePlan { index, replay_times, .. } = *stage;
    if replay_times == 1 { Ok(()) } else { Err(JobError::Replay { stage: index, replay: replay_times }) }
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

/// The recipe that belongs to a curriculum: the ICCV one for `efficienttrain`, the TPAMI one for all others.
pub fn own_recipe(curriculum: &Curriculum) -> &'static str {
    if curriculum.name() == "efficienttrain" { "efficienttrain" } else { "efficienttrain++" }
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
                Program::with_fidelity(*fidelity, recipe, *base, bandwidth, magnitude, *output)
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

    /// Batches must begin and end at multiples of so many rows of a step: the group that the recipe mixes, else 1.
    pub fn row_granularity(&self) -> u64 {
        self.recipe.mix().map_or(1, |mix| mix.group)
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

    /// What counts as undecodable because of its size.
    pub fn limits(&self) -> DecodeLimits {
        self.limits
    }

    /// Element type and axis order.
    pub fn output(&self) -> OutputFormat {
        self.output
    }
}
