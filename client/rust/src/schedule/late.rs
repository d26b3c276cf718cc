//! Late batches: when a second daemon is asked too, and when a daemon is left.
//!
//! A late daemon is told from a dead one by the usual times, not by pings. A killed process closes its connections,
//! which is seen at once. A stopped one is only silent, like a slow one; so the deadline follows the times of the last
//! 64 batches and doubles while none comes. The only daemon left is never given up for being late.
//!
//! Hedges are only for the next batch in order: one at a time, one for twenty wants, and the slower daemon is
//! cancelled. A cancel applies to a step, so where a step has several batches the slower answer is not cancelled but
//! dropped when it comes.

use std::time::{Duration, Instant};

use crate::schedule::{Action, Phase, Scheduler, clock::TimePoint, daemon_state::DaemonState};

/// A batch is hedged at the earliest after so long a wait.
const HEDGE_FLOOR: Duration = Duration::from_millis(100);

/// A batch is hedged when it is waited for so many times longer than 95 of 100 are.
const HEDGE_FACTOR: u32 = 2;

/// One want in so many may be hedged.
const WANTS_FOR_A_HEDGE: u64 = 20;

/// A daemon is left at the earliest after so long a wait.
const LEAVE_FLOOR: Duration = Duration::from_secs(1);

/// A daemon is left when a batch takes so many times longer than 95 of 100 do.
const LEAVE_FACTOR: u32 = 4;

/// A daemon is left after so long a wait while nothing is known of usual times.
const LEAVE_UNKNOWN: Duration = Duration::from_secs(5);

/// Patience doubles at most so often.
const MAX_DOUBLINGS: u32 = 6;

impl Scheduler {
    /// Time until the next decision if nothing happens, if that is known.
    pub(crate) fn quiet_for(&self, now: Instant) -> Option<Duration> {
        let now = self.clock.time_point(now);
        self.late_in(now).into_iter().chain(self.asked_again_in(now)).min()
    }

    /// Time until the next batch is late.
    fn late_in(&self, now: TimePoint) -> Option<Duration> {
        let entry = self.table.front().filter(|entry| !entry.ready)?;
        let limits = [self.hedge_after(), Some(self.leave_after())];
        let waits = entry.asks.iter().map(|&(daemon, at)| self.head_wait(daemon, at, now));
        waits
            .flat_map(|wait| limits.iter().flatten().filter_map(move |limit| limit.checked_sub(wait)))
            .filter(|left| !left.is_zero())
            .min()
    }

    /// Leaves the daemons that owe the next batch for too long, and those that owe nothing any more because others were
    /// faster: whether they are still there shows when their stream is opened again.
    pub(super) fn leave_late(&mut self, now: TimePoint, actions: &mut Vec<Action>) {
        let late: Vec<(usize, Duration)> = self.late_with_next(now).chain(self.overtaken(now)).collect();
        for (daemon, wait) in late {
            // A late daemon is better than none.
            let others =
                |(other, state): (usize, &DaemonState)| other != daemon && state.phase == Phase::Open;
            if self.states.iter().enumerate().any(others) {
                self.closed(daemon, Phase::Closed);
                self.doublings += 1;
                actions.push(Action::Leave(daemon, wait));
            }
        }
    }

    fn late_with_next(&self, now: TimePoint) -> impl Iterator<Item = (usize, Duration)> {
        let limit = self.leave_after();
        let entry = self.table.front().filter(|entry| !entry.ready);
        entry
            .into_iter()
            .flat_map(|entry| &entry.asks)
            .map(move |&(daemon, at)| (daemon, self.head_wait(daemon, at, now)))
            .filter(move |&(_, wait)| wait >= limit)
    }

    fn overtaken(&self, now: TimePoint) -> impl Iterator<Item = (usize, Duration)> {
        self.states.iter().enumerate().filter_map(move |(daemon, state)| {
            let wait = now.since(state.suspect?);
            (state.phase == Phase::Open && state.is_idle() && wait >= LEAVE_FLOOR).then_some((daemon, wait))
        })
    }

    /// Asks one more daemon for the next batch if it is late.
    pub(super) fn hedge(&mut self, now: TimePoint, actions: &mut Vec<Action>) {
        let Some((daemon, limit)) = self.late(now) else { return };
        self.states[daemon].suspect.get_or_insert(now);
        if self.hedges * WANTS_FOR_A_HEDGE >= self.wants {
            return;
        }
        let usual = self.usual_period();
        // One that would only put it at the end of a long queue is no help.
        let idle_enough = |other: &usize| {
            let state = &self.states[*other];
            state.is_idle() || state.ready_after(usual, now) <= limit.as_secs_f64()
        };
        if let Some(other) = self.choose(0, now).filter(idle_enough)
            && other != daemon
        {
            self.hedges += 1;
            self.states[other].counts.hedged += 1;
            actions.push(self.want(0, other, now));
        }
    }

    /// The only daemon that was asked for the next batch, if it is late, and after how long a wait it is.
    fn late(&self, now: TimePoint) -> Option<(usize, Duration)> {
        let entry = self.table.front().filter(|entry| !entry.ready)?;
        let (&[(daemon, at)], limit) = (entry.asks.as_slice(), self.hedge_after()?) else { return None };
        (self.head_wait(daemon, at, now) >= limit).then_some((daemon, limit))
    }

    /// Time that the trainer has waited since the batch requested at `at` is at the head of its daemon's queue.
    fn head_wait(&self, daemon: usize, at: TimePoint, now: TimePoint) -> Duration {
        now.waited_since(self.states[daemon].head_since(at))
    }

    /// Time to wait for a batch before another daemon is asked too; `None` while the usual time is unknown.
    fn hedge_after(&self) -> Option<Duration> {
        self.times.usual_wait().map(|usual| usual.saturating_mul(HEDGE_FACTOR).max(HEDGE_FLOOR))
    }

    /// Time to wait for a batch before its daemon is left.
    fn leave_after(&self) -> Duration {
        let many = |usual: Duration| usual.saturating_mul(LEAVE_FACTOR).max(LEAVE_FLOOR);
        let adaptive = || self.times.usual_time().map_or(LEAVE_UNKNOWN, many);
        self.batch_timeout.unwrap_or_else(adaptive).saturating_mul(1 << self.doublings.min(MAX_DOUBLINGS))
    }
}
