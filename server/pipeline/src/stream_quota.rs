//! The quota of streams that a pipeline serves at a time, in all and for each owner.
//!
//! A closed stream keeps its permit until its last batch is dropped, so that the batches of streams that come and go
//! stay within the bounds of streams and memory.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
};

use parking_lot::Mutex;

use crate::{error::PipelineError, reserve::Owner, stats::Stats};

/// From so many streams on, a quarter is kept for other owners than the one that has most.
const SHARED_FROM: usize = 16;

/// The number of streams there may be, and the number of each owner.
#[derive(Debug)]
pub(crate) struct StreamQuota {
    max: usize,
    stats: Arc<Stats>,
    owners: Mutex<HashMap<Owner, usize>>,
}

/// The right to have a stream, given back on drop.
///
/// The dispatcher's side of a stream holds it, and so does every loan of memory to that stream. A stream that is
/// gone while its batches are still being sent keeps its permit, so the quota bounds the memory of streams that come and
/// go as well.
#[derive(Debug)]
pub(crate) struct StreamPermit {
    quota: Arc<StreamQuota>,
    owner: Owner,
}

impl StreamQuota {
    /// A quota of `max` streams.
    pub(crate) fn new(max: usize, stats: Arc<Stats>) -> Self {
        Self { max, stats, owners: Mutex::default() }
    }

    /// Takes a permit.
    pub(crate) fn take(self: &Arc<Self>, owner: Owner) -> Result<StreamPermit, PipelineError> {
        let (max, most) = (self.max, most_of_one(self.max));
        let mut owners = self.owners.lock();
        if owners.values().sum::<usize>() >= max {
            return Err(PipelineError::TooManyStreams { max });
        }
        let taken = owners.entry(owner).or_default();
        if *taken >= most {
            return Err(PipelineError::TooManyOfOne { most, max });
        }
        *taken += 1;
        Stats::add(&self.stats.streams, 1);
        Ok(StreamPermit { quota: Arc::clone(self), owner })
    }
}

/// Most streams of `max` that one owner may have.
fn most_of_one(max: usize) -> usize {
    if max < SHARED_FROM { max } else { max - max / 4 }
}

impl StreamPermit {
    /// The counters of the pipeline.
    pub(crate) fn stats(&self) -> &Stats {
        &self.quota.stats
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        let mut owners = self.quota.owners.lock();
        self.quota.stats.streams.fetch_sub(1, Ordering::Relaxed);
        if let Some(taken) = owners.get_mut(&self.owner) {
            *taken -= 1;
            if *taken == 0 {
                owners.remove(&self.owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(quota: &Arc<StreamQuota>, owner: u128, count: usize) -> Vec<StreamPermit> {
        (0..count).map_while(|_| quota.take(Owner(owner)).ok()).collect()
    }

    #[test]
    fn one_owner_leaves_some_to_others() {
        let quota = Arc::new(StreamQuota::new(16, Arc::default()));
        let first = take(&quota, 1, 100);
        assert_eq!(first.len(), 12);
        assert!(matches!(quota.take(Owner(1)), Err(PipelineError::TooManyOfOne { most: 12, max: 16 })));
        let second = take(&quota, 2, 100);
        assert_eq!(second.len(), 4);
        assert!(matches!(quota.take(Owner(3)), Err(PipelineError::TooManyStreams { max: 16 })));
        drop((first, second));
        assert!(quota.owners.lock().is_empty());
        assert_eq!(quota.stats.streams.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn few_streams_are_one_owners_if_it_wants_them() {
        for max in [1, 2, 15] {
            assert_eq!(take(&Arc::new(StreamQuota::new(max, Arc::default())), 1, 100).len(), max);
        }
    }
}
