//! The dispatcher: one thread that owns the streams, the memory accounts and the free blocks.
//!
//! It takes commands in and gives tasks, one a row, to the workers through a short channel. Streams take turns
//! row by row, so that each gets its share of the workers; within a stream, batches are begun in the order in
//! which they were asked for. A batch is begun when a worker could start on it and its stream's share of the
//! memory budget allows it:
//!
//! - a stream may hold budget / streams bytes, and all together at most the budget;
//! - a stream that holds nothing may always begin one batch, so that a trainer that keeps its batches cannot
//!   starve another.
//!
//! So memory is bounded by the budget plus one batch a stream. Nothing else runs here: no decoding, no I/O.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, atomic::Ordering},
};

use crossbeam::channel::{Receiver, Select, Sender};
use tokio::sync::oneshot;

use crate::{
    batch::{BatchRequest, BatchWork, Outcome},
    error::BatchError,
    lease::Lease,
    memory::{Block, RowSlot, Rows},
    stats::Stats,
};

/// Identity of a stream within the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct StreamId(pub(crate) u64);

/// What the dispatcher is told.
#[derive(Debug)]
pub(crate) enum Command {
    /// A stream begins.
    Open(StreamId),
    /// A stream is gone: what it waits for is dropped.
    Close(StreamId),
    /// A stream wants a batch.
    Want(StreamId, Wanted),
    /// A loan of memory has ended.
    Release { stream: StreamId, bytes: usize, block: Option<Block> },
    /// The pipeline stops.
    Stop,
}

/// A batch that somebody waits for.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) request: BatchRequest,
    pub(crate) done: oneshot::Sender<Outcome>,
}

/// One row for a worker.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) work: Arc<BatchWork>,
    pub(crate) slot: RowSlot,
}

/// A batch whose rows are being given out.
#[derive(Debug)]
struct Begun {
    work: Arc<BatchWork>,
    rows: Rows,
}

#[derive(Debug, Default)]
struct Stream {
    queue: VecDeque<Wanted>,
    begun: Option<Begun>,
    /// Bytes on loan to this stream.
    bytes: usize,
}

/// The state of the dispatcher thread.
#[derive(Debug)]
pub(crate) struct Dispatcher {
    commands: Receiver<Command>,
    /// For leases, which report back.
    commands_tx: Sender<Command>,
    tasks: Sender<Task>,
    budget: usize,
    /// Queue length of a stream from which on abandoned wants are swept out.
    sweep_from: usize,
    streams: BTreeMap<StreamId, Stream>,
    /// Whose turn it is.
    turn: StreamId,
    /// Bytes on loan to all streams, also to those that are closed.
    on_loan: usize,
    /// Blocks for reuse; together with the loans they stay within the budget.
    free: Vec<Block>,
    stats: Arc<Stats>,
}

impl Dispatcher {
    pub(crate) fn new(
        (commands_tx, commands): (Sender<Command>, Receiver<Command>),
        tasks: Sender<Task>,
        budget: usize,
        sweep_from: usize,
        stats: Arc<Stats>,
    ) -> Self {
        Self {
            commands,
            commands_tx,
            tasks,
            budget,
            sweep_from,
            streams: BTreeMap::new(),
            turn: StreamId(0),
            on_loan: 0,
            free: Vec::new(),
            stats,
        }
    }

