//! A stream's hold on the memo of its job, and a batch's look into it.
//!
//! Streams alone keep a memo alive. A batch in the making looks it up each time and does without when it is gone, so
//! that the memory of a job is free as soon as its last stream is.

use std::sync::{Arc, Weak};

use bandwise_job::Origin;

use crate::{
    batch::RowOutcome,
    replay::{memo::ReplayMemo, shelf::Kept},
    stream_id::StreamId,
};

/// A stream's hold. Dropping it frees what no other stream needs.
#[derive(Debug)]
pub(crate) struct Hold {
    memo: Arc<ReplayMemo>,
    /// `None` for a reader only: a single batch must not take memory from running streams.
    stream: Option<StreamId>,
}

impl Hold {
    /// A hold of a stream that adds rows.
    pub(crate) fn adding(memo: Arc<ReplayMemo>, stream: StreamId) -> Self {
        Self { memo, stream: Some(stream) }
    }

    /// A hold that looks rows up only.
    pub(crate) fn reading(memo: Arc<ReplayMemo>) -> Self {
        Self { memo, stream: None }
    }

    /// The stream asks for `step`.
    pub(crate) fn advance(&self, step: u64) {
        if let Some(stream) = self.stream {
            self.memo.advance(stream, step);
        }
    }

    /// For the workers that make a batch.
    pub(crate) fn lookup(&self) -> Lookup {
        Lookup { memo: Arc::downgrade(&self.memo), adds: self.stream.is_some() }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(stream) = self.stream {
            self.memo.forget(stream);
        }
    }
}

/// A batch's look into the memo.
#[derive(Clone, Debug)]
pub(crate) struct Lookup {
    memo: Weak<ReplayMemo>,
    adds: bool,
}

impl Lookup {
    /// A row, if it is kept.
    pub(crate) fn find(&self, origin: Origin) -> Option<Kept> {
        self.memo.upgrade()?.find(origin)
    }

    /// Keeps a row of a stage that was made.
    pub(crate) fn keep(&self, stage: usize, origin: Origin, image: &[u8], outcome: &RowOutcome) {
        if self.adds
            && let Some(memo) = self.memo.upgrade()
        {
            memo.keep(stage, origin, image, outcome);
        }
    }
}
