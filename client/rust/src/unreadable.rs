//! Samples that daemons cannot read: their log lines, and the error when patience ends.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use bandwise_choice::Choice as _;
use bandwise_proto::{Address, Cause, Reason};

use crate::{error::ClientError, loss_log::Allowance, schedule::BatchId};

/// A batch that comes sooner is not worth a line.
const SOON: Duration = Duration::from_secs(1);

/// The batches that could not be made for want of a sample, as the log has named them.
#[derive(Debug)]
pub(crate) struct Unreadable {
    patience: Duration,
    told: HashMap<BatchId, Instant>,
    allowance: Allowance,
}

impl Unreadable {
    /// Nothing is known. A run asks again for `patience`.
    pub(crate) fn new(patience: Duration, now: Instant) -> Self {
        Self { patience, told: HashMap::new(), allowance: Allowance::new(now) }
    }

    /// A daemon could not make a batch; tells it at the first try, unless too much was told.
    pub(crate) fn failed(&mut self, id: BatchId, daemon: &Address, error: &ClientError, now: Instant) {
        let Some(ClientError::Unreadable { name, cause, reason, .. }) = of(error, Duration::ZERO) else {
            return;
        };
        if self.patience.is_zero() || self.told.contains_key(&id) || !self.allowance.take(now) {
            return;
        }
        self.told.insert(id, now);
        let patience = self.patience.as_secs_f64();
        tracing::warn!(
            %daemon, error = reason,
            "sample {name} of step {} cannot be read ({cause}): requesting it again, from every daemon, for up to \
             {patience} s",
            id.step
        );
    }

    /// A batch has come, or is given up.
    pub(crate) fn over(&mut self, id: BatchId, came: bool, now: Instant) {
        let Some(since) = self.told.remove(&id) else { return };
        let time = now.saturating_duration_since(since);
        if came && time >= SOON {
            let seconds = time.as_secs_f64();
            tracing::warn!(
                "the sample that could not be read for step {} was read after {seconds:.1} s",
                id.step
            );
        }
    }
}

/// The error of a run that has asked for a batch for `time`, if a daemon said that it cannot read a sample of it.
pub(crate) fn of(error: &ClientError, time: Duration) -> Option<ClientError> {
    let ClientError::Daemon { message, detail: Some(detail), .. } = error else { return None };
    if !detail.has_reason(Reason::Unreadable) {
        return None;
    }
    let or_unknown = |text: &str, unknown: &str| (if text.is_empty() { unknown } else { text }).to_owned();
    Some(ClientError::Unreadable {
        step: detail.step.unwrap_or_default(),
        sample: detail.sample.unwrap_or_default(),
        name: or_unknown(&detail.sample_name, "without a name"),
        cause: or_unknown(&detail.cause, Cause::Io.as_str()),
        reason: message.clone(),
        seconds: time.as_secs_f64(),
    })
}
