//! Decisions of a run without I/O: which daemon is asked for the next batch, which one is late, and when a second one
//! is asked.
//!
//! The scheduler owns the table of batches that were requested and not yet delivered, in the order of delivery. It
//! receives what daemons answer and returns what to request, cancel and leave. Daemons are numbers here and time is an
//! argument, so hangs and races are tested on a fake clock.
//!
//! - A batch goes to the daemon that will have it first, by the smoothed time that a batch takes there and the length
//!   of its queue. The preferred daemon (the first of the list, over a Unix socket) gets it if it will have it before
//!   the trainer comes to it, even where others are faster: work stays at home until home is saturated.
//! - The first answer for a batch is kept until its turn; a second one is dropped, and its slot goes back.
//! - When the trainer waits for a batch much longer than is usual (twice the 95th percentile, 100 ms at least), one
//!   more daemon is asked for it (a hedge), and the late one gets no wants until it answers: never more than one, and
//!   for at most one want in twenty beyond the first.
//! - When it waits much longer still (four times, 1 s at least), the daemon is left, if there is another, and
//!   everything that was requested there is requested elsewhere. Without an answer in between, the patience doubles
//!   from daemon to daemon, so that a run whose batches have become slow does not leave all of them for ever. A daemon
//!   that owes nothing is left after 1 s of silence.
//! - Waits are counted only while the trainer waits, so no daemon is blamed for a trainer that computes for a minute.
//! - A batch that a daemon cannot make is requested from the others, and, when all have failed, from all of them again
//!   after pauses that grow. The run decides when to stop.

mod clock;
mod daemon_state;
mod failing;
mod late;
#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use clock::{TimePoint, Times, WaitClock};
use daemon_state::DaemonState;
pub(crate) use daemon_state::{Counts, Phase};
use failing::Failing;

/// The identity of a batch within a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct BatchId {
    pub(crate) step: u64,
    pub(crate) first_row: u64,
}

/// A batch that the trainer will want.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) id: BatchId,
    pub(crate) rows: u64,
}

/// A decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Ask a daemon for a batch.
    Want(usize, Wanted),
    /// Cancel the wants of a step at a daemon.
    Cancel(usize, u64),
    /// End the stream of a daemon that is late: the trainer has waited so long.
    Leave(usize, Duration),
    /// End the stream of a daemon that is about to stop and has delivered everything.
    Drained(usize),
}

/// The state of the next batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// No batch is needed.
    Nothing,
    /// It is there.
    Ready(BatchId),
    /// Every daemon refuses the job.
    Impossible(BatchId),
    /// Every daemon that could be asked has said that it cannot make it; the trainer waits since the first said so.
    Failing(BatchId, Duration),
    /// The trainer waits for it, and no daemon has made it for that long.
    Waiting(BatchId, Option<Duration>),
}

/// A batch in the table.
#[derive(Debug)]
struct Entry {
    wanted: Wanted,
    ready: bool,
    /// The daemons that were asked and have not answered, and the times of the requests.
    asks: Vec<(usize, TimePoint)>,
    /// The daemons that cannot make it.
    unable: Vec<usize>,
    /// Set if a daemon could not make it.
    failing: Option<Failing>,
}

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct Scheduler {
    states: Vec<DaemonState>,
    table: VecDeque<Entry>,
    clock: WaitClock,
    times: Times,
    /// Time to wait for a batch; adaptive if absent.
    batch_timeout: Option<Duration>,
    /// The daemon at home.
    preferred: Option<usize>,
    /// Among equals the daemon of this number comes first.
    first: usize,
    wants: u64,
    hedges: u64,
    /// Daemons left since the last answer.
    doublings: u32,
    /// The time since which no daemon makes the next batch.
    starving: Option<TimePoint>,
    /// Cancels that answers have led to.
    cancels: Vec<Action>,
}

impl Scheduler {
    /// A scheduler for `daemons` daemons without a stream. Among equals the one of number `first` comes first.
    pub(crate) fn new(
        daemons: usize,
        preferred: Option<usize>,
        first: u64,
        batch_timeout: Option<Duration>,
    ) -> Self {
        Self {
            states: (0..daemons).map(|_| DaemonState::new()).collect(),
            table: VecDeque::new(),
            clock: WaitClock::default(),
            times: Times::default(),
            batch_timeout,
            preferred,
            first: (first % daemons.max(1) as u64) as usize,
            wants: 0,
            hedges: 0,
            doublings: 0,
            starving: None,
            cancels: Vec::new(),
        }
    }

    /// The trainer waits from now on.
    pub(crate) fn wait_begins(&mut self, now: Instant) {
        self.clock.begin(now);
    }

