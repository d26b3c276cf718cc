//! Time as a run sees it: a real clock, and one that goes only while the trainer waits.
//!
//! A run looks at its daemons only while the trainer waits for a batch. Deadlines on the waiting clock therefore blame
//! no daemon for a trainer that was busy; rates are taken from the real one.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Weight of the newest value in a smoothed one.
const NEWEST: f64 = 0.2;

/// Times that are kept.
const KEPT: usize = 64;

/// Fewer times than this say nothing about what is usual.
const ENOUGH: usize = 8;

/// Moves a smoothed value towards a new one; the first value is taken as it is.
pub(crate) fn smooth(value: &mut Option<f64>, newest: f64) {
    *value = Some(value.map_or(newest, |old| old + NEWEST * (newest - old)));
}

/// A point in time on both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimePoint {
    pub(crate) real: Instant,
    /// Time that the trainer had waited until then, since the run began.
    pub(crate) waited: Duration,
}

impl TimePoint {
    /// The later of the two.
    pub(crate) fn or_later(self, other: Option<Self>) -> Self {
        other.filter(|other| other.real > self.real).unwrap_or(self)
    }

    /// Time that the trainer waited between `earlier` and this point.
    pub(crate) fn waited_since(self, earlier: Self) -> Duration {
        self.waited.saturating_sub(earlier.waited)
    }

    /// Real time between `earlier` and this point.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        self.real.saturating_duration_since(earlier.real)
    }
}

/// A look at the daemons: what is there when the trainer comes was there before; what comes later is fresh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// From 1.
    pub(crate) number: u64,
    pub(crate) fresh: bool,
}

/// The waiting clock, and how long the trainer stays away between two waits.
#[derive(Debug, Default)]
pub(crate) struct WaitClock {
    /// Waits that are over.
    waited: Duration,
    /// The start of the present wait.
    since: Option<Instant>,
    /// The end of the last wait.
    ended: Option<Instant>,
    /// Seconds between two waits, smoothed.
    away: Option<f64>,
    look: Look,
}

impl WaitClock {
    /// The trainer waits from now on.
    pub(crate) fn begin(&mut self, now: Instant) {
        if let Some(ended) = self.ended.take() {
            smooth(&mut self.away, now.saturating_duration_since(ended).as_secs_f64());
        }
        self.since = Some(now);
        self.look = Look { number: self.look.number + 1, fresh: false };
    }

    /// Everything that was there is taken.
    pub(crate) fn all_taken(&mut self) {
        self.look.fresh = true;
    }

    pub(crate) fn look(&self) -> Look {
        self.look
    }

    /// The trainer has what it waited for.
    pub(crate) fn end(&mut self, now: Instant) {
        if let Some(since) = self.since.take() {
            self.waited += now.saturating_duration_since(since);
        }
        self.ended = Some(now);
    }

    /// `now` on both clocks.
    pub(crate) fn time_point(&self, now: Instant) -> TimePoint {
        let waiting = self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        TimePoint { real: now, waited: self.waited + waiting }
    }

    /// Seconds that the trainer works on a batch; 0 while it is not known.
    pub(crate) fn trainer_seconds(&self) -> f64 {
        self.away.unwrap_or_default()
    }
}

/// The times of the last batches at the head of their daemon's queue.
#[derive(Debug, Default)]
pub(crate) struct Times {
    waited: VecDeque<Duration>,
    real: VecDeque<Duration>,
}

impl Times {
    /// Takes up a batch that was at the head from `from` to `to`.
    pub(crate) fn record(&mut self, from: TimePoint, to: TimePoint) {
        for (times, time) in [(&mut self.waited, to.waited_since(from)), (&mut self.real, to.since(from))] {
            if times.len() == KEPT {
                times.pop_front();
            }
            times.push_back(time);
        }
    }

    /// 95 of 100 batches let the trainer wait no longer; `None` while too few are known.
    pub(crate) fn usual_wait(&self) -> Option<Duration> {
        percentile_95(&self.waited)
    }

    /// 95 of 100 batches took no longer, a busy trainer included; `None` while too few are known.
    pub(crate) fn usual_time(&self) -> Option<Duration> {
        percentile_95(&self.real)
    }
}

fn percentile_95(times: &VecDeque<Duration>) -> Option<Duration> {
    if times.len() < ENOUGH {
        return None;
    }
    let mut sorted: Vec<Duration> = times.iter().copied().collect();
    sorted.sort_unstable();
    sorted.get(sorted.len() * 95 / 100).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_waiting_clock_stands_while_the_trainer_works() {
        let (mut clock, start) = (WaitClock::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        clock.begin(at(0));
        assert_eq!(clock.time_point(at(30)).waited, Duration::from_millis(30));
        clock.end(at(50));
        assert_eq!(clock.time_point(at(900)).waited, Duration::from_millis(50));
        clock.begin(at(1050));
        assert_eq!(clock.time_point(at(1060)).waited, Duration::from_millis(60));
        assert_eq!(clock.trainer_seconds(), 1.0);
        // A wait that was given up begins again.
        clock.begin(at(2000));
        assert_eq!(clock.time_point(at(2001)).waited, Duration::from_millis(51));
    }

    #[test]
    fn what_is_usual_needs_enough_times_and_forgets_old_ones() {
        let (mut times, start) = (Times::default(), Instant::now());
        let time_point = |ms| TimePoint { real: start + Duration::from_millis(ms), waited: Duration::ZERO };
        for _ in 0..7 {
            times.record(time_point(0), time_point(100));
        }
        assert_eq!(times.usual_time(), None);
        times.record(time_point(0), time_point(100));
        assert_eq!(times.usual_time(), Some(Duration::from_millis(100)));
        for _ in 0..64 {
            times.record(time_point(0), time_point(7));
        }
        assert_eq!(times.usual_time(), Some(Duration::from_millis(7)));
        assert_eq!(times.usual_wait(), Some(Duration::ZERO));
    }
}
