//! What is wrong with a curriculum: all of it at once.
//!
//! The checks know the values of a curriculum only, not whether a dataset or a budget suits it.

use std::fmt;

use thiserror::Error;

use crate::curriculum::{Clock, CurriculumStage, Extent};

/// Most stages of a curriculum.
pub const MAX_STAGES: usize = 256;
/// Largest side of the base image in pixels.
pub const MAX_BASE: u32 = 4096;
/// Smallest bandwidth in pixels; below it an image holds no more than a blur.
pub const MIN_BANDWIDTH: u32 = 8;
/// Largest budget, and longest stage, in epochs.
pub const MAX_EPOCHS: u32 = 1_000_000;
/// Most times that a decoded sample is trained on.
pub const MAX_REPLAY: u32 = 64;
/// Longest replay buffer in steps.
pub const MAX_REPLAY_BUFFER: u32 = 65_536;

const MAX_NAME_CHARS: usize = 100;
const MAX_MAGNITUDE: f64 = 10.0;
const SHARE_TOLERANCE: f64 = 1e-6;
/// Rounding of a sum of shares, so that three shares of 0.333333 are within the tolerance, not just beyond.
const SUM_ROUNDING: f64 = 1e-12;

/// One mistake in a curriculum. Stages count from 0.
#[derive(Debug, Clone, PartialEq, Error)]
#[allow(missing_docs, reason = "the fields are the offending values that the message shows")]
pub enum Problem {
    /// The name is empty, too long or not printable.
    #[error(
        "the name has {chars} characters: it needs 1 to {MAX_NAME_CHARS}, none of them a control character"
    )]
    Name { chars: usize },
    /// The base is odd or out of range.
    #[error("base {base}: it must be an even number from {MIN_BANDWIDTH} to {MAX_BASE}")]
    Base { base: u32 },
    /// There is nothing to run.
    #[error("there are no stages")]
    NoStages,
    /// More stages than any training needs.
    #[error("{count} stages: at most {MAX_STAGES} are accepted")]
    TooManyStages { count: usize },
    /// Neither `share` nor `epochs` is given.
    #[error("stage {stage}: it needs `share` or `epochs`")]
    NoExtent { stage: usize },
    /// Both `share` and `epochs` are given.
    #[error("stage {stage}: it has both `share` {share} and `epochs` {epochs}, only one can hold")]
    TwoExtents { stage: usize, share: f64, epochs: f64 },
    /// The bandwidth is odd or out of range.
    #[error(
        "stage {stage}: bandwidth {bandwidth} must be an even number from {MIN_BANDWIDTH} to the base {base}"
    )]
    Bandwidth { stage: usize, bandwidth: u32, base: u32 },
    /// The magnitude is out of range.
    #[error("stage {stage}: magnitude {magnitude} must be a number from 0 to {MAX_MAGNITUDE}")]
    Magnitude { stage: usize, magnitude: f64 },
    /// The share is out of range.
    #[error("stage {stage}: share {share} must be a number above 0 and at most 1")]
    Share { stage: usize, share: f64 },
    /// The number of epochs is out of range or not whole.
    #[error(
        "stage {stage}: epochs {epochs} must be a whole number from 1 to {MAX_EPOCHS} \
         (parts of an epoch are not supported yet)"
    )]
    Epochs { stage: usize, epochs: f64 },
    /// The replay times are out of range.
    #[error("stage {stage}: replay {replay} must be a number from 1 to {MAX_REPLAY}")]
    Replay { stage: usize, replay: u32 },
    /// The replay buffer is empty or too long.
    #[error(
        "stage {stage}: replay_buffer {replay_buffer} must be a number of steps from 1 to {MAX_REPLAY_BUFFER}"
    )]
    ReplayBuffer { stage: usize, replay_buffer: u32 },
    /// There is a replay buffer that nothing is taken from.
    #[error(
        "stage {stage}: replay_buffer {replay_buffer} needs a replay of at least 2; without replay, leave it out"
    )]
    UnusedReplayBuffer { stage: usize, replay_buffer: u32 },
    /// The stage has a global batch without rows.
    #[error("stage {stage}: batch 0 must be at least 1 row")]
    Batch { stage: usize },
    /// Some stages have shares, others epochs.
    #[error("stage {stage}: all stages must have `share`, or all `epochs`; it differs from stage 0")]
    MixedExtents { stage: usize },
    /// The shares do not make a whole.
    #[error("the shares sum to {sum}, not to 1 (within {SHARE_TOLERANCE})")]
    ShareSum { sum: f64 },
    /// Epochs are passes over the data, but the clock counts compute.
    #[error("stages in epochs run by the clock of passes, not of 224-equivalents")]
    EpochsInEquivalents,
}

