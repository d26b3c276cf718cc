//! The options of a rank's run.

use std::time::Duration;

use bandwise_proto::v1::Priority;

use crate::{expected::Expected, rank_share::RankShare, state::RunState, transport::Transport};

/// The options of a rank's run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The rank's share of each step.
    pub share: RankShare,
    /// The first step.
    pub from_step: u64,
    /// Number of steps; `None`: all to the end of the plan.
    pub steps: Option<u64>,
    /// Batches requested ahead of the next one, at least 1; over all daemons together.
    pub window: usize,
    /// The fingerprint that the job must have; by default that of the first daemon.
    pub expected: Expected,
    /// Whether batches hold their fresh rows alone, which [`crate::ReplayBuffer`] completes. They travel over gRPC.
    pub fresh_only: bool,
    /// The transport of batches. Over shared memory, a run requests two slots more than its window from each daemon.
    pub transport: Transport,
    /// Priority at the daemons if streams compete.
    pub priority: Priority,
    /// Time that the trainer may wait for a batch before the daemon that owes it is left for another one. It doubles
    /// with each daemon that is left until a batch comes. `None`: four times what 95 of the last 64 batches took, but
    /// at least 1 s; 5 s while fewer than 8 batches have come. The only daemon is never left for being late.
    pub batch_timeout: Option<Duration>,
    /// Time that a run waits for a daemon while there is none to ask for the next batch, and that it asks again for a
    /// batch while no daemon can read a sample of it.
    pub patience: Duration,
    /// Rows that may hold a substitute or zeros for an undecodable sample, or a substitute for one that could not be read,
    /// as a fraction of all rows of this rank so far (of 1000 while they are fewer); 0 to 1.
    pub max_bad_fraction: f64,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            share: RankShare::default(),
            from_step: 0,
            steps: None,
            window: 8,
            expected: Expected::default(),
            fresh_only: false,
            transport: Transport::default(),
            priority: Priority::Normal,
            batch_timeout: None,
            patience: Duration::from_mins(1),
            max_bad_fraction: 0.01,
        }
    }
}

impl RunOptions {
    /// Slots of shared memory that a run asks each daemon for: its window, and two for batches that the trainer holds.
    pub fn slots(&self) -> u32 {
        u32::try_from(self.window.saturating_add(2)).unwrap_or(u32::MAX)
    }

    /// The same, resumed from `state`. Another job is refused, with the fields that differ.
    #[must_use]
    pub fn resume(self, state: &RunState) -> Self {
        let expected = Expected { fingerprint: state.fingerprint.clone(), fields: state.job_fields() };
        Self { from_step: state.step, expected, ..self }
    }
}
