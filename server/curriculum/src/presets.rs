//! The curricula of the papers, by name.
//!
//! | name | bandwidths | magnitudes | shares | an epoch of the budget is | warm-up |
//! | --- | --- | --- | --- | --- | --- |
//! | `efficienttrain` | 160 x3, 192, 224 | 1, 3, 5, 7, 9 | fifths of the passes | a pass | 20 epochs |
//! | `efficienttrain++` | 96 x2, 160 x4, 224 x4 | 0 to 9 | tenths of the compute | a 224-equivalent | 20 epochs |
//! | `efficienttrain++-deit` | 96 x2, 160 x4, 192 x2, 224 x2 | 0 to 9 | tenths of the compute | a 224-equivalent | a fifth |
//! | `efficienttrain++-convnext` | 160 x6, 224 x4 | 0 to 9 | tenths of the compute | a 224-equivalent | 20 epochs |
//! | `none` | 224 | 9 | all | a pass | 20 epochs |
//!
//! With a replay buffer (`replay` trainings of each decoded sample, `buffer` in steps):
//!
//! | name | bandwidths and the rest as | replay | buffer | the papers' models |
//! | --- | --- | --- | --- | --- |
//! | `efficienttrain++-replay` | `efficienttrain++` | 2 x2, 1 x8 | 1024 | Swin-T, `CSWin`-T |
//! | `efficienttrain++-resnet-replay` | `efficienttrain++` | 4 x2, 2 x4, 1 x4 | 1920 x2, 256 x4 | `ResNet`-50 |
//! | `efficienttrain++-deit-replay` | `efficienttrain++-deit` | 4 x2, 2 x4, 1 x4 | 1920 x2, 256 x4 | `DeiT`-S |
//!
//! Sources: Wang et al., "EfficientTrain" (ICCV 2023) and "EfficientTrain++" (TPAMI 2024).

use thiserror::Error;

use crate::curriculum::{Clock, Curriculum, CurriculumStage, Extent, Split, Warmup};

/// The names that [`Curriculum::preset`] knows.
pub const PRESET_NAMES: [&str; 8] = [
    "efficienttrain",
    "efficienttrain++",
    "efficienttrain++-deit",
    "efficienttrain++-convnext",
    "efficienttrain++-replay",
    "efficienttrain++-resnet-replay",
    "efficienttrain++-deit-replay",
    "none",
];

const BASE: u32 = 224;

/// Runs of (bandwidth, stages).
const DEFAULT: [(u32, usize); 3] = [(96, 2), (160, 4), (224, 4)];
const DEIT: [(u32, usize); 4] = [(96, 2), (160, 4), (192, 2), (224, 2)];
const CONVNEXT: [(u32, usize); 2] = [(160, 6), (224, 4)];

/// Runs of (replay times, buffer, stages) at the start of a training.
const TWICE: [(u32, u32, usize); 1] = [(2, 1024, 2)];
const FOUR_TIMES: [(u32, u32, usize); 2] = [(4, 1920, 2), (2, 256, 4)];

/// No preset has this name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown curriculum {name:?}; the names are {}", PRESET_NAMES.join(", "))]
pub struct UnknownCurriculum {
    /// The requested name.
    pub name: String,
}

impl Curriculum {
    /// A curriculum of the papers, or `none`: 224 pixels and magnitude 9 throughout.
    ///
    /// # Errors
    ///
    /// [`UnknownCurriculum`], which lists the names.
    pub fn preset(name: &str) -> Result<Self, UnknownCurriculum> {
        let unknown = || UnknownCurriculum { name: name.to_owned() };
        let &name = PRESET_NAMES.iter().find(|known| **known == name).ok_or_else(unknown)?;
        Ok(Self { preset: Some(name), ..listed(name) })
    }
}

/// The preset of a name of the list.
fn listed(name: &str) -> Curriculum {
    let usual = |runs| plus_plus(name, runs, Warmup::default());
    let deit = || plus_plus(name, &DEIT, Warmup::Share(0.2));
    match name {
        "efficienttrain" => efficienttrain(),
        "efficienttrain++" => usual(&DEFAULT),
        "efficienttrain++-deit" => deit(),
        "efficienttrain++-convnext" => usual(&CONVNEXT),
        "efficienttrain++-replay" => replaying(usual(&DEFAULT), &TWICE),
        "efficienttrain++-resnet-replay" => replaying(usual(&DEFAULT), &FOUR_TIMES),
        "efficienttrain++-deit-replay" => replaying(deit(), &FOUR_TIMES),
        // The last of the names.
        _ => of_shares(name, Clock::Passes, Warmup::default(), &[(BASE, 9)]),
    }
}