    /// Everything that came before the trainer began to wait has been reported.
    pub(crate) fn all_taken(&mut self) {
        self.clock.all_taken();
    }

    /// The trainer has a batch, or an error.
    pub(crate) fn wait_ends(&mut self, now: Instant) {
        self.clock.end(now);
    }

    /// Batches in the table.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// The work of a daemon.
    pub(crate) fn counts(&self, daemon: usize) -> Counts {
        self.states[daemon].counts
    }

    /// The phase of a daemon.
    pub(crate) fn phase(&self, daemon: usize) -> Phase {
        self.states[daemon].phase
    }

    /// Puts a batch after the others.
    pub(crate) fn add(&mut self, wanted: Wanted) {
        let entry = Entry { wanted, ready: false, asks: Vec::new(), unable: Vec::new(), failing: None };
        self.table.push_back(entry);
    }

    /// A daemon's stream for `capacity` batches at a time is open.
    pub(crate) fn opened(&mut self, daemon: usize, capacity: usize, now: Instant) {
        let now = self.clock.time_point(now);
        self.states[daemon].open(capacity, now);
        // It may be another process by now, with all of its files.
        for entry in &mut self.table {
            entry.unable.retain(|&unable| unable != daemon);
        }
    }

    /// A daemon's stream has ended: the batches that it owes are requested elsewhere. [`Phase::Refused`] if it is not
    /// to be used again.
    pub(crate) fn closed(&mut self, daemon: usize, phase: Phase) {
        let state = &mut self.states[daemon];
        state.close(phase);
        for entry in &mut self.table {
            let before = entry.asks.len();
            entry.asks.retain(|&(asked, _)| asked != daemon);
            state.counts.retried += u64::from(entry.asks.len() < before);
        }
    }

    /// A daemon is about to stop.
    pub(crate) fn draining(&mut self, daemon: usize) {
        if self.states[daemon].phase == Phase::Open {
            self.states[daemon].phase = Phase::Draining;
        }
    }

    /// A daemon has answered with a batch, or with its error. Returns whether it is needed.
    pub(crate) fn answered(&mut self, daemon: usize, id: BatchId, now: Instant) -> bool {
        let now = self.clock.time_point(now);
        let position = self.position(id);
        self.settle(daemon, position, now);
        let Some(entry) = position.and_then(|position| self.table.get_mut(position)) else {
            self.states[daemon].counts.duplicates += 1;
            return false;
        };
        if std::mem::replace(&mut entry.ready, true) {
            self.states[daemon].counts.duplicates += 1;
            return false;
        }
        self.states[daemon].counts.batches += 1;
        let losers = std::mem::take(&mut entry.asks);
        for (loser, _) in losers {
            self.lose(loser, id.step);
        }
        true
    }

    /// A daemon cannot make a batch.
    pub(crate) fn unable(&mut self, daemon: usize, id: BatchId, now: Instant) {
        let now = self.clock.time_point(now);
        let position = self.position(id);
        self.settle(daemon, position, now);
        let Some(entry) = position.and_then(|position| self.table.get_mut(position)) else { return };
        if !entry.ready && !entry.unable.contains(&daemon) {
            entry.unable.push(daemon);
            entry.failing.get_or_insert_with(|| Failing::new(now));
            self.states[daemon].counts.retried += 1;
        }
    }

    /// A daemon that is about to stop has not taken up a want.
    pub(crate) fn declined(&mut self, daemon: usize, id: BatchId) {
        self.draining(daemon);
        let Some(position) = self.position(id) else { return };
        let entry = &mut self.table[position];
        let before = entry.asks.len();
        entry.asks.retain(|&(asked, _)| asked != daemon);
        if entry.asks.len() < before {
            self.states[daemon].dropped(false);
            self.states[daemon].counts.retried += 1;
        }
    }

    /// The next batch.
    pub(crate) fn front(&self) -> Option<BatchId> {
        self.table.front().map(|entry| entry.wanted.id)
    }

    /// Takes the next batch out of the table.
    pub(crate) fn deliver(&mut self) {
        self.table.pop_front();
    }

    /// The state of the next batch.
    pub(crate) fn due(&self, now: Instant) -> Due {
        let Some(entry) = self.table.front() else { return Due::Nothing };
        let id = entry.wanted.id;
        if entry.ready {
            return Due::Ready(id);
        }
        let usable = |state: &DaemonState| state.phase != Phase::Refused;
        if entry.asks.is_empty() && !self.states.iter().any(usable) {
            return Due::Impossible(id);
        }
        let now = self.clock.time_point(now);
        if let Some(failing) = entry.failing.as_ref().filter(|_| self.all_unable(entry)) {
            return Due::Failing(id, now.waited_since(failing.since));
        }
        let starving = self.starving.filter(|_| entry.asks.is_empty());
        Due::Waiting(id, starving.map(|since| now.waited_since(since)))
    }

