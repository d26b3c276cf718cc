//! Medians and ratios of a run, and how they are written down.

use std::time::Duration;

use serde::Serialize;

use super::{
    meter::Sample,
    pull::Singles,
    subject::{Format, Route, Socket, Subject},
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
    /// Batches one by one.
    pub singles: Vec<SingleOutcome>,
}

/// The results of a run for one subject.
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

/// The time of one batch, over all rounds.
#[derive(Clone, Debug, Serialize)]
pub struct SingleOutcome {
    /// The route and the format.
    pub name: String,
    /// From the want into the hands of the client, when nothing else is asked for.
    pub trip_us: Quantiles,
    /// The last part of that: from the completion of the batch on.
    pub arrival_us: Quantiles,
    /// The client's wait for a batch that was requested ahead.
    pub wait_us: Quantiles,
}

/// Microseconds that so many of 100 batches keep.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quantiles {
    /// 50.
    pub p50: f64,
    /// 99.
    pub p99: f64,
}

impl Outcome {
    /// The measurements of single batches.
    pub(super) const SINGLES: [(Route, Format); 4] = [
        (Route::Grpc(Socket::Unix), Format { rows: 1, ..Format::HALF }),
        (Route::Grpc(Socket::Unix), Format::HALF),
        (Route::SharedMemory, Format { rows: 1, ..Format::HALF }),
        (Route::SharedMemory, Format::HALF),
    ];

    /// Of the `samples` of each subject, one a round, and of the single batches.
    pub(super) fn of(subjects: &[Subject], samples: &[Vec<Sample>], singles: &[Singles]) -> Self {
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
        let singles = Self::SINGLES.into_iter().zip(singles);
        Self {
            subjects: subjects.iter().zip(samples).map(|(subject, rounds)| one(subject, rounds)).collect(),
            singles: singles
                .map(|((route, format), singles)| SingleOutcome::of(format!("{route}, {format}"), singles))
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

    /// One row a kind of batch.
    pub fn singles_table(&self) -> Table {
        let mut table = Table::new(&[
            "one batch, µs",
            "asked ahead, then waited for: p50",
            "p99",
            "from complete to received: p50",
            "p99",
            "from want to received: p50",
            "p99",
        ]);
        for SingleOutcome { name, trip_us, arrival_us, wait_us } in &self.singles {
            let quantiles = [wait_us, arrival_us, trip_us].map(|us| [us.p50, us.p99].map(short));
            table.row([name.clone()].into_iter().chain(quantiles.into_iter().flatten()).collect());
        }
        table
    }
}

impl SingleOutcome {
    fn of(name: String, Singles { trips, waits }: &Singles) -> Self {
        Self {
            name,
            trip_us: Quantiles::of(trips.iter().map(|trip| trip.whole)),
            arrival_us: Quantiles::of(trips.iter().map(|trip| trip.hand_over)),
            wait_us: Quantiles::of(waits.iter().copied()),
        }
    }
}

impl Quantiles {
    fn of(times: impl Iterator<Item = Duration>) -> Self {
        let mut times: Vec<Duration> = times.collect();
        times.sort();
        let at = |quantile: f64| {
            let rank = (quantile * times.len() as f64).ceil() as usize;
            times.get(rank.saturating_sub(1)).map_or(0.0, |time| time.as_secs_f64() * 1e6)
        };
        Self { p50: at(0.5), p99: at(0.99) }
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
        let outcome = Outcome::of(&subjects, &rounds, &vec![Singles::default(); 4]);
        let ratios: Vec<f64> = outcome.subjects.iter().map(|subject| subject.of_plain_copy.median).collect();
        assert_eq!(ratios, [1.0, 1.0, 0.5, 0.25]);
        let row = "| gRPC, Unix socket, 256 x u8 | 1.00 | 1.00 .. 2.00 | 0.25 | 0.50 | 0.25 |\n";
        assert!(outcome.table().markdown().ends_with(row), "{}", outcome.table().markdown());
    }

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let quantiles = Quantiles::of((1..=200).rev().map(Duration::from_micros));
        assert_eq!(quantiles, Quantiles { p50: 100.0, p99: 198.0 });
        assert_eq!(Quantiles::of([].into_iter()).p99, 0.0);
    }
}
