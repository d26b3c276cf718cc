//! All subjects in turns, round after round.

use std::time::Duration;

use anyhow::{Context as _, Result};

use super::{
    meter::Sample,
    outcome::Outcome,
    plain,
    pull::{Singles, Source},
    subject::{Format, Route, Subject},
};
use crate::daemon::Daemon;

/// Settings of the measurement.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Rounds over all subjects.
    pub rounds: usize,
    /// Workers of the daemon.
    pub threads: usize,
    /// Time of one subject in one round, after its warm-up.
    pub time: Duration,
}

/// Measures all subjects; calls `before` with the name of what comes next.
///
/// # Errors
///
/// If the daemon cannot be started, a batch is not as it should be, or a subject cannot be measured.
pub fn run(settings: &Settings, before: impl FnMut(&str)) -> Result<Outcome> {
    // One thread that reads from the connection and puts batches together: to hand each part to another thread costs
    // more than to copy it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (daemon, unix, tcp) = Daemon::synthetic(settings.threads).await?;
        let source = Source::connect(unix, &tcp, Some(daemon.process())).await?;
        let outcome = with_daemon(settings, &source, &Subject::all(), before).await;
        drop(daemon);
        outcome
    })
}

/// The same with a daemon that runs already.
pub(super) async fn with_daemon(
    settings: &Settings,
    source: &Source,
    subjects: &[Subject],
    mut before: impl FnMut(&str),
) -> Result<Outcome> {
    for route in Route::ALL {
        for format in [Format::HALF, Format::BYTES] {
            source.check(route, format).await.with_context(|| format!("{route}, {format}"))?;
        }
    }
    let mut samples = vec![Vec::with_capacity(settings.rounds); subjects.len()];
    let mut singles = vec![Singles::default(); Outcome::SINGLES.len()];
    for _ in 0..settings.rounds {
        for (subject, samples) in subjects.iter().zip(&mut samples) {
            before(&subject.name());
            let sample = measure(subject, settings.time, source).await;
            samples.push(sample.with_context(|| format!("cannot measure '{}'", subject.name()))?);
        }
        for ((route, format), singles) in Outcome::SINGLES.into_iter().zip(&mut singles) {
            before(&format!("single batches: {route}, {format}"));
            singles.trips.extend(source.round_trips(route, format, settings.time).await?);
            singles.waits.extend(source.waits(route, format, settings.time).await?);
        }
    }
    Ok(Outcome::of(subjects, &samples, &singles))
}

async fn measure(subject: &Subject, time: Duration, source: &Source) -> Result<Sample> {
    let bytes = Format::HALF.image_bytes();
    match *subject {
        Subject::Memcpy => plain::memcpy(bytes, time),
        Subject::Plain(socket) => plain::copy(socket, bytes, time),
        Subject::Batches(route, format) => source.rate(route, format, time).await,
    }
}

#[cfg(test)]
mod tests;
