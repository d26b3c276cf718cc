//! Counts undecodable samples and stops a run that has too many of them.
//!
//! It counts rows, not samples: rows are trained on, and each rank can count its own. The fraction is taken of 1000
//! rows at least, because at the beginning of a run two rows of a good dataset may be 2 %.

use bandwise_proto::{is_unreadable, v1::BatchHeader};

use crate::error::ClientError;

/// Fewer rows than this count as so many: one bad sample in a small set, or two at the begin of a large one, stop
/// nothing.
const LEAST_ROWS: u64 = 1000;

/// Undecodable samples that the log names.
const TOLD_NAMES: usize = 10;

/// Names that are kept for the error.
const KEPT_NAMES: usize = 100;

/// Rows without their own sample against all rows of a run.
#[derive(Debug)]
pub(crate) struct Ceiling {
    max_fraction: f64,
    rows: u64,
    bad: u64,
    /// Bad samples by sample id with name and reason, each once, as far as they are kept.
    names: Vec<(u64, String)>,
}

impl Ceiling {
    /// Allows `max_fraction` of the rows.
    pub(crate) fn new(max_fraction: f64) -> Self {
        Self { max_fraction, rows: 0, bad: 0, names: Vec::new() }
    }

    /// Counts the rows of a batch.
    ///
    /// # Errors
    ///
    /// If more than the fraction of all rows so far, or of 1000 where they are fewer, hold a substitute or zeros.
    pub(crate) fn count(&mut self, header: &BatchHeader) -> Result<(), ClientError> {
        self.rows += header.rows;
        self.bad += header.substitutions.len() as u64;
        for substitution in &header.substitutions {
            let known = self.names.iter().any(|(sample, _)| *sample == substitution.requested);
            if !known && self.names.len() < KEPT_NAMES {
                let name = match substitution.requested_name.as_str() {
                    "" => format!("sample {}", substitution.requested),
                    name => name.to_owned(),
                };
                let name = format!("{name} ({})", substitution.reason);
                self.tell(&name, is_unreadable(&substitution.reason));
                self.names.push((substitution.requested, name));
            }
        }
        if self.bad as f64 <= self.max_fraction * self.rows.max(LEAST_ROWS) as f64 {
            return Ok(());
        }
        Err(ClientError::TooManyBad {
            bad: self.bad,
            rows: self.rows,
            max_fraction: self.max_fraction,
            names: self.names.iter().map(|(_, name)| name.clone()).collect(),
        })
    }

    /// The log has the first bad samples, each once.
    fn tell(&self, sample: &str, unreadable: bool) {
        let told = self.names.len();
        if told > TOLD_NAMES {
            return;
        }
        if told == TOLD_NAMES {
            tracing::warn!(
                "more samples are undecodable or unreadable; they are counted but no longer named"
            );
        } else if unreadable {
            tracing::warn!(%sample, "a sample cannot be read: its rows hold a substitute (on_unreadable = \
                 \"substitute\")");
        } else {
            tracing::warn!(%sample, "a sample is undecodable: its rows hold a substitute or zeros");
        }
    }
}

#[cfg(test)]
mod tests {
    use bandwise_proto::v1::Substitution;

    use super::*;

    fn batch(rows: u64, bad: std::ops::Range<u64>) -> BatchHeader {
        let substitution = |requested| Substitution {
            requested,
            requested_name: format!("a/{requested}.jpg"),
            reason: "empty".to_owned(),
            ..Substitution::default()
        };
        BatchHeader { rows, substitutions: bad.map(substitution).collect(), ..BatchHeader::default() }
    }

    #[test]
    fn a_few_bad_samples_stop_nothing_and_many_are_named() {
        let mut ceiling = Ceiling::new(0.01);
        assert!(ceiling.count(&batch(12, 0..10)).is_ok(), "10 of the first 1000 rows");
        let error = ceiling.count(&batch(12, 9..11)).unwrap_err().to_string();
        for part in ["12 of 24 rows", "1 %", "a/0.jpg (empty)", "a/10.jpg (empty)"] {
            assert!(error.contains(part), "no '{part}' in: {error}");
        }
        assert_eq!(error.matches("a/9.jpg").count(), 1, "{error}");
        let mut ceiling = Ceiling::new(0.01);
        assert!(ceiling.count(&batch(8000, 0..80)).is_ok());
        assert!(ceiling.count(&batch(8000, 80..160)).is_ok());
        let error = ceiling.count(&batch(1, 160..162)).unwrap_err().to_string();
        assert!(error.contains("and 62 more"), "{error}");
        assert!(Ceiling::new(0.0).count(&batch(1, 0..1)).is_err(), "none is none");
        assert!(Ceiling::new(1.0).count(&batch(9, 0..9)).is_ok());
    }
}