fn efficienttrain() -> Curriculum {
    let stages = [(160, 1), (160, 3), (160, 5), (192, 7), (224, 9)];
    of_shares("efficienttrain", Clock::Passes, Warmup::default(), &stages)
}

/// Runs of (bandwidth, stages); the magnitude of a stage is its index.
fn plus_plus(name: &str, runs: &[(u32, usize)], warmup: Warmup) -> Curriculum {
    let bandwidths = runs.iter().flat_map(|&(bandwidth, stages)| std::iter::repeat_n(bandwidth, stages));
    let stages: Vec<_> = bandwidths.zip(0..).collect();
    of_shares(name, Clock::Equivalents, warmup, &stages)
}

/// The same with replay in its first stages.
fn replaying(mut curriculum: Curriculum, runs: &[(u32, u32, usize)]) -> Curriculum {
    let each = runs.iter().flat_map(|&(times, buffer, stages)| std::iter::repeat_n((times, buffer), stages));
    for (stage, (times, buffer)) in curriculum.stages.iter_mut().zip(each) {
        (stage.replay, stage.replay_buffer) = (times, buffer);
    }
    curriculum
}

/// Stages of equal shares, each a (bandwidth, magnitude).
fn of_shares(name: &str, clock: Clock, warmup: Warmup, stages: &[(u32, u32)]) -> Curriculum {
    let extent = Extent::Share(1.0 / stages.len() as f64);
    let stage = |&(bandwidth, magnitude)| CurriculumStage::new(extent, bandwidth, f64::from(magnitude));
    let stages = stages.iter().map(stage).collect();
    Curriculum {
        name: name.to_owned(),
        preset: None,
        base: BASE,
        clock,
        split: Split::Epochs,
        warmup,
        stages,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curriculum::CurriculumSpec;

    #[test]
    fn every_name_gives_a_valid_curriculum_of_that_name() {
        for name in PRESET_NAMES {
            let preset = Curriculum::preset(name).expect("listed");
            assert_eq!(preset.name(), name);
            let Curriculum { base, clock, split, warmup, stages, .. } = preset.clone();
            let spec =
                CurriculumSpec { name: name.to_owned(), base, clock, split, warmup, multiple_of: 32, stages };
            assert_eq!(preset.preset_name(), Some(name));
            assert_eq!(spec.check(), Ok(Curriculum { preset: None, ..preset.clone() }));
            assert_eq!(preset.fixed_epochs(), None);
        }
    }

    #[test]
    fn each_says_what_its_epochs_count() {
        let clocks = PRESET_NAMES.map(|name| Curriculum::preset(name).expect("listed").clock());
        let [passes, equivalents] = [Clock::Passes, Clock::Equivalents];
        assert_eq!((clocks[0], clocks[7]), (passes, passes));
        assert_eq!(clocks[1..7], [equivalents; 6]);
    }

    #[test]
    fn unknown_names_are_answered_with_the_list() {
        let error = Curriculum::preset("efficientrain").expect_err("misspelt");
        assert_eq!(
            error.to_string(),
            "unknown curriculum \"efficientrain\"; the names are efficienttrain, efficienttrain++, \
             efficienttrain++-deit, efficienttrain++-convnext, efficienttrain++-replay, \
             efficienttrain++-resnet-replay, efficienttrain++-deit-replay, none"
        );
    }

    #[test]
    fn replay_variants_differ_from_their_originals_in_replay_only() {
        for (name, original, runs) in [
            ("efficienttrain++-replay", "efficienttrain++", &TWICE[..]),
            ("efficienttrain++-resnet-replay", "efficienttrain++", &FOUR_TIMES[..]),
            ("efficienttrain++-deit-replay", "efficienttrain++-deit", &FOUR_TIMES[..]),
        ] {
            let mut variant = Curriculum::preset(name).expect("listed");
            let replaying: usize = runs.iter().map(|run| run.2).sum();
            assert!(variant.stages[..replaying].iter().all(|stage| stage.replay > 1), "{name}");
            for stage in &mut variant.stages {
                (stage.replay, stage.replay_buffer) = (1, 0);
            }
            let original = Curriculum::preset(original).expect("listed");
            (variant.name, variant.preset) = (original.name.clone(), original.preset);
            assert_eq!(variant, original);
        }
    }
}