    /// Runs until told to stop.
    pub(crate) fn run(mut self) {
        let (commands, tasks) = (self.commands.clone(), self.tasks.clone());
        let mut prepared = None;
        loop {
            prepared = prepared.or_else(|| self.next_task());
            let mut select = Select::new();
            select.recv(&commands);
            let send = prepared.as_ref().map(|_| select.send(&tasks));
            let operation = select.select();
            if Some(operation.index()) == send {
                let Some(task) = prepared.take() else { continue };
                if operation.send(&tasks, task).is_err() {
                    return;
                }
            } else {
                match operation.recv(&commands) {
                    Ok(Command::Stop) | Err(_) => return,
                    Ok(command) => self.handle(command),
                }
            }
        }
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::Open(id) => {
                self.streams.insert(id, Stream::default());
            }
            Command::Close(id) => {
                if let Some(stream) = self.streams.remove(&id) {
                    stream.abandon();
                }
            }
            Command::Want(id, wanted) => {
                if let Some(stream) = self.streams.get_mut(&id) {
                    if stream.queue.len() >= self.sweep_from {
                        stream.queue.retain(|wanted| !wanted.done.is_closed());
                    }
                    stream.queue.push_back(wanted);
                }
            }
            Command::Release { stream, bytes, block } => {
                self.on_loan -= bytes;
                if let Some(stream) = self.streams.get_mut(&stream) {
                    stream.bytes -= bytes;
                }
                self.recycle(block);
                self.report();
            }
            Command::Stop => {}
        }
    }

    /// The next row, from the first stream at or after the turn that has one.
    fn next_task(&mut self) -> Option<Task> {
        let after: Vec<StreamId> = self.streams.range(self.turn..).map(|(id, _)| *id).collect();
        let before: Vec<StreamId> = self.streams.range(..self.turn).map(|(id, _)| *id).collect();
        for id in after.into_iter().chain(before) {
            if let Some(task) = self.task_of(id) {
                self.turn = StreamId(id.0 + 1);
                return Some(task);
            }
        }
        None
    }

    fn task_of(&mut self, id: StreamId) -> Option<Task> {
        loop {
            let stream = self.streams.get_mut(&id)?;
            if let Some(task) = stream.next_row() {
                return Some(task);
            }
            let wanted = stream.next_wanted()?;
            let size = Block::rounded(wanted.request.layout.byte_len());
            if !self.affordable(id, size) {
                self.streams.get_mut(&id)?.queue.push_front(wanted);
                return None;
            }
            self.begin(id, wanted, size);
        }
    }

    fn affordable(&self, id: StreamId, size: usize) -> bool {
        let held = self.streams.get(&id).map_or(0, |stream| stream.bytes);
        let share = self.budget / self.streams.len().max(1);
        held == 0 || (held + size <= share && self.on_loan + size <= self.budget)
    }

    fn begin(&mut self, id: StreamId, wanted: Wanted, size: usize) {
        let Some(block) = self.block(size) else {
            // Nobody waits any more if this fails.
            let _ = wanted.done.send(Err(BatchError::OutOfMemory { bytes: size as u64 }));
            return;
        };
        let (rows, handle) = Rows::new(block, wanted.request.layout.clone());
        let lease = Lease::new(handle, id, size, self.commands_tx.clone());
        self.on_loan += size;
        self.report();
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.bytes += size;
            let work = Arc::new(BatchWork::new(wanted.request, lease, wanted.done));
            stream.begun = Some(Begun { work, rows });
        }
    }

    /// A block of exactly `size` bytes: a free one, or a new one in the place of free ones of other sizes.
    fn block(&mut self, size: usize) -> Option<Block> {
        if let Some(i) = self.free.iter().position(|block| block.len() == size) {
            return Some(self.free.swap_remove(i));
        }
        self.trim(size);
        Block::allocate(size)
    }

    fn recycle(&mut self, block: Option<Block>) {
        self.free.extend(block);
        self.trim(0);
    }

    /// Frees blocks until they fit beside the loans and `more` bytes; the oldest go first.
    fn trim(&mut self, more: usize) {
        let room = self.budget.saturating_sub(self.on_loan + more);
        let mut kept: usize = self.free.iter().map(Block::len).sum();
        while kept > room && !self.free.is_empty() {
            kept -= self.free.remove(0).len();
        }
    }

    fn report(&self) {
        self.stats.batch_bytes_in_use.store(self.on_loan as u64, Ordering::Relaxed);
    }
}

impl Stream {
    /// The next row of the batch that was begun, unless it is given up.
    fn next_row(&mut self) -> Option<Task> {
        let begun = self.begun.as_mut()?;
        if begun.work.is_given_up() {
            self.drop_begun();
            return None;
        }
        let slot = begun.rows.next();
        let work = Arc::clone(&begun.work);
        if begun.rows.left() == 0 {
            self.begun = None;
        }
        slot.map(|slot| Task { work, slot })
    }

    /// The next batch for which somebody still waits.
    fn next_wanted(&mut self) -> Option<Wanted> {
        loop {
            let wanted = self.queue.pop_front()?;
            if !wanted.done.is_closed() {
                return Some(wanted);
            }
        }
    }

    fn drop_begun(&mut self) {
        if let Some(Begun { work, rows }) = self.begun.take() {
            let left = rows.left();
            // The rows hold the block; they must be gone before the last count seals or frees it.
            drop(rows);
            work.skip(left);
        }
    }

    fn abandon(mut self) {
        self.queue.clear();
        self.drop_begun();
    }
}