/// A curriculum that cannot be used, with everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Error)]
pub struct InvalidCurriculum {
    /// At least one.
    pub problems: Vec<Problem>,
}

impl fmt::Display for InvalidCurriculum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the curriculum is not valid: ")?;
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

/// Every mistake of a curriculum.
pub(crate) fn all(name: &str, base: u32, clock: Clock, stages: &[CurriculumStage]) -> Vec<Problem> {
    let mut problems = frame(name, base, stages.len());
    // The list of mistakes stays short: a list of stages without end is one mistake.
    if stages.len() <= MAX_STAGES {
        problems.extend(values(base, stages));
        problems.extend(extents(clock, stages));
    }
    problems
}

/// Mistakes of what stands around the stages.
pub(crate) fn frame(name: &str, base: u32, count: usize) -> Vec<Problem> {
    let mut problems = Vec::new();
    let chars = name.chars().count();
    if chars == 0 || chars > MAX_NAME_CHARS || name.chars().any(char::is_control) {
        problems.push(Problem::Name { chars });
    }
    if !is_side(base, MAX_BASE) {
        problems.push(Problem::Base { base });
    }
    if count == 0 {
        problems.push(Problem::NoStages);
    }
    if count > MAX_STAGES {
        problems.push(Problem::TooManyStages { count });
    }
    problems
}

/// Mistakes of single stages.
pub(crate) fn values(base: u32, stages: &[CurriculumStage]) -> Vec<Problem> {
    stages.iter().enumerate().flat_map(|(index, stage)| stage_values(index, stage, base)).collect()
}

