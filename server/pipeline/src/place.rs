//! A place among the streams that a pipeline serves.

use std::sync::{Arc, atomic::Ordering};

use crate::{error::PipelineError, stats::Stats};

/// A place, given back on drop.
///
/// The dispatcher's side of a stream holds it, and so does every loan of memory to that stream. A stream that is
/// gone while its batches are still being sent keeps its place, so the number of places bounds the memory of
/// streams that come and go as well.
#[derive(Debug)]
pub(crate) struct Place(Arc<Stats>);

impl Place {
    /// Takes one of `max` places.
    pub(crate) fn take(stats: &Arc<Stats>, max: usize) -> Result<Self, PipelineError> {
        let below = |now: u64| (now < max as u64).then_some(now + 1);
        stats
            .streams
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, below)
            .map_err(|_| PipelineError::TooManyStreams { max })?;
        Ok(Self(Arc::clone(stats)))
    }

    /// The counters of the pipeline.
    pub(crate) fn stats(&self) -> &Stats {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}
