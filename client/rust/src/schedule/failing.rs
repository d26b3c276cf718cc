//! Batches that no daemon can make at the moment: when they are requested again, from every daemon.
//!
//! A volume that is not there comes back, and so does a file that is being replaced. The run's patience limits how long
//! that is waited for, and the pauses between two rounds grow. Patience is the client's: only the client knows other
//! daemons, and only it can wait, because a row that waits in a daemon holds memory for its batch.

use std::time::{Duration, Instant};

use crate::{
    backoff::Backoff,
    schedule::{Entry, Phase, Scheduler, clock::TimePoint},
};

/// The facts about a batch that a daemon could not make.
#[derive(Debug)]
pub(super) struct Failing {
    /// The time of the first failure.
    pub(super) since: TimePoint,
    /// The time of the next request, while there is none.
    again: Option<Instant>,
    pauses: Backoff,
}

impl Failing {
    pub(super) fn new(since: TimePoint) -> Self {
        Self { since, again: None, pauses: Backoff::default() }
    }

    /// It is requested.
    pub(super) fn asked(&mut self) {
        self.again = None;
    }
}

impl Scheduler {
    /// Whether every daemon that takes wants has said that it cannot make a batch, and there is one.
    pub(super) fn all_unable(&self, entry: &Entry) -> bool {
        let mut open =
            (0..self.states.len()).filter(|&daemon| self.states[daemon].phase == Phase::Open).peekable();
        !entry.ready
            && entry.asks.is_empty()
            && open.peek().is_some()
            && open.all(|daemon| entry.unable.contains(&daemon))
    }

    /// Lets batches that no daemon could make be requested again after their pause.
    pub(super) fn ask_again(&mut self, now: TimePoint) {
        for position in 0..self.table.len() {
            if !self.all_unable(&self.table[position]) {
                continue;
            }
            let Entry { unable, failing: Some(failing), .. } = &mut self.table[position] else { continue };
            let Failing { again, pauses, .. } = failing;
            let at = *again.get_or_insert_with(|| now.real + pauses.next());
            if now.real >= at {
                unable.clear();
            }
        }
    }

    /// Time until a batch is requested again.
    pub(super) fn asked_again_in(&self, now: TimePoint) -> Option<Duration> {
        let again = |entry: &Entry| entry.failing.as_ref()?.again;
        let paused = self.table.iter().filter(|entry| self.all_unable(entry)).filter_map(again).min();
        paused.map(|again| again.saturating_duration_since(now.real))
    }
}
