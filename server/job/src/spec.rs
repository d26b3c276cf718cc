//! From a request to the resolved job.

use std::sync::OnceLock;

use bandwise_curriculum::{Curriculum, OrderKind, Plan, PlanRequest, StagePlan, Tail};
use bandwise_decode::DecodeLimits;
use bandwise_recipe::{Fidelity, LowFrequency, OutputFormat, Program, Recipe};

use crate::{
    error::JobError,
    fingerprint::Fingerprint,
    job::Job,
    policy::{BadSample, Unreadable},
    replay::{Replay, ReplaySpec},
};

/// A recipe by name, or as it stands.
#[derive(Clone, Debug, PartialEq)]
pub enum RecipeChoice {
    /// By name.
    Named(String),
    /// From a file.
    Inline(Recipe),
}

/// A job as asked for, before it meets its dataset.
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
    /// Policy for the last rows of an epoch; `None` is keep for the recipe `eval`, drop for all others.
    pub tail: Option<Tail>,
    /// Policy for undecodable samples.
    pub on_bad_sample: BadSample,
    /// The fate of samples that a daemon cannot read.
    pub on_unreadable: Unreadable,
    /// Sizes from which a sample counts as undecodable.
    pub limits: DecodeLimits,
    /// Element type and axis order.
    pub output: OutputFormat,
    /// Fidelity of the pixels.
    pub fidelity: Fidelity,
    /// Replay of rows, in stages that replay.
    pub replay: ReplaySpec,
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

/// The recipe that belongs to a curriculum: the ICCV one for `efficienttrain`, the TPAMI one for all others.
pub fn own_recipe(curriculum: &Curriculum) -> &'static str {
    if curriculum.preset_name() == Some("efficienttrain") { "efficienttrain" } else { "efficienttrain++" }
}
