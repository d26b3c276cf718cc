//! Unexpected parts of a plan: it can be run, and is hardly what the user meant. Short trials of curricula made for
//! hundreds of epochs are the usual case.

use std::fmt;

use crate::plan::{Plan, StagePlan};

/// Part of a stage's clock beyond which a warm-up of the learning rate is called long.
const LONG_WARMUP: f64 = 0.5;

/// Something about a plan that its user should know. Prints as a sentence that says what can be done.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum PlanWarning {
    /// Stages are left without steps, because the budget is too small for them.
    NoSteps {
        /// Position and bandwidth of each, in order; at least one.
        stages: Vec<(usize, u32)>,
    },
    /// The warm-up of the learning rate takes more than half of a stage's clock.
    LongWarmup {
        /// Position of the stage in which it takes the largest part.
        stage: usize,
        /// Its warm-up, in epochs of its clock.
        warmup_epochs: f64,
        /// Length of its clock, in epochs.
        clock_epochs: f64,
        /// Whether the training ends before the learning rate has reached its peak.
        below_peak: bool,
    },
}

impl Plan {
    /// The oddities of the plan. `trains` is whether a learning rate follows it: a validation has none.
    pub fn warnings(&self, trains: bool) -> Vec<PlanWarning> {
        let warmup = if trains { self.long_warmup() } else { None };
        self.without_steps().into_iter().chain(warmup).collect()
    }

    fn without_steps(&self) -> Option<PlanWarning> {
        let empty = self.stages().iter().filter(|stage| stage.steps == 0);
        let stages: Vec<_> = empty.map(|stage| (stage.index, stage.bandwidth)).collect();
        (!stages.is_empty()).then_some(PlanWarning::NoSteps { stages })
    }

    fn long_warmup(&self) -> Option<PlanWarning> {
        let share = |stage: &StagePlan| stage.warmup_epochs / stage.clock_epochs.max(f64::MIN_POSITIVE);
        let run = self.stages().iter().filter(|stage| stage.steps > 0);
        let worst = run.clone().max_by(|a, b| share(a).total_cmp(&share(b)))?;
        (share(worst) > LONG_WARMUP).then(|| PlanWarning::LongWarmup {
            stage: worst.index,
            warmup_epochs: worst.warmup_epochs,
            clock_epochs: worst.clock_epochs,
            below_peak: run.clone().all(|stage| stage.clock_end < stage.warmup_epochs),
        })
    }
}

impl fmt::Display for PlanWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSteps { stages } => {
                let names: Vec<_> =
                    stages.iter().map(|(index, bandwidth)| format!("{index} (B = {bandwidth})")).collect();
                let (noun, verb) = if stages.len() == 1 { ("stage", "gets") } else { ("stages", "get") };
                write!(
                    f,
                    "{noun} {} {verb} no steps, as the budget is too small for so many stages; give more epochs, or a \
                     curriculum file with split = \"steps\", whose stages need no whole epoch",
                    names.join(", ")
                )
            }
            Self::LongWarmup { stage, warmup_epochs, clock_epochs, below_peak } => {
                let then =
                    if *below_peak { "never reaches its peak" } else { "falls from its peak early and fast" };
                write!(
                    f,
                    "the warm-up of the learning rate takes {} of the {} epochs that stage {stage} has for it, so that \
                     lr_factor {then}; give more epochs, or a curriculum file with a smaller warmup_epochs or \
                     warmup_share (it may start from a preset), or do not use lr_factor",
                    rounded(*warmup_epochs),
                    rounded(*clock_epochs)
                )
            }
        }
    }
}

/// Two digits behind the point, where they are not 0.
fn rounded(epochs: f64) -> f64 {
    (epochs * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        curriculum::Curriculum,
        plan::{PlanRequest, Tail},
        presets::PRESET_NAMES,
    };

    fn plan(curriculum: &Curriculum, epochs: f64) -> Plan {
        let request = PlanRequest { epochs, dataset_len: 12_800, global_batch: 64, tail: Tail::Drop };
        Plan::resolve(curriculum, &request).unwrap()
    }

    #[test]
    fn trainings_of_the_papers_are_as_expected() {
        for name in PRESET_NAMES {
            for epochs in [100.0, 200.0, 300.0] {
                assert_eq!(plan(&Curriculum::preset(name).unwrap(), epochs).warnings(true), [], "{name}");
            }
        }
    }

    #[test]
    fn a_short_run_is_told_of_its_warm_up_and_a_validation_is_not() {
        let none = plan(&Curriculum::preset("none").unwrap(), 10.0);
        assert_eq!(none.warnings(false), []);
        let [warning] = none.warnings(true).try_into().unwrap();
        let expected =
            PlanWarning::LongWarmup { stage: 0, warmup_epochs: 20.0, clock_epochs: 10.0, below_peak: true };
        assert_eq!(warning, expected);
        let text = warning.to_string();
        assert!(text.contains("20 of the 10 epochs") && text.contains("never reaches"), "{text}");
        let [warning] = plan(&Curriculum::preset("none").unwrap(), 30.0).warnings(true).try_into().unwrap();
        assert!(!warning.to_string().contains("never"), "{warning}");
    }

    #[test]
    fn stages_without_steps_are_named() {
        let plan = plan(&Curriculum::preset("efficienttrain").unwrap(), 3.0);
        let empty: Vec<usize> =
            plan.stages().iter().filter(|stage| stage.steps == 0).map(|stage| stage.index).collect();
        assert!(!empty.is_empty());
        let text = plan.warnings(false)[0].to_string();
        for index in empty {
            assert!(text.contains(&format!("{index} (B = ")), "{text}");
        }
        assert!(text.contains("split = \"steps\""), "{text}");
    }
}
