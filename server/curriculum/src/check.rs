//! The mistakes of a curriculum, all at once.
//!
//! The checks know the values of a curriculum only, not whether a dataset or a budget suits it.

use bandwise_choice::Mistakes;

use crate::{
    curriculum::{Clock, Curriculum, CurriculumSpec, CurriculumStage, Extent, Split, Warmup},
    limits::{
        MAX_BASE, MAX_EPOCHS, MAX_MAGNITUDE, MAX_NAME_CHARS, MAX_REPLAY, MAX_REPLAY_BUFFER, MAX_STAGES,
        MIN_BANDWIDTH, SHARE_TOLERANCE,
    },
    problem::{InvalidCurriculum, Problem},
};

/// Rounding of a sum of shares, so that three shares of 0.333333 are within the tolerance, not just beyond.
const SUM_ROUNDING: f64 = 1e-12;

impl CurriculumSpec {
    /// The curriculum.
    ///
    /// # Errors
    ///
    /// All mistakes together, each with its stage and value.
    pub fn check(self) -> Result<Curriculum, InvalidCurriculum> {
        let problems = all(&self);
        let Self { name, base, clock, split, warmup, stages, .. } = self;
        let curriculum = Curriculum { name, preset: None, base, clock, split, warmup, stages };
        problems.or(curriculum).map_err(|problems| InvalidCurriculum { problems })
    }
}

impl Curriculum {
    /// A curriculum of one's own, as [`CurriculumSpec::new`]; `base` is the side of the base image in pixels,
    /// usually 224.
    ///
    /// # Errors
    ///
    /// All mistakes together, each with its stage and value.
    pub fn new(
        name: impl Into<String>,
        base: u32,
        clock: Clock,
        stages: Vec<CurriculumStage>,
    ) -> Result<Self, InvalidCurriculum> {
        CurriculumSpec::new(name, base, clock, stages).check()
    }
}

/// Every mistake of a curriculum.
fn all(spec: &CurriculumSpec) -> Mistakes<Problem> {
    let mut problems = frame(spec);
    // The list of mistakes stays short: a list of stages without end is one mistake.
    if spec.stages.len() <= MAX_STAGES {
        problems.extend(values(spec));
        problems.extend(extents(spec.clock, &spec.stages));
    }
    problems
}

/// Mistakes outside of the stages.
pub(crate) fn frame(spec: &CurriculumSpec) -> Mistakes<Problem> {
    let (chars, count) = (spec.name.chars().count(), spec.stages.len());
    let bad_name = chars == 0 || chars > MAX_NAME_CHARS || spec.name.chars().any(char::is_control);
    [
        bad_name.then_some(Problem::Name { chars }),
        (!is_side(spec.base, MAX_BASE)).then_some(Problem::Base { base: spec.base }),
        warmup(spec.warmup),
        (count == 0).then_some(Problem::NoStages),
        (count > MAX_STAGES).then_some(Problem::TooManyStages { count }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Written so that values which are not numbers are mistakes too.
fn warmup(warmup: Warmup) -> Option<Problem> {
    match warmup {
        Warmup::Epochs(epochs) => {
            let fits = (0.0..=f64::from(MAX_EPOCHS)).contains(&epochs);
            (!fits).then_some(Problem::WarmupEpochs { epochs })
        }
        Warmup::Share(share) => {
            let fits = (0.0..=1.0).contains(&share);
            (!fits).then_some(Problem::WarmupShare { share })
        }
    }
}

/// Mistakes of single stages, and of all their bandwidths.
pub(crate) fn values(spec: &CurriculumSpec) -> Vec<Problem> {
    let stages = spec.stages.iter().enumerate();
    let single = stages.flat_map(|(index, stage)| stage_values(index, stage, spec.base, spec.split));
    single.chain(multiples(spec)).collect()
}

fn multiples(spec: &CurriculumSpec) -> Option<Problem> {
    let multiple_of = spec.multiple_of;
    if multiple_of == 0 {
        return Some(Problem::MultipleOfZero);
    }
    let bandwidths = spec.stages.iter().map(|stage| stage.bandwidth).enumerate();
    let offenders: Vec<_> = bandwidths.filter(|(_, side)| !side.is_multiple_of(multiple_of)).collect();
    (!offenders.is_empty()).then_some(Problem::MultipleOf { multiple_of, offenders })
}

fn stage_values(
    stage: usize,
    values: &CurriculumStage,
    base: u32,
    split: Split,
) -> impl Iterator<Item = Problem> {
    let CurriculumStage { extent, bandwidth, magnitude, replay, replay_buffer, batch } = *values;
    let magnitude_fits = (0.0..=MAX_MAGNITUDE).contains(&magnitude);
    [
        extent_value(stage, extent, split),
        (!is_side(bandwidth, base)).then_some(Problem::Bandwidth { stage, bandwidth, base }),
        (!magnitude_fits).then_some(Problem::Magnitude { stage, magnitude }),
        (!(1..=MAX_REPLAY).contains(&replay)).then_some(Problem::Replay { stage, replay }),
        buffer_value(stage, replay, replay_buffer),
        (batch == Some(0)).then_some(Problem::Batch { stage }),
    ]
    .into_iter()
    .flatten()
}

fn buffer_value(stage: usize, replay: u32, replay_buffer: u32) -> Option<Problem> {
    match (replay, replay_buffer) {
        // Times of 0 are a mistake of their own, and say nothing about the buffer.
        (0, _) | (1, 0) | (2.., 1..=MAX_REPLAY_BUFFER) => None,
        (1, _) => Some(Problem::UnusedReplayBuffer { stage, replay_buffer }),
        _ => Some(Problem::ReplayBuffer { stage, replay_buffer }),
    }
}

fn extent_value(stage: usize, extent: Extent, split: Split) -> Option<Problem> {
    match extent {
        Extent::Share(share) => {
            let fits = share > 0.0 && share <= 1.0 + SHARE_TOLERANCE;
            (!fits).then_some(Problem::Share { stage, share })
        }
        Extent::Epochs(epochs) => {
            let fits = epochs > 0.0 && epochs <= f64::from(MAX_EPOCHS);
            let whole = split == Split::Steps || epochs.fract() == 0.0;
            if fits && !whole {
                return Some(Problem::PartsOfEpochs { stage, epochs });
            }
            (!fits).then_some(Problem::Epochs { stage, epochs })
        }
    }
}

/// Mistakes of the extents among each other.
fn extents(clock: Clock, stages: &[CurriculumStage]) -> Vec<Problem> {
    let Some(first) = stages.first() else { return Vec::new() };
    let shares = first.extent.is_share();
    let mixed = stages.iter().position(|stage| stage.extent.is_share() != shares);
    if let Some(stage) = mixed {
        return vec![Problem::MixedExtents { stage }];
    }
    let sum: f64 = stages.iter().map(|stage| stage.extent.weight()).sum();
    // Not "the distance is larger", so that a sum which is not a number is a mistake too.
    let whole = (sum - 1.0).abs() <= SHARE_TOLERANCE + SUM_ROUNDING;
    if shares && !whole {
        vec![Problem::ShareSum { sum }]
    } else if !shares && clock == Clock::Equivalents {
        vec![Problem::EpochsInEquivalents]
    } else {
        Vec::new()
    }
}

fn is_side(side: u32, largest: u32) -> bool {
    side.is_multiple_of(2) && (MIN_BANDWIDTH..=largest).contains(&side)
}

#[cfg(test)]
mod tests;
