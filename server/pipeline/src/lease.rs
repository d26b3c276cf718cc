//! Memory on loan: whoever drops it last tells the dispatcher, which owns the accounts and the free blocks.

use std::sync::{Arc, atomic::Ordering};

use crossbeam::channel::Sender;

use crate::{
    dispatch::{Command, StreamId},
    memory::{Block, Sealed},
    place::Place,
    reserve::Charge,
    stats::Stats,
};

/// Whom to tell about memory that is free again.
#[derive(Debug)]
struct Account {
    stream: StreamId,
    bytes: usize,
    charge: Charge,
    commands: Sender<Command>,
    place: Arc<Place>,
}

impl Account {
    /// Ends the loan; `block` is reused if it came back whole.
    fn settle(&self, block: Option<Block>) {
        self.place.stats().batch_bytes_in_use.fetch_sub(self.bytes as u64, Ordering::Relaxed);
        // The dispatcher is gone only when the pipeline has stopped; then there is no account to settle.
        let Self { stream, bytes, charge, .. } = *self;
        let _ = self.commands.send(Command::Release { stream, bytes, charge, block });
    }
}

/// The loan of a block while it is written.
#[derive(Debug)]
pub(crate) struct Lease {
    parts: Option<(Arc<Block>, Account)>,
}

impl Lease {
    /// Lends `block` to `stream`, which keeps its place until the loan has ended.
    pub(crate) fn new(
        block: Arc<Block>,
        stream: StreamId,
        charge: Charge,
        place: Arc<Place>,
        commands: Sender<Command>,
    ) -> Self {
        let bytes = block.len();
        Stats::add(&place.stats().batch_bytes_in_use, bytes as u64);
        Self { parts: Some((block, Account { stream, bytes, charge, commands, place })) }
    }

    /// Makes the block readable; `None` while somebody can still write it.
    pub(crate) fn seal(mut self) -> Option<LeasedBytes> {
        let (block, account) = self.parts.take()?;
        if let Ok(sealed) = Sealed::new(block) {
            Some(LeasedBytes { parts: Some((sealed, account)) })
        } else {
            account.settle(None);
            None
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some((block, account)) = self.parts.take() {
            account.settle(Arc::try_unwrap(block).ok());
        }
    }
}

/// The loan of a block while it is read.
#[derive(Debug)]
pub(crate) struct LeasedBytes {
    parts: Option<(Sealed, Account)>,
}

impl LeasedBytes {
    pub(crate) fn sealed(&self) -> Option<&Sealed> {
        self.parts.as_ref().map(|(sealed, _)| sealed)
    }
}

impl Drop for LeasedBytes {
    fn drop(&mut self) {
        if let Some((sealed, account)) = self.parts.take() {
            account.settle(Some(sealed.into_block()));
        }
    }
}
