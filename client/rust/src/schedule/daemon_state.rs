//! One daemon as the scheduler sees it: its queue, its pace, the batches that it has made.

use std::time::Duration;

use crate::schedule::clock::{Look, TimePoint, smooth};

/// A pace that is not confirmed is believed half as much after the time of so many batches, so that a daemon that once
/// was slow is tried again.
const BELIEVED_BATCHES: f64 = 4.0;

/// The same after so long at the latest.
const BELIEVED: Duration = Duration::from_secs(5);

/// The kinds of requests that a daemon accepts now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing: there is no stream.
    Closed,
    /// Batches.
    Open,
    /// Nothing more; requested batches still come.
    Draining,
    /// Nothing, in this run.
    Refused,
}

/// The work of a daemon for a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Batches that were delivered to the trainer.
    pub(crate) batches: u64,
    /// Batches that were requested here, did not come, and were requested again.
    pub(crate) retried: u64,
    /// Batches requested here because another daemon was late with them.
    pub(crate) hedged: u64,
    /// Batches that came although the trainer had them already.
    pub(crate) duplicates: u64,
}

/// One daemon as the scheduler sees it.
#[derive(Debug)]
pub(crate) struct DaemonState {
    pub(crate) phase: Phase,
    pub(crate) counts: Counts,
    /// Since when a batch that was due was late here and nothing has come.
    pub(crate) suspect: Option<TimePoint>,
    /// Batches that may be under way at a time.
    capacity: usize,
    /// Batches that were requested and are still needed.
    outstanding: usize,
    /// Batches that will come although they are no longer needed.
    strays: usize,
    /// Seconds that a batch takes here while the daemon works for this run, smoothed.
    period: Option<f64>,
    last_answer: Option<TimePoint>,
    /// The look in which the last answer came that had come before.
    last_look: u64,
}

impl DaemonState {
    /// A daemon without a stream.
    pub(crate) fn new() -> Self {
        Self {
            phase: Phase::Closed,
            counts: Counts::default(),
            suspect: None,
            capacity: 0,
            outstanding: 0,
            strays: 0,
            period: None,
            last_answer: None,
            last_look: 0,
        }
    }

    /// A stream for `capacity` batches at a time is open.
    pub(crate) fn open(&mut self, capacity: usize, now: TimePoint) {
        let (counts, period) = (self.counts, self.period);
        let capacity = capacity.max(1);
        *self = Self { phase: Phase::Open, counts, capacity, period, last_answer: Some(now), ..Self::new() };
    }

    /// The stream has ended, with all its wants.
    pub(crate) fn close(&mut self, phase: Phase) {
        (self.phase, self.outstanding, self.strays, self.suspect) = (phase, 0, 0, None);
    }

    /// Whether another batch can be requested.
    pub(crate) fn takes_wants(&self) -> bool {
        self.phase == Phase::Open && self.outstanding + self.strays < self.capacity
    }

    /// Whether nothing is waited for.
    pub(crate) fn is_idle(&self) -> bool {
        self.outstanding == 0
    }

    pub(crate) fn asked(&mut self) {
        self.outstanding += 1;
    }

    /// A batch is not waited for any more; `comes` if it will come all the same.
    pub(crate) fn dropped(&mut self, comes: bool) {
        self.outstanding = self.outstanding.saturating_sub(1);
        self.strays += usize::from(comes);
    }

    /// Something has come; `asked_at` is when it was asked for if it was waited for. Since when it was at the head of
    /// the queue, if that says something.
    pub(crate) fn answered(
        &mut self,
        asked_at: Option<TimePoint>,
        now: TimePoint,
        look: Look,
    ) -> Option<TimePoint> {
        let from = asked_at.map(|asked_at| self.head_since(asked_at));
        match from {
            Some(_) => self.outstanding = self.outstanding.saturating_sub(1),
            None => self.strays = self.strays.saturating_sub(1),
        }
        self.last_answer = Some(now);
        self.suspect = None;
        from.filter(|&from| self.measure(from, now, look))
    }

    /// Whether the time says something.
    fn measure(&mut self, from: TimePoint, now: TimePoint, look: Look) -> bool {
        let seconds = now.since(from).as_secs_f64();
        if look.fresh {
            smooth(&mut self.period, seconds);
            return true;
        }
        // It had come before the trainer looked, so this is only more than it took; for a second one not even that.
        let first = self.last_look != look.number;
        if first {
            self.last_look = look.number;
            self.period = Some(self.period.map_or(seconds, |period| period.min(seconds)));
        }
        first
    }

    /// The time since which a batch requested at `asked_at` is at the head of the queue, if it is there.
    pub(crate) fn head_since(&self, asked_at: TimePoint) -> TimePoint {
        asked_at.or_later(self.last_answer)
    }

    /// Seconds that a batch takes, if it was measured.
    pub(crate) fn period(&self) -> Option<f64> {
        self.period
    }

    /// Seconds until one more batch would be there; `usual` seconds a batch where nothing was measured.
    pub(crate) fn ready_after(&self, usual: f64, now: TimePoint) -> f64 {
        let mut period = self.period.unwrap_or(usual);
        if self.is_idle()
            && let Some(last) = self.last_answer
        {
            let half_life = (BELIEVED_BATCHES * period).min(BELIEVED.as_secs_f64()).max(f64::MIN_POSITIVE);
            period *= (-now.since(last).as_secs_f64() / half_life).exp2();
        }
        (self.outstanding + self.strays + 1) as f64 * period
    }
}
