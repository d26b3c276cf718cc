//! From what is asked for to the resolved job.

use std::{fmt, str::FromStr, sync::OnceLock};

use bandwise_curriculum::{Curriculum, OrderKind, Plan, PlanError, PlanRequest, Tail};
use bandwise_decode::DecodeLimits;
use bandwise_recipe::{LowFrequency, OutputFormat, Program, ProgramError, Recipe, RecipeError};
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

/// How faithfully pixels follow Pillow and timm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fidelity {
    /// The pixels that Pillow and timm give.
    #[default]
    Exact,
}

macro_rules! names {
    ($type:ty, $what:literal: $($variant:ident = $name:literal),+) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $name),+ })
            }
        }

        impl FromStr for $type {
            type Err = String;

            fn from_str(name: &str) -> Result<Self, String> {
                match name {
                    $($name => Ok(Self::$variant),)+
                    other => Err(format!("unknown {} '{other}': use {}", $what, [$($name),+].join(", "))),
                }
            }
        }
    };
}

names!(BadSample, "bad-sample policy": Substitute = "substitute", Zero = "zero", Fail = "fail");
names!(Fidelity, "fidelity": Exact = "exact");

/// What somebody asks for: a job before it meets its dataset.
#[derive(Clone, Debug)]
pub struct JobSpec {
    /// The curriculum.
    pub curriculum: Curriculum,
    /// Budget in epochs, as the curriculum counts them.
    pub epochs: f64,
    /// Rows of a step where the stage does not say otherwise.
    pub global_batch: u64,
    /// Name of the recipe; `None` is the curriculum's own.
    pub recipe: Option<String>,
    /// Low-frequency method; `None` is the recipe's own.
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
        let recipe_name = self.recipe.as_deref().unwrap_or_else(|| own_recipe(&self.curriculum));
        let recipe = Recipe::named(recipe_name, self.low_frequency)?;
        let evaluation = recipe_name == "eval";
        let tail = self.tail.unwrap_or(if evaluation { Tail::Keep } else { Tail::Drop });
        let order =
            self.order.unwrap_or(if evaluation { OrderKind::Sequential } else { OrderKind::Shuffled });
        let request =
            PlanRequest { epochs: self.epochs, dataset_len: samples, global_batch: self.global_batch, tail };
        let plan = Plan::resolve(&self.curriculum, &request)?;
        for stage in plan.stages() {
            Program::check(&recipe, self.curriculum.base(), stage.bandwidth)
                .map_err(|source| JobError::Stage { stage: stage.index, source })?;
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
        let bandwidth = self.plan.stages()[stage].bandwidth;
        self.programs[stage]
            .get_or_init(|| Program::new(&self.recipe, self.base, bandwidth, self.output))
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
