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
//! Sources: Wang et al., "EfficientTrain" (ICCV 2023) and "EfficientTrain++" (TPAMI 2024). The variants with
//! a replay buffer are known by name and refused.

use thiserror::Error;

use crate::curriculum::{Clock, Curriculum, CurriculumStage, Extent, Warmup};

/// The names that [`Curriculum::preset`] knows.
pub const PRESET_NAMES: [&str; 5] =
    ["efficienttrain", "efficienttrain++", "efficienttrain++-deit", "efficienttrain++-convnext", "none"];

const BASE: u32 = 224;
const REPLAY_SUFFIX: &str = "-replay";

/// No preset has this name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UnknownCurriculum {
    /// Nobody knows the name.
    #[error("no curriculum is called {name:?}; the names are {}", PRESET_NAMES.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// A variant with a replay buffer.
    #[error(
        "the curriculum {name:?} is not available yet: replay is not supported; the names are {}",
        PRESET_NAMES.join(", ")
    )]
    Replay {
        /// What was asked for.
        name: String,
    },
}

impl Curriculum {
    /// A curriculum of the papers, or `none`: 224 pixels and magnitude 9 throughout.
    ///
    /// # Errors
    ///
    /// [`UnknownCurriculum`], which lists the names.
    pub fn preset(name: &str) -> Result<Self, UnknownCurriculum> {
        match name {
            "efficienttrain" => Ok(efficienttrain()),
            "efficienttrain++" => Ok(plus_plus(name, &[(96, 2), (160, 4), (224, 4)], Warmup::USUAL)),
            "efficienttrain++-deit" => {
                Ok(plus_plus(name, &[(96, 2), (160, 4), (192, 2), (224, 2)], Warmup::Share(0.2)))
            }
            "efficienttrain++-convnext" => Ok(plus_plus(name, &[(160, 6), (224, 4)], Warmup::USUAL)),
            "none" => Ok(of_shares(name, Clock::Passes, Warmup::USUAL, &[(BASE, 9)])),
            _ => Err(unknown(name)),
        }
    }
}

fn efficienttrain() -> Curriculum {
    let stages = [(160, 1), (160, 3), (160, 5), (192, 7), (224, 9)];
    of_shares("efficienttrain", Clock::Passes, Warmup::USUAL, &stages)
}

/// Runs of (bandwidth, stages); the magnitude of a stage is its index.
fn plus_plus(name: &str, runs: &[(u32, usize)], warmup: Warmup) -> Curriculum {
    let bandwidths = runs.iter().flat_map(|&(bandwidth, stages)| std::iter::repeat_n(bandwidth, stages));
    let stages: Vec<_> = bandwidths.zip(0..).collect();
    of_shares(name, Clock::Equivalents, warmup, &stages)
}

/// Stages of equal shares, each a (bandwidth, magnitude).
fn of_shares(name: &str, clock: Clock, warmup: Warmup, stages: &[(u32, u32)]) -> Curriculum {
    let extent = Extent::Share(1.0 / stages.len() as f64);
    let stage = |&(bandwidth, magnitude)| CurriculumStage::new(extent, bandwidth, f64::from(magnitude));
    let stages = stages.iter().map(stage).collect();
    Curriculum { name: name.to_owned(), base: BASE, clock, warmup, stages }
}

fn unknown(name: &str) -> UnknownCurriculum {
    let stem = name.strip_suffix(REPLAY_SUFFIX);
    let replays = stem.is_some_and(|stem| PRESET_NAMES.contains(&stem));
    let name = name.to_owned();
    if replays { UnknownCurriculum::Replay { name } } else { UnknownCurriculum::Unknown { name } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check;

    #[test]
    fn every_name_gives_a_valid_curriculum_of_that_name() {
        for name in PRESET_NAMES {
            let preset = Curriculum::preset(name).expect("listed");
            assert_eq!(preset.name(), name);
            assert_eq!(check::all(name, preset.base, preset.clock, &preset.stages), []);
            assert_eq!(preset.fixed_epochs(), None);
        }
    }

    #[test]
    fn each_says_what_its_epochs_count() {
        let clocks = PRESET_NAMES.map(|name| Curriculum::preset(name).expect("listed").clock());
        let [passes, equivalents] = [Clock::Passes, Clock::Equivalents];
        assert_eq!(clocks, [passes, equivalents, equivalents, equivalents, passes]);
    }

    #[test]
    fn unknown_names_are_answered_with_the_list() {
        let error = Curriculum::preset("efficientrain").expect_err("misspelt");
        assert_eq!(
            error.to_string(),
            "no curriculum is called \"efficientrain\"; the names are efficienttrain, efficienttrain++, \
             efficienttrain++-deit, efficienttrain++-convnext, none"
        );
        let error = Curriculum::preset("efficienttrain++-deit-replay").expect_err("not yet");
        assert!(error.to_string().contains("not available yet: replay is not supported"), "{error}");
    }
}
