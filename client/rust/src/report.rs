//! The work of each daemon for a run.

use crate::{
    schedule::{Counts, Phase},
    transport::Transport,
};
use bandwise_proto::Address;

/// The work of a daemon for a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaemonReport {
    /// Its address.
    pub address: Address,
    /// The present or last transport of batches from there; `None` if there never was a stream.
    pub transport: Option<Transport>,
    /// Its present state: `open`, `draining`, `lost` (and tried again) or `refused`.
    pub state: &'static str,
    /// Batches that came from here, and were not there yet.
    pub batches: u64,
    /// Batches that were requested here, did not come, and were requested again.
    pub retried: u64,
    /// Batches that were requested here because another daemon was late with them.
    pub hedged: u64,
    /// Batches that came from here when they were there already.
    pub duplicates: u64,
}

impl DaemonReport {
    pub(crate) fn new(address: Address, transport: Option<Transport>, counts: Counts, phase: Phase) -> Self {
        let Counts { batches, retried, hedged, duplicates } = counts;
        let state = match phase {
            Phase::Closed => "lost",
            Phase::Open => "open",
            Phase::Draining => "draining",
            Phase::Refused => "refused",
        };
        Self { address, transport, state, batches, retried, hedged, duplicates }
    }
}