fn stage_values(stage: usize, values: &CurriculumStage, base: u32) -> impl Iterator<Item = Problem> {
    let CurriculumStage { extent, bandwidth, magnitude, replay, replay_buffer, batch } = *values;
    let magnitude_fits = (0.0..=MAX_MAGNITUDE).contains(&magnitude);
    [
        extent_value(stage, extent),
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

fn extent_value(stage: usize, extent: Extent) -> Option<Problem> {
    match extent {
        Extent::Share(share) => {
            let fits = share > 0.0 && share <= 1.0 + SHARE_TOLERANCE;
            (!fits).then_some(Problem::Share { stage, share })
        }
        Extent::Epochs(epochs) => {
            let fits = (1.0..=f64::from(MAX_EPOCHS)).contains(&epochs) && epochs.fract() == 0.0;
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
mod tests {
    use super::*;

    fn one(stage: CurriculumStage) -> Vec<Problem> {
        all("one", 224, Clock::Passes, &[stage])
    }

    fn whole() -> CurriculumStage {
        CurriculumStage::new(Extent::Share(1.0), 224, 9.0)
    }

    #[test]
    fn bandwidths_are_even_and_between_eight_and_the_base() {
        for bandwidth in [8, 96, 224] {
            assert_eq!(one(CurriculumStage { bandwidth, ..whole() }), []);
        }
        for bandwidth in [0, 6, 7, 97, 226, u32::MAX] {
            let problem = Problem::Bandwidth { stage: 0, bandwidth, base: 224 };
            assert_eq!(one(CurriculumStage { bandwidth, ..whole() }), [problem]);
        }
    }

    #[test]
    fn magnitudes_are_numbers_from_0_to_10() {
        for magnitude in [0.0, 4.5, 10.0] {
            assert_eq!(one(CurriculumStage { magnitude, ..whole() }), []);
        }
        for magnitude in [-0.1, 10.1, f64::INFINITY, f64::NAN] {
            let problems = one(CurriculumStage { magnitude, ..whole() });
            assert!(matches!(problems[..], [Problem::Magnitude { stage: 0, .. }]), "{magnitude}");
        }
    }

    #[test]
    fn extents_are_finite_and_positive() {
        for share in [0.0, -0.5, 1.1, f64::NAN, f64::INFINITY] {
            let problems = one(CurriculumStage { extent: Extent::Share(share), ..whole() });
            assert!(matches!(problems[0], Problem::Share { stage: 0, .. }), "{share}");
        }
        for epochs in [0.0, -1.0, 1.5, 1e7, f64::NAN, f64::INFINITY] {
            let problems = one(CurriculumStage { extent: Extent::Epochs(epochs), ..whole() });
            assert!(matches!(problems[..], [Problem::Epochs { stage: 0, .. }]), "{epochs}");
        }
    }

    #[test]
    fn shares_sum_to_one_within_a_millionth() {
        let stages = |share| [share; 3].map(|s| CurriculumStage::new(Extent::Share(s), 96, 1.0));
        assert_eq!(all("thirds", 224, Clock::Equivalents, &stages(0.333_333)), []);
        let problems = all("thirds", 224, Clock::Equivalents, &stages(0.333));
        assert!(matches!(problems[..], [Problem::ShareSum { .. }]));
    }

    #[test]
    fn extents_of_a_curriculum_are_of_one_kind() {
        let epochs = CurriculumStage { extent: Extent::Epochs(3.0), ..whole() };
        assert_eq!(
            all("mixed", 224, Clock::Passes, &[whole(), epochs]),
            [Problem::MixedExtents { stage: 1 }]
        );
        assert_eq!(all("clock", 224, Clock::Equivalents, &[epochs]), [Problem::EpochsInEquivalents]);
    }

    #[test]
    fn replay_and_its_buffer_go_together() {
        let problems = |replay, replay_buffer| one(CurriculumStage { replay, replay_buffer, ..whole() });
        for fits in [(1, 0), (2, 1), (64, 65_536)] {
            assert_eq!(problems(fits.0, fits.1), []);
        }
        assert_eq!(problems(0, 0), [Problem::Replay { stage: 0, replay: 0 }]);
        assert_eq!(problems(65, 1), [Problem::Replay { stage: 0, replay: 65 }]);
        for replay_buffer in [0, 65_537] {
            assert_eq!(problems(2, replay_buffer), [Problem::ReplayBuffer { stage: 0, replay_buffer }]);
        }
        assert_eq!(problems(1, 256), [Problem::UnusedReplayBuffer { stage: 0, replay_buffer: 256 }]);
    }

    #[test]
    fn batch_name_base_and_count_are_checked() {
        assert_eq!(one(CurriculumStage { batch: Some(0), ..whole() }), [Problem::Batch { stage: 0 }]);
        assert_eq!(all("", 224, Clock::Passes, &[whole()]), [Problem::Name { chars: 0 }]);
        assert_eq!(all("a\nb", 224, Clock::Passes, &[whole()]), [Problem::Name { chars: 3 }]);
        assert_eq!(all("odd", 225, Clock::Passes, &[whole()]), [Problem::Base { base: 225 }]);
        assert_eq!(all("empty", 224, Clock::Passes, &[]), [Problem::NoStages]);
        let many = vec![CurriculumStage { bandwidth: 1, ..whole() }; 257];
        assert_eq!(all("many", 224, Clock::Passes, &many), [Problem::TooManyStages { count: 257 }]);
    }

    #[test]
    fn all_problems_are_reported_in_one_message() {
        let stage = CurriculumStage { bandwidth: 97, magnitude: 11.0, ..whole() };
        let error = InvalidCurriculum { problems: one(stage) };
        assert_eq!(
            error.to_string(),
            "the curriculum is not valid: stage 0: bandwidth 97 must be an even number from 8 to the base \
             224; stage 0: magnitude 11 must be a number from 0 to 10"
        );
    }
}
