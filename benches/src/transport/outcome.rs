//! Medians and ratios of a run, and how they are written down.

use serde::Serialize;

use super::{
    meter::Sample,
    subject::{Format, Route, Socket, Subject},
};
use crate::{
    report::{Table, short},
    stats::Spread,
};

/// What a run found.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// One for each subject, in their order.
    pub subjects: Vec<SubjectOutcome>,
    /// The round trips of single batches.
    pub round_trips: Vec<RoundTrip>,
}

/// What a run found of one subject.
#[derive(Clone, Debug, Serialize)]
pub struct SubjectOutcome {
    /// Name of the subject.
    pub name: String,
    /// 10^9 bytes per second.
    pub gb_per_s: Spread,
    /// The ratio to the plain copy over the same socket, taken round by round; 0 where there is none.
    pub of_plain_copy: Spread,
    /// CPU seconds of the daemon, or of the plain sender, for 10^9 bytes.
    pub sender_cpu_s_per_gb: Spread,
    /// CPU seconds of the client for 10^9 bytes.
    pub receiver_cpu_s_per_gb: Spread,
    /// 10^9 bytes per second of each round.
    pub rounds_gb_per_s: Vec<f64>,
}

/// How long one batch takes from its want into the hands of the client, over all rounds.
#[derive(Clone, Debug, Serialize)]
pub struct RoundTrip {
    /// The route and the format.
    pub name: String,
    /// Batches.
    pub count: usize,
    /// The middle one, in microseconds.
    pub p50_us: f64,
    /// The time that 99 of 100 keep, in microseconds.
    pub p99_us: f64,
}

impl Outcome {
    /// Whose round trips are measured.
    pub(super) const ROUND_TRIPS: [(Route, Format); 4] = [
        (Route::Grpc(Socket::Unix), Format { rows: 1, ..Format::HALF }),
        (Route::Grpc(Socket::Unix), Format::HALF),
        (Route::SharedMemory, Format { rows: 1, ..Format::HALF }),
        (Route::SharedMemory, Format::HALF),
    ];

    /// Of the `samples` of each subject, one a round, and of the round trips in microseconds.
    pub(super) fn of(subjects: &[Subject], samples: &[Vec<Sample>], trips: Vec<Vec<f64>>) -> Self {
        let one = |subject: &Subject, rounds: &Vec<Sample>| {
            let ceiling = subjects.iter().position(|other| *other == subject.ceiling());
            let rates = rates(rounds);
            SubjectOutcome {
                name: subject.name(),
                gb_per_s: Spread::of(&rates),
                of_plain_copy: ceiling.map_or(Spread::of(&[]), |index| {
                    Spread::of_ratios(&rates, &self::rates(&samples[index]))
                }),
                sender_cpu_s_per_gb: spread(rounds, |sample| sample.sender_s_per_gb),
                receiver_cpu_s_per_gb: spread(rounds, |sample| sample.receiver_s_per_gb),
                rounds_gb_per_s: rates,
            }
        };
        let round_trips = Self::ROUND_TRIPS.into_iter().zip(trips);
        Self {
            subjects: subjects.iter().zip(samples).map(|(subject, rounds)| one(subject, rounds)).collect(),
            round_trips: round_trips
                .map(|((route, format), trips)| RoundTrip::of(format!("{route}, {format}"), trips))
                .collect(),
        }
    }

    /// One row a subject.
    pub fn table(&self) -> Table {
        let mut table = Table::new(&[
            "subject",
            "GB/s",
            "lowest .. highest",
            "/ plain copy",
            "sender: CPU s/GB",
            "receiver: CPU s/GB",
        ]);
        for outcome in &self.subjects {
            let rate = outcome.gb_per_s;
            table.row(vec![
                outcome.name.clone(),
                short(rate.median),
                format!("{} .. {}", short(rate.min), short(rate.max)),
                short(outcome.of_plain_copy.median),
                short(outcome.sender_cpu_s_per_gb.median),
                short(outcome.receiver_cpu_s_per_gb.median),
            ]);
        }
        table
    }

    /// One row a kind of round trip.
    pub fn round_trip_table(&self) -> Table {
        let mut table = Table::new(&["round trip of one batch", "p50, µs", "p99, µs", "batches"]);
        for RoundTrip { name, count, p50_us, p99_us } in &self.round_trips {
            table.row(vec![name.clone(), short(*p50_us), short(*p99_us), count.to_string()]);
        }
        table
    }
}

impl RoundTrip {
    fn of(name: String, mut trips: Vec<f64>) -> Self {
        trips.sort_by(f64::total_cmp);
        let at = |quantile: f64| {
            let rank = (quantile * trips.len() as f64).ceil() as usize;
            trips.get(rank.saturating_sub(1)).copied().unwrap_or_default()
        };
        Self { name, count: trips.len(), p50_us: at(0.5), p99_us: at(0.99) }
    }
}

fn rates(rounds: &[Sample]) -> Vec<f64> {
    rounds.iter().map(|sample| sample.gb_per_s).collect()
}

fn spread(rounds: &[Sample], kind: impl Fn(&Sample) -> f64) -> Spread {
    Spread::of(&rounds.iter().map(kind).collect::<Vec<f64>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(rates: [f64; 3]) -> Vec<Sample> {
        rates.map(|gb_per_s| Sample { gb_per_s, sender_s_per_gb: 0.5, receiver_s_per_gb: 0.25 }).to_vec()
    }

    #[test]
    fn each_socket_is_compared_with_its_own_copy() {
        let tcp = Subject::Batches(Route::Grpc(Socket::Tcp), Format::HALF);
        let unix = Subject::Batches(Route::Grpc(Socket::Unix), Format::BYTES);
        let subjects = [Subject::Plain(Socket::Tcp), Subject::Plain(Socket::Unix), tcp, unix];
        let rounds = [[2.0, 4.0, 2.0], [4.0, 8.0, 4.0], [1.0, 2.0, 1.0], [1.0, 2.0, 1.0]].map(samples);
        let outcome = Outcome::of(&subjects, &rounds, vec![vec![]; 4]);
        let ratios: Vec<f64> = outcome.subjects.iter().map(|subject| subject.of_plain_copy.median).collect();
        assert_eq!(ratios, [1.0, 1.0, 0.5, 0.25]);
        let row = "| gRPC, Unix socket, 256 x u8 | 1.00 | 1.00 .. 2.00 | 0.25 | 0.50 | 0.25 |\n";
        assert!(outcome.table().markdown().ends_with(row), "{}", outcome.table().markdown());
    }

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let trips = (1..=200).rev().map(f64::from).collect();
        let RoundTrip { count, p50_us, p99_us, .. } = RoundTrip::of(String::new(), trips);
        assert_eq!((count, p50_us, p99_us), (200, 100.0, 198.0));
        assert_eq!(RoundTrip::of(String::new(), Vec::new()).p99_us, 0.0);
    }
}
