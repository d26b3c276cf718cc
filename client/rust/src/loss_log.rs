//! Logs the losses of a run's daemons: which daemon was lost, why, what happens now, and its return.
//!
//! One line when a daemon is lost and one when it is back, not one for each try. A daemon that comes and goes is
//! reported a few times and then once a minute. Nothing is logged while a run begins: if it cannot begin, its error says
//! why.

use std::time::{Duration, Instant};

use bandwise_proto::Address;

use crate::error::ClientError;

/// Losses of a daemon that are logged at once.
const BURST: u32 = 5;

/// Time after which one more may be logged.
const REFILL: Duration = Duration::from_mins(1);

/// The daemons of a run, and the losses that the log has.
#[derive(Debug)]
pub(crate) struct LossLog {
    daemons: Vec<Known>,
    patience: Duration,
    begun: bool,
}

#[derive(Debug)]
struct Known {
    address: Address,
    loss: Option<Loss>,
    /// Whether the loss was logged.
    reported: bool,
    allowance: Allowance,
}

#[derive(Debug)]
struct Loss {
    since: Instant,
    why: String,
    /// It is not tried again.
    refused: bool,
}

impl LossLog {
    /// Nothing is known of any daemon. A run without one waits for `patience`.
    pub(crate) fn new(addresses: impl Iterator<Item = Address>, patience: Duration, now: Instant) -> Self {
        let known = |address| Known { address, loss: None, reported: false, allowance: Allowance::new(now) };
        Self { daemons: addresses.map(known).collect(), patience, begun: false }
    }

    /// The run has begun, with streams at `open` daemons.
    pub(crate) fn begin(&mut self, open: usize, now: Instant) {
        self.begun = true;
        for daemon in 0..self.daemons.len() {
            self.report(daemon, open, now);
        }
    }

    /// A daemon is lost, or could not be reached once more; `open` others are there.
    pub(crate) fn lost(&mut self, daemon: usize, error: &ClientError, open: usize, now: Instant) {
        let known = &mut self.daemons[daemon];
        if known.reported {
            tracing::debug!(daemon = %known.address, %error, "the daemon is still lost");
            return;
        }
        let since = known.loss.as_ref().map_or(now, |loss| loss.since);
        known.loss = Some(Loss { since, why: error.to_string(), refused: false });
        self.report(daemon, open, now);
    }

    /// A daemon refuses the job.
    pub(crate) fn refused(&mut self, daemon: usize, error: &ClientError, now: Instant) {
        let known = &mut self.daemons[daemon];
        known.loss = Some(Loss { since: now, why: error.to_string(), refused: true });
        self.report(daemon, 0, now);
    }

    /// A daemon has a stream.
    pub(crate) fn back(&mut self, daemon: usize, now: Instant) {
        let known = &mut self.daemons[daemon];
        let Some(loss) = known.loss.take() else { return };
        if std::mem::take(&mut known.reported) {
            let seconds = now.saturating_duration_since(loss.since).as_secs_f64();
            // A warning too, so that readers of the loss also read of its end.
            tracing::warn!(daemon = %known.address, "the daemon is back after {seconds:.1} s");
        }
    }

    /// Logs a loss that the log does not have, unless there were too many.
    fn report(&mut self, daemon: usize, open: usize, now: Instant) {
        let (count, patience) = (self.daemons.len(), self.patience.as_secs_f64());
        let known = &mut self.daemons[daemon];
        let Some(loss) = known.loss.as_ref().filter(|_| self.begun) else { return };
        let (daemon, error) = (&known.address, &loss.why);
        if loss.refused {
            tracing::error!(%daemon, %error, "the daemon is not used: it refuses this job");
        } else if !known.allowance.take(now) {
            return;
        } else if open > 0 {
            tracing::warn!(%daemon, %error, "lost a daemon: others make its batches, and it is tried again");
        } else if count > 1 {
            tracing::warn!(%daemon, %error, "lost the last daemon: waiting up to {patience} s for one to come back");
        } else {
            tracing::warn!(%daemon, %error, "lost the daemon: waiting up to {patience} s for it to come back");
        }
        known.reported = true;
    }
}

/// The number of losses of a daemon that may still be logged.
#[derive(Debug)]
pub(crate) struct Allowance {
    left: u32,
    refilled: Instant,
}

impl Allowance {
    pub(crate) fn new(now: Instant) -> Self {
        Self { left: BURST, refilled: now }
    }

    /// Whether one more may be logged.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let more = now.saturating_duration_since(self.refilled).as_secs() / REFILL.as_secs();
        if more > 0 {
            self.left = BURST.min(self.left.saturating_add(more.min(u64::from(BURST)) as u32));
            self.refilled = now;
        }
        let may = self.left > 0;
        self.left = self.left.saturating_sub(1);
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error() -> ClientError {
        ClientError::Broken { reason: "cut".to_owned() }
    }

    fn two(now: Instant) -> LossLog {
        let address = |port| Address::Tcp { host: "host".to_owned(), port };
        LossLog::new([1, 2].map(address).into_iter(), Duration::from_mins(1), now)
    }

    #[test]
    fn a_loss_is_told_once_and_not_before_the_run_has_begun() {
        let now = Instant::now();
        let mut loss_log = two(now);
        loss_log.lost(0, &error(), 1, now);
        assert!(!loss_log.daemons[0].reported, "the run may not begin at all");
        loss_log.begin(1, now);
        assert!(loss_log.daemons[0].reported && !loss_log.daemons[1].reported);
        assert_eq!(loss_log.daemons[0].allowance.left, BURST - 1);
        for _ in 0..100 {
            loss_log.lost(0, &error(), 1, now);
        }
        assert_eq!(loss_log.daemons[0].allowance.left, BURST - 1, "each try is not a line");
        loss_log.back(0, now);
        assert!(!loss_log.daemons[0].reported);
        loss_log.refused(1, &error(), now);
        assert!(loss_log.daemons[1].reported);
    }

    #[test]
    fn a_daemon_that_comes_and_goes_is_told_now_and_then() {
        let mut now = Instant::now();
        let mut loss_log = two(now);
        loss_log.begin(2, now);
        let mut reported = 0;
        // Once a second for ten minutes.
        for _ in 0..600 {
            now += Duration::from_secs(1);
            loss_log.lost(0, &error(), 1, now);
            reported += u32::from(loss_log.daemons[0].reported);
            loss_log.back(0, now);
        }
        assert!((10..=16).contains(&reported), "{reported}");
        // A loss that was not reported is reported later if it lasts.
        let lost = now;
        while !loss_log.daemons[0].reported {
            now += Duration::from_secs(5);
            assert!(now < lost + 2 * REFILL);
            loss_log.lost(0, &error(), 1, now);
        }
    }
}
