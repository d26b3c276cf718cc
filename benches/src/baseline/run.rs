//! All subjects in turns, round after round.

use std::time::Duration;

use anyhow::{Context as _, Result};

use super::{
    loops,
    meter::Rate,
    outcome::Outcome,
    pull::Source,
    subject::{BareLoop, Subject},
};
use crate::{
    corpus::Corpus,
    daemon::{DATASET, Daemon},
};

/// Settings of the measurement.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Rounds over all subjects.
    pub rounds: usize,
    /// Threads of the loops, and workers of the daemon.
    pub threads: usize,
    /// Time of one subject in one round, after its warm-up.
    pub time: Duration,
    /// Rows of a batch.
    pub batch: u64,
}

/// Measures all subjects on `corpus`; calls `before` with what comes next.
///
/// # Errors
///
/// If the daemon cannot be started, a check of outputs fails, or a subject cannot be measured.
pub fn run(corpus: &Corpus, settings: &Settings, before: impl FnMut(&Subject)) -> Result<Outcome> {
    // One thread that reads and puts batches together, as in `bandwise pull`.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (daemon, connection) = Daemon::start(&corpus.folder, settings.threads).await?;
        let source = Source {
            connection: &connection,
            dataset: DATASET,
            batch: settings.batch,
            process: Some(daemon.process()),
        };
        let outcome = with_daemon(corpus, settings, &source, before).await;
        drop(daemon);
        outcome
    })
}

/// Rate of one bare loop over `corpus`, on `threads` threads for `time`, without a daemon.
///
/// # Errors
///
/// If our decoder and libjpeg-turbo disagree on a file, or one cannot be decoded.
pub fn loop_rate(which: BareLoop, corpus: &Corpus, threads: usize, time: Duration) -> Result<Rate> {
    loops::check_decoding(&corpus.files)?;
    loops::measure(which, (threads, time), &corpus.files)
}

/// The same with a daemon that runs already and serves the corpus.
pub(super) async fn with_daemon(
    corpus: &Corpus,
    settings: &Settings,
    source: &Source<'_>,
    mut before: impl FnMut(&Subject),
) -> Result<Outcome> {
    loops::check_decoding(&corpus.files)?;
    source.check(&corpus.files).await?;
    let subjects = Subject::all();
    let mut rates = vec![Vec::with_capacity(settings.rounds); subjects.len()];
    for _ in 0..settings.rounds {
        for (subject, rates) in subjects.iter().zip(&mut rates) {
            before(subject);
            let rate = measure(subject, corpus, settings, source).await;
            rates.push(rate.with_context(|| format!("cannot measure '{}'", subject.name()))?);
        }
    }
    Ok(Outcome::of(&subjects, &rates))
}

async fn measure(
    subject: &Subject,
    corpus: &Corpus,
    settings: &Settings,
    source: &Source<'_>,
) -> Result<Rate> {
    match subject {
        Subject::Loop(which) => loops::measure(*which, (settings.threads, settings.time), &corpus.files),
        Subject::Pull(pull) => source.rate(pull, settings.time).await,
    }
}

#[cfg(test)]
mod tests;
