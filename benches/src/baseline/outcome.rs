//! Medians and ratios of a run, and how they are written down.

use serde::Serialize;

use super::subject::{Pull, Subject};
use crate::{
    report::{Table, short},
    stats::Spread,
};

/// What a run found.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// One for each subject, in their order.
    pub subjects: Vec<SubjectOutcome>,
    /// Index of the plain 224-pixel daemon subject, whose figure the README quotes.
    #[serde(skip)]
    headline: usize,
}

/// What a run found of one subject.
#[derive(Clone, Debug, Serialize)]
pub struct SubjectOutcome {
    /// Name of the subject.
    pub name: String,
    /// Images per second over the rounds.
    pub images_per_s: Spread,
    /// Ratio to subject a, taken round by round.
    pub of_whole_frames: Spread,
    /// Ratio to subject b, taken round by round.
    pub of_crop_and_resize: Spread,
    /// Images per second of each round.
    pub rounds: Vec<f64>,
}

impl Outcome {
    /// Of the `rates` of each subject: one a round.
    pub(super) fn of(subjects: &[Subject], rates: &[Vec<f64>]) -> Self {
        let position = |wanted: &Subject| subjects.iter().position(|subject| subject == wanted);
        let compared = |with: &Subject, rounds: &[f64]| {
            position(with).map_or(Spread::of(&[]), |index| Spread::of_ratios(rounds, &rates[index]))
        };
        let outcome = |(subject, rounds): (&Subject, &Vec<f64>)| SubjectOutcome {
            name: subject.name(),
            images_per_s: Spread::of(rounds),
            of_whole_frames: compared(&Subject::WholeFrames, rounds),
            of_crop_and_resize: compared(&Subject::CropAndResize, rounds),
            rounds: rounds.clone(),
        };
        Self {
            subjects: subjects.iter().zip(rates).map(outcome).collect(),
            headline: position(&Subject::Pull(Pull::PLAIN)).unwrap_or_default(),
        }
    }

    /// The line that the README quotes.
    pub fn headline(&self) -> &SubjectOutcome {
        &self.subjects[self.headline]
    }

    /// One row a subject.
    pub fn table(&self) -> Table {
        let mut table = Table::new(&["subject", "images/s", "lowest .. highest", "/ a", "/ b"]);
        for subject in &self.subjects {
            let Spread { median, min, max } = subject.images_per_s;
            table.row(vec![
                subject.name.clone(),
                format!("{median:.0}"),
                format!("{min:.0} .. {max:.0}"),
                short(subject.of_whole_frames.median),
                short(subject.of_crop_and_resize.median),
            ]);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_belong_to_their_round() {
        let subjects = [Subject::WholeFrames, Subject::CropAndResize, Subject::Pull(Pull::PLAIN)];
        let rates = [vec![100.0, 200.0, 110.0], vec![80.0, 160.0, 88.0], vec![50.0, 100.0, 60.0]];
        let outcome = Outcome::of(&subjects, &rates);
        let daemon = outcome.headline();
        assert_eq!(daemon.images_per_s, Spread { median: 60.0, min: 50.0, max: 100.0 });
        assert_eq!((daemon.of_whole_frames.median, daemon.of_crop_and_resize.median), (0.5, 0.625));
        let row = "| c: daemon, plain, 224 px, u8 | 60 | 50 .. 100 | 0.50 | 0.62 |\n";
        assert!(outcome.table().markdown().ends_with(row), "{}", outcome.table().markdown());
    }
}
