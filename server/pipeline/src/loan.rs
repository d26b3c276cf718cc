//! Memory on loan: its last drop returns it to the dispatcher, which owns the accounts and the free blocks.
//!
//! A slot that was announced to a trainer is lent on: a [`LentSlot`] comes back only by an explicit call, not by being
//! dropped, so that nothing is made and nothing is emptied where a trainer still reads.

use std::sync::{Arc, atomic::Ordering};

use crossbeam::channel::Sender;

use crate::{
    block::{Block, Sealed},
    reserve::Charge,
    shared_pool,
    stats::Stats,
    stream_id::StreamId,
    stream_quota::StreamPermit,
};

/// Whom to tell about memory that is free again.
#[derive(Debug)]
struct Account {
    stream: StreamId,
    bytes: usize,
    charge: Charge,
    returns: Sender<Return>,
    permit: Arc<StreamPermit>,
}

/// A loan that has ended.
#[derive(Debug)]
pub(crate) struct Return {
    pub(crate) stream: StreamId,
    pub(crate) bytes: usize,
    pub(crate) charge: Charge,
    /// To be used again, if it came back whole.
    pub(crate) block: Option<Block>,
}

impl Account {
    /// Ends the loan; `block` is reused if it came back whole.
    fn settle(&self, block: Option<Block>) {
        self.permit.stats().batch_bytes_in_use.fetch_sub(self.bytes as u64, Ordering::Relaxed);
        // The dispatcher ends only when the pipeline has stopped; then there is no account to settle.
        let Self { stream, bytes, charge, .. } = *self;
        let _ = self.returns.send(Return { stream, bytes, charge, block });
    }
}

/// The loan of a block while it is written.
#[derive(Debug)]
pub(crate) struct Loan {
    parts: Option<(Arc<Block>, Account)>,
}

impl Loan {
    /// Lends `block` to `stream`, which keeps its permit until the loan has ended.
    pub(crate) fn new(
        block: Arc<Block>,
        stream: StreamId,
        charge: Charge,
        permit: Arc<StreamPermit>,
        returns: Sender<Return>,
    ) -> Self {
        let bytes = block.len();
        Stats::add(&permit.stats().batch_bytes_in_use, bytes as u64);
        Self { parts: Some((block, Account { stream, bytes, charge, returns, permit })) }
    }

    /// Makes the block readable; `None` while it can still be written.
    pub(crate) fn seal(mut self) -> Option<LoanedBytes> {
        let (block, account) = self.parts.take()?;
        if let Ok(sealed) = Sealed::new(block) {
            Some(LoanedBytes { parts: Some((sealed, account)) })
        } else {
            account.settle(None);
            None
        }
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let Some((block, account)) = self.parts.take() {
            account.settle(Arc::try_unwrap(block).ok());
        }
    }
}

/// The loan of a block while it is read.
#[derive(Debug)]
pub(crate) struct LoanedBytes {
    parts: Option<(Sealed, Account)>,
}

impl LoanedBytes {
    pub(crate) fn sealed(&self) -> Option<&Sealed> {
        self.parts.as_ref().map(|(sealed, _)| sealed)
    }
}

impl Drop for LoanedBytes {
    fn drop(&mut self) {
        if let Some((sealed, account)) = self.parts.take() {
            account.settle(Some(sealed.into_block()));
        }
    }
}

impl LoanedBytes {
    /// Lends the slot to its trainer.
    pub(crate) fn lend(mut self) -> Option<LentSlot> {
        let (sealed, account) = self.parts.take()?;
        let mut block = sealed.into_block();
        block.set_lent(true);
        Some(LentSlot { parts: Some((block, Some(account))) })
    }
}

/// A slot that the trainer has. Dropping it leaves the slot to the trainer, and counted, for good; so it is for the end of
/// the daemon.
#[derive(Debug)]
pub struct LentSlot {
    /// The slot, and whom to tell about it while its stream lives.
    parts: Option<(Block, Option<Account>)>,
}

impl LentSlot {
    /// The trainer keeps the slot, and its stream, which has ended, needs no place for it.
    pub fn outlive_stream(&mut self) {
        let Some((block, account)) = &mut self.parts else { return };
        block.keep();
        if let Some(account) = account.take() {
            account.settle(None);
        }
    }

    /// The trainer has done with these slots: other batches are made there, or, where the stream is over, the system
    /// gets their memory back.
    pub fn take_back(slots: impl IntoIterator<Item = Self>) {
        let mut kept = Vec::new();
        for mut slot in slots {
            let Some((mut block, account)) = slot.parts.take() else { continue };
            block.set_lent(false);
            match account {
                Some(account) => account.settle(Some(block)),
                None => kept.push(block),
            }
        }
        shared_pool::free(kept);
    }
}

impl Drop for LentSlot {
    fn drop(&mut self) {
        if let Some((_, Some(account))) = &self.parts {
            account.settle(None);
        }
    }
}