    /// The decisions of this moment.
    pub(crate) fn decide(&mut self, now: Instant) -> Vec<Action> {
        let now = self.clock.time_point(now);
        let mut actions = std::mem::take(&mut self.cancels);
        self.leave_late(now, &mut actions);
        self.leave_drained(&mut actions);
        self.ask_again(now);
        self.ask(now, &mut actions);
        self.hedge(now, &mut actions);
        let nobody = self.table.front().is_some_and(|entry| !entry.ready && entry.asks.is_empty());
        if nobody {
            self.starving.get_or_insert(now);
        }
        actions
    }

    fn position(&self, id: BatchId) -> Option<usize> {
        self.table.iter().position(|entry| entry.wanted.id == id)
    }

    /// Does the accounts of an answer.
    fn settle(&mut self, daemon: usize, position: Option<usize>, now: TimePoint) {
        let entry = position.and_then(|position| self.table.get_mut(position));
        let asked_at = entry.and_then(|entry| {
            let ask = entry.asks.iter().position(|&(asked, _)| asked == daemon)?;
            Some(entry.asks.swap_remove(ask).1)
        });
        if let Some(from) = self.states[daemon].answered(asked_at, now, self.clock.look()) {
            self.times.record(from, now);
        }
        (self.doublings, self.starving) = (0, None);
    }

    /// Takes back what is not needed any more. A cancel is for all batches of a step, so it must be the only one.
    fn lose(&mut self, daemon: usize, step: u64) {
        let asked_for = |entry: &Entry| {
            entry.wanted.id.step == step && entry.asks.iter().any(|&(asked, _)| asked == daemon)
        };
        let comes = self.table.iter().any(asked_for);
        self.states[daemon].dropped(comes);
        if !comes {
            self.cancels.push(Action::Cancel(daemon, step));
        }
    }

    fn leave_drained(&mut self, actions: &mut Vec<Action>) {
        for (daemon, state) in self.states.iter_mut().enumerate() {
            if state.phase == Phase::Draining && state.is_idle() {
                state.close(Phase::Closed);
                actions.push(Action::Drained(daemon));
            }
        }
    }

    /// Requests every batch that no daemon was asked for, as far as daemons take wants.
    fn ask(&mut self, now: TimePoint, actions: &mut Vec<Action>) {
        for position in 0..self.table.len() {
            let entry = &self.table[position];
            if entry.ready || !entry.asks.is_empty() {
                continue;
            }
            if let Some(daemon) = self.choose(position, now) {
                actions.push(self.want(position, daemon, now));
            }
        }
    }

    fn want(&mut self, position: usize, daemon: usize, now: TimePoint) -> Action {
        let entry = &mut self.table[position];
        entry.asks.push((daemon, now));
        if let Some(failing) = &mut entry.failing {
            failing.asked();
        }
        self.states[daemon].asked();
        self.wants += 1;
        Action::Want(daemon, entry.wanted)
    }

    /// The daemon for the batch at `position`.
    fn choose(&self, position: usize, now: TimePoint) -> Option<usize> {
        let usual = self.usual_period();
        let can = |daemon: usize| {
            self.states[daemon].takes_wants() && !self.table[position].unable.contains(&daemon)
        };
        let due_in = (position + 1) as f64 * self.clock.trainer_seconds();
        let in_time = |&daemon: &usize| {
            let state = &self.states[daemon];
            can(daemon) && state.suspect.is_none() && state.ready_after(usual, now) <= due_in
        };
        if let Some(home) = self.preferred.filter(in_time) {
            return Some(home);
        }
        let count = self.states.len();
        // A late daemon only where there is no other; among equals they take turns, from rank to rank too.
        (0..count).map(|turn| (self.first + turn) % count).filter(|&daemon| can(daemon)).min_by(
            |&one, &other| {
                let rank = |daemon: usize| {
                    let state = &self.states[daemon];
                    (state.suspect.is_some(), state.ready_after(usual, now))
                };
                let (one, other) = (rank(one), rank(other));
                one.0.cmp(&other.0).then(one.1.total_cmp(&other.1))
            },
        )
    }

    /// Seconds that a batch takes at a daemon that is not measured: what it takes at the others.
    fn usual_period(&self) -> f64 {
        let known: Vec<f64> = self.states.iter().filter_map(DaemonState::period).collect();
        if known.is_empty() { 1.0 } else { known.iter().sum::<f64>() / known.len() as f64 }
    }
}
