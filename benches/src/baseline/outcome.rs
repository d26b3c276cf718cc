//! Medians and ratios of a run, and how they are written down.

use serde::Serialize;

use super::{
    meter::Rate,
    subject::{BareLoop, Pull, Subject},
};
use crate::{
    report::{Table, short},
    stats::Spread,
};

/// The results of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// One for each subject, in their order.
    pub subjects: Vec<SubjectOutcome>,
    /// Index of the plain 224-pixel daemon subject, whose figure the README quotes.
    #[serde(skip)]
    headline: usize,
}

/// The results of a run for one subject.
#[derive(Clone, Debug, Serialize)]
pub struct SubjectOutcome {
    /// Name of the subject.
    pub name: String,
    /// By the clock.
    pub images_per_s: Compared,
    /// By the CPU time of everything that took part.
    pub images_per_cpu_s: Compared,
}

/// A rate over the rounds, beside those of the loops.
#[derive(Clone, Debug, Serialize)]
pub struct Compared {
    /// The rate.
    pub rate: Spread,
    /// Its ratio to subject a, taken round by round.
    pub of_whole_frames: Spread,
    /// Its ratio to subject b, taken round by round.
    pub of_crop_and_resize: Spread,
    /// The rate of each round.
    pub rounds: Vec<f64>,
}

impl Outcome {
    /// Of the `rates` of each subject: one a round.
    pub(super) fn of(subjects: &[Subject], rates: &[Vec<Rate>]) -> Self {
        let per_s = compared(subjects, rates, |rate| rate.per_s);
        let per_cpu_s = compared(subjects, rates, |rate| rate.per_cpu_s);
        let outcome = |((subject, images_per_s), images_per_cpu_s): ((&Subject, _), _)| SubjectOutcome {
            name: subject.name(),
            images_per_s,
            images_per_cpu_s,
        };
        Self {
            subjects: subjects.iter().zip(per_s).zip(per_cpu_s).map(outcome).collect(),
            headline: position(subjects, &Subject::Pull(Pull::PLAIN)).unwrap_or_default(),
        }
    }

    /// The line that the README quotes.
    pub fn headline(&self) -> &SubjectOutcome {
        &self.subjects[self.headline]
    }

    /// One row a subject.
    pub fn table(&self) -> Table {
        let mut table = Table::new(&[
            "subject",
            "images/s",
            "lowest .. highest",
            "/ a",
            "/ b",
            "images/CPU s",
            "CPU: / a",
            "CPU: / b",
        ]);
        for SubjectOutcome { name, images_per_s: clock, images_per_cpu_s: cpu } in &self.subjects {
            table.row(vec![
                name.clone(),
                format!("{:.0}", clock.rate.median),
                format!("{:.0} .. {:.0}", clock.rate.min, clock.rate.max),
                short(clock.of_whole_frames.median),
                short(clock.of_crop_and_resize.median),
                format!("{:.0}", cpu.rate.median),
                short(cpu.of_whole_frames.median),
                short(cpu.of_crop_and_resize.median),
            ]);
        }
        table
    }
}

fn position(subjects: &[Subject], wanted: &Subject) -> Option<usize> {
    subjects.iter().position(|subject| subject == wanted)
}

/// One kind of rate of all subjects.
fn compared(subjects: &[Subject], rates: &[Vec<Rate>], kind: impl Fn(&Rate) -> f64) -> Vec<Compared> {
    let all: Vec<Vec<f64>> = rates.iter().map(|rounds| rounds.iter().map(&kind).collect()).collect();
    let ratios = |rounds: &[f64], with: &Subject| {
        position(subjects, with).map_or(Spread::of(&[]), |index| Spread::of_ratios(rounds, &all[index]))
    };
    let one = |rounds: &Vec<f64>| Compared {
        rate: Spread::of(rounds),
        of_whole_frames: ratios(rounds, &Subject::Loop(BareLoop::WholeFrames)),
        of_crop_and_resize: ratios(rounds, &Subject::Loop(BareLoop::CropAndResize)),
        rounds: rounds.clone(),
    };
    all.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(per_s: [f64; 3]) -> Vec<Rate> {
        per_s.map(|per_s| Rate { per_s, per_cpu_s: per_s / 2.0 + 1.0 }).to_vec()
    }

    #[test]
    fn ratios_belong_to_their_round() {
        let subjects = [
            Subject::Loop(BareLoop::WholeFrames),
            Subject::Loop(BareLoop::CropAndResize),
            Subject::Pull(Pull::PLAIN),
        ];
        let rates = [rates([98.0, 198.0, 110.0]), rates([78.0, 158.0, 88.0]), rates([49.0, 99.0, 55.0])];
        let outcome = Outcome::of(&subjects, &rates);
        let Compared { rate, of_whole_frames, .. } = &outcome.headline().images_per_s;
        assert_eq!(*rate, Spread { median: 55.0, min: 49.0, max: 99.0 });
        assert_eq!(of_whole_frames.median, 0.5);
        assert_eq!(outcome.headline().images_per_cpu_s.rate.median, 28.5);
        let row = "| c: daemon, plain, 224 px, u8 | 55 | 49 .. 99 | 0.50 | 0.63 | 28 | 0.51 | 0.63 |\n";
        assert!(outcome.table().markdown().ends_with(row), "{}", outcome.table().markdown());
    }
}
