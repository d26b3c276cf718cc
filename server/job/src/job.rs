//! The resolved job: everything that decides bytes, and the programs of its stages.

use std::sync::OnceLock;

use bandwise_curriculum::{Moment, OrderKind, Plan, StagePlan, Tail};
use bandwise_decode::DecodeLimits;
use bandwise_recipe::{Fidelity, OutputFormat, Program, ProgramError, Recipe};

use crate::{
    fingerprint::Fingerprint,
    policy::{BadSample, Unreadable},
    replay::{Origin, Replay, ReplaySpec},
};

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
    pub(crate) replays: Vec<Option<Replay>>,
    pub(crate) fingerprint: Fingerprint,
    /// One for each stage of the plan, made when the first worker needs it.
    pub(crate) programs: Vec<OnceLock<Result<Program, ProgramError>>>,
}

/// Not 0, if neither of them is.
fn least_common_multiple(a: u64, b: u64) -> u64 {
    let (mut divisor, mut rest) = (a, b);
    while rest != 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    (a / divisor).saturating_mul(b)
}

impl Job {
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

    /// The origin of a row of a step: the row itself, unless it is replayed. `moment` is the step's, and the row one of
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

    /// Treatment of the last rows of an epoch.
    pub fn tail(&self) -> Tail {
        self.tail
    }

    /// Policy for undecodable samples.
    pub fn on_bad_sample(&self) -> BadSample {
        self.on_bad_sample
    }

    /// The fate of samples that a daemon cannot read.
    pub fn on_unreadable(&self) -> Unreadable {
        self.on_unreadable
    }

    /// Sizes from which a sample counts as undecodable.
    pub fn limits(&self) -> DecodeLimits {
        self.limits
    }

    /// Element type and axis order.
    pub fn output(&self) -> OutputFormat {
        self.output
    }
}
