//! Two daemons behind one client: what the second one adds, and what the trainer notices when it is killed.
//!
//! Each round measures a bare loop on one thread and on two, a daemon of one thread, and two such daemons behind one
//! client, in turns. What a second thread adds to the bare loop is what a second daemon can add at most. Then one of
//! the two is killed while batches are pulled, and the longest wait until the run is at its pace again is kept.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use bandwise_client::{Address, Batch, Run, RunOptions};
use serde::Serialize;

use crate::{
    baseline::{BareLoop, Pull, loop_rate},
    corpus::Corpus,
    daemon::{DATASET, Daemon},
    stats::Spread,
};

/// Batches that are thrown away first: more than the client's window.
const WARM_UP_BATCHES: u64 = 12;

/// Settings of the measurement.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Rounds over everything.
    pub rounds: usize,
    /// Time of one subject in one round, after its warm-up.
    pub time: Duration,
    /// Rows of a batch.
    pub batch: u64,
}

/// Images per second of one round, and what a kill costs.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Round {
    /// The bare loop over whole frames, on one thread and on two.
    pub loops: [f64; 2],
    /// One daemon of one thread, and two.
    pub daemons: [f64; 2],
    /// Longest wait of the trainer for a batch, in milliseconds, before one of two daemons was killed and after.
    pub longest_wait_ms: [f64; 2],
}

/// The results of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Rate of two threads of the bare loop over that of one.
    pub loop_scaling: Spread,
    /// Rate of two daemons over that of one.
    pub daemon_scaling: Spread,
    /// The second over the first, round by round.
    pub efficiency: Spread,
    /// Longest wait for a batch in milliseconds, before a daemon was killed and after.
    pub longest_wait_ms: [Spread; 2],
    /// Its parts.
    pub rounds: Vec<Round>,
}

/// Measures over `corpus`; calls `before` with what comes next.
///
/// # Errors
///
/// If a daemon does not start or a subject cannot be measured.
pub fn run(corpus: &Corpus, settings: &Settings, mut before: impl FnMut(&str)) -> Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut rounds = Vec::with_capacity(settings.rounds);
    for _ in 0..settings.rounds {
        before("bare loops");
        let rate = |threads| loop_rate(BareLoop::WholeFrames, corpus, threads, settings.time);
        let loops = [rate(1)?.per_s, rate(2)?.per_s];
        rounds.push(runtime.block_on(round(loops, &corpus.folder, settings, &mut before))?);
    }
    Ok(Outcome::of(rounds))
}

async fn round(
    loops: [f64; 2],
    folder: &Path,
    settings: &Settings,
    before: &mut impl FnMut(&str),
) -> Result<Round> {
    let (first, _) = Daemon::start(folder, 1).await?;
    let (second, _) = Daemon::start(folder, 1).await?;
    let both = [first.address().clone(), second.address().clone()];
    before("one daemon");
    let one = rate(&both[..1], settings).await?;
    before("two daemons");
    let two = rate(&both, settings).await?;
    before("a kill");
    let mut run = start(&both, settings.batch).await?;
    let calm = longest_wait(&mut run, settings.time).await?;
    drop(second);
    let killed = longest_wait(&mut run, settings.time.max(AFTER_KILL)).await?;
    Ok(Round { loops, daemons: [one, two], longest_wait_ms: [calm, killed] })
}

/// Time for which a run is watched after the kill, at least: longer than the longest deadline.
const AFTER_KILL: Duration = Duration::from_secs(8);

async fn start(daemons: &[Address], batch: u64) -> Result<Run> {
    let mut run = Run::with_daemons(daemons, Pull::PLAIN.job(DATASET, batch), &RunOptions::default()).await?;
    for _ in 0..WARM_UP_BATCHES {
        next(&mut run).await?;
    }
    Ok(run)
}

/// Images per second.
async fn rate(daemons: &[Address], settings: &Settings) -> Result<f64> {
    let mut run = start(daemons, settings.batch).await?;
    let (begun, mut images) = (Instant::now(), 0);
    while begun.elapsed() < settings.time {
        images += next(&mut run).await?.rows();
    }
    Ok(images as f64 / begun.elapsed().as_secs_f64())
}

/// The longest wait for a batch over `time`, in milliseconds.
async fn longest_wait(run: &mut Run, time: Duration) -> Result<f64> {
    let (begun, mut longest) = (Instant::now(), Duration::ZERO);
    while begun.elapsed() < time {
        let asked = Instant::now();
        next(run).await?;
        longest = longest.max(asked.elapsed());
    }
    Ok(longest.as_secs_f64() * 1e3)
}

async fn next(run: &mut Run) -> Result<Batch> {
    run.next().await?.context("the run ended within a round")
}

impl Outcome {
    fn of(rounds: Vec<Round>) -> Self {
        let spread = |kind: fn(&Round) -> f64| Spread::of(&rounds.iter().map(kind).collect::<Vec<f64>>());
        let scaling = |rates: [f64; 2]| rates[1] / rates[0];
        Self {
            loop_scaling: spread(|round| round.loops[1] / round.loops[0]),
            daemon_scaling: spread(|round| round.daemons[1] / round.daemons[0]),
            efficiency: Spread::of(
                &rounds.iter().map(|r| scaling(r.daemons) / scaling(r.loops)).collect::<Vec<f64>>(),
            ),
            longest_wait_ms: [
                spread(|round| round.longest_wait_ms[0]),
                spread(|round| round.longest_wait_ms[1]),
            ],
            rounds,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn daemons_are_held_against_threads_of_the_same_round() {
        let round = |loops, daemons, wait| Round { loops, daemons, longest_wait_ms: [1.0, wait] };
        let outcome = Outcome::of(vec![
            round([100.0, 200.0], [50.0, 90.0], 5.0),
            round([100.0, 100.0], [50.0, 50.0], 9.0),
            round([100.0, 160.0], [50.0, 72.0], 7.0),
        ]);
        let Spread { median, min, max } = outcome.efficiency;
        for (is, expected) in [(median, 0.9), (min, 0.9), (max, 1.0), (outcome.daemon_scaling.median, 1.44)] {
            assert!((is - expected).abs() < 1e-9, "{is} for {expected}");
        }
        assert_eq!(outcome.longest_wait_ms[1], Spread { median: 7.0, min: 5.0, max: 9.0 });
    }
}
