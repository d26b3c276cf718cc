//! The dispatcher: one thread that owns the streams, the memory accounts and the free blocks.
//!
//! It receives changes and gives tasks, a few rows each, to the workers through a short channel. One thread, and no shared
//! queue, owns all state without locks and lets streams take turns task by task, so that each gets its share of the
//! workers. A task has one row where a batch is small or nearly given out, so that all workers end with it, and
//! [`MOST_ROWS`] else: to wake this thread for each row costs 4 % of a worker's time. Within a stream, batches are begun in the order of
//! their wants. Streams of high priority have their turns first, but at most three of four while others wait: high
//! priority is turns, not preemption, so a validation is fast and a training never stops. A batch is begun when a
//! worker could start on it and its stream's share of the memory budget allows it:
//!
//! - a stream may hold budget / streams bytes, and all together at most the budget;
//! - a stream that holds nothing and finds no room there may begin one batch in the reserve of its owner, so that a
//!   trainer that keeps its batches cannot starve another's. A reserve has room for the largest batch, in one or in
//!   several.
//!
//! So memory is bounded by the budget plus one largest batch for each owner, however many streams and calls an owner
//! has, and whether or not it reads them. Only an owner's own streams wait for what that owner leaves unread. A stream
//! that shares memory with its trainer has slots instead, taken from another budget when it opened: its next batch is
//! begun when one of them is free. The thread does no decoding and no I/O.

use std::{collections::BTreeMap, ops::ControlFlow, sync::Arc, time::Instant};

use bandwise_choice::choices;
use crossbeam::channel::{self, Receiver, Select, Sender};

use crate::{
    batch::BatchWork,
    block::{Block, RowSlot, Rows},
    error::BatchError,
    free::FreeBlocks,
    loan::{Loan, Return},
    reserve::{Charge, LOOK_AGAIN, Owner, Reserves},
    shared_pool,
    stream_id::StreamId,
    stream_quota::StreamPermit,
    wants::{Intake, Wanted},
};

choices! {
    /// Priority of a stream's rows.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Priority: "priority" = Normal {
        /// In turn with the other streams.
        Normal = "normal",
        /// Before streams of normal priority, for short work that others wait for, like a validation; at most three of
        /// four turns while others wait.
        High = "high",
    }
}

/// Turns in a row that streams of high priority take while others wait.
const HIGH_TURNS: u32 = 3;

/// Rows of a task. With more, a new stream waits longer for its first one.
const MOST_ROWS: usize = 4;

/// Tasks of a batch for each worker that are left when tasks become shorter.
const LAST_TASKS: usize = 2;

/// A message to the dispatcher. The number of streams bounds them.
#[derive(Debug)]
pub(crate) enum Command {
    /// A stream begins.
    Open {
        id: StreamId,
        owner: Owner,
        wants: Intake,
        slots: Option<Vec<Block>>,
        priority: Priority,
        permit: StreamPermit,
    },
    /// A stream has ended: its waiting batches are dropped.
    Close(StreamId),
    /// The pipeline stops.
    Stop,
}

/// Some rows for a worker, or all that are left of a batch whose source is instant.
#[derive(Debug)]
pub(crate) struct Task {
    /// Before the work, so that in a task that is dropped the block is whole when its loan ends.
    pub(crate) slot: RowSlot,
    /// The rows after it.
    pub(crate) more: Vec<RowSlot>,
    pub(crate) work: Arc<BatchWork>,
}

/// The ends of the channels that the dispatcher holds.
#[derive(Debug)]
pub(crate) struct Channels {
    pub(crate) commands: Receiver<Command>,
    /// Loans that have ended. The number of blocks bounds them.
    pub(crate) returns: Receiver<Return>,
    /// For loans, which report back.
    pub(crate) returns_tx: Sender<Return>,
    /// Says that there are wants to look for.
    pub(crate) wakes: Receiver<()>,
    pub(crate) tasks: Sender<Task>,
}

/// A batch whose rows are being given out.
#[derive(Debug)]
struct Begun {
    rows: Rows,
    work: Arc<BatchWork>,
}

#[derive(Debug)]
struct StreamState {
    owner: Owner,
    wants: Intake,
    begun: Option<Begun>,
    /// Bytes of the budget and the reserve on loan to this stream.
    bytes: usize,
    /// The slots that are free, if the stream has slots; the one that came back last at the end.
    slots: Option<Vec<Block>>,
    priority: Priority,
    permit: Arc<StreamPermit>,
}

/// The state of the dispatcher thread.
#[derive(Debug)]
pub(crate) struct Dispatcher {
    channels: Channels,
    budget: usize,
    streams: BTreeMap<StreamId, StreamState>,
    /// Streams that take part in the budget.
    budget_streams: usize,
    /// Streams of high priority.
    high_streams: usize,
    /// The next streams of normal and of high priority.
    turns: [StreamId; 2],
    /// Turns that streams of high priority took since one of normal priority.
    high_turns: u32,
    /// Bytes of the budget on loan to all streams, also to those that are closed.
    on_loan: usize,
    /// Bytes on loan beyond it.
    reserves: Reserves,
    /// Whether a stream that holds nothing waits for memory.
    starving: bool,
    /// Says that it is time to look at what starves.
    looks: Receiver<Instant>,
    /// Together with the loans they stay within the budget.
    free: FreeBlocks,
}

impl Dispatcher {
    /// A dispatcher that lends `budget` bytes, and to each owner `reserve` beyond them: what the largest batch takes.
    pub(crate) fn new(channels: Channels, budget: usize, reserve: usize) -> Self {
        Self {
            channels,
            budget,
            streams: BTreeMap::new(),
            budget_streams: 0,
            high_streams: 0,
            turns: [StreamId(0); 2],
            high_turns: 0,
            on_loan: 0,
            reserves: Reserves::new(reserve),
            starving: false,
            looks: channel::tick(LOOK_AGAIN),
            free: FreeBlocks::default(),
        }
    }

    /// Runs until told to stop, or until no worker is left.
    pub(crate) fn run(mut self) {
        let mut task = None;
        while let ControlFlow::Continue(left) = self.event(task) {
            task = left.or_else(|| self.next_task());
        }
    }

    /// Waits until a worker takes the task or something changes; returns the task if it was not taken.
    fn event(&mut self, task: Option<Task>) -> ControlFlow<(), Option<Task>> {
        let Channels { commands, returns, wakes, tasks, .. } = &self.channels;
        let mut select = Select::new();
        let command = select.recv(commands);
        let returned = select.recv(returns);
        let wake = select.recv(wakes);
        if task.is_some() {
            select.send(tasks);
        }
        let look = if self.starving { select.recv(&self.looks) } else { usize::MAX };
        let operation = select.select();
        match (operation.index(), task) {
            (index, task) if index == command => match operation.recv(commands) {
                Ok(Command::Stop) | Err(_) => ControlFlow::Break(()),
                Ok(command) => {
                    self.handle(command);
                    ControlFlow::Continue(task)
                }
            },
            (index, task) if index == returned => {
                // A sender of it is in `channels`.
                operation.recv(returns).into_iter().for_each(|returned| self.take_back(returned));
                ControlFlow::Continue(task)
            }
            (index, task) if index == look => {
                // The message says nothing but that it is time.
                let _ = operation.recv(&self.looks);
                self.refuse_starving();
                ControlFlow::Continue(task)
            }
            (index, Some(task)) if index != wake => match operation.send(tasks, task) {
                Ok(()) => ControlFlow::Continue(None),
                Err(_) => ControlFlow::Break(()),
            },
            // The message says nothing but that it is there.
            (_, task) => {
                let _ = operation.recv(wakes);
                ControlFlow::Continue(task)
            }
        }
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::Open { id, owner, wants, slots, priority, permit } => {
                self.budget_streams += usize::from(slots.is_none());
                self.high_streams += usize::from(priority == Priority::High);
                let permit = Arc::new(permit);
                let stream = StreamState { owner, wants, begun: None, bytes: 0, slots, priority, permit };
                self.streams.insert(id, stream);
            }
            Command::Close(id) => {
                if let Some(stream) = self.streams.remove(&id) {
                    self.budget_streams -= usize::from(stream.slots.is_none());
                    self.high_streams -= usize::from(stream.priority == Priority::High);
                    stream.abandon();
                }
            }
            // The loop has ended.
            Command::Stop => {}
        }
    }

    fn take_back(&mut self, Return { stream: id, bytes, charge, block }: Return) {
        match charge {
            Charge::Budget => self.on_loan -= bytes,
            Charge::Reserve(owner) => self.reserves.give_back(owner, bytes),
            Charge::Slot => {}
        }
        let stream = self.streams.get_mut(&id);
        match (stream, block) {
            // The slots of a stream that is closed go with it.
            (stream, Some(slot)) if slot.slot().is_some() => {
                match stream.and_then(|stream| stream.slots.as_mut()) {
                    Some(slots) => slots.push(slot),
                    None => shared_pool::free(vec![slot]),
                }
            }
            (stream, block) => {
                if let Some(stream) = stream.filter(|_| charge != Charge::Slot) {
                    stream.bytes -= bytes;
                }
                if let Some(block) = block {
                    self.free.put(block);
                }
            }
        }
        self.free.shrink_to(self.room());
    }

    /// Free bytes of the budget.
    fn room(&self) -> usize {
        self.budget.saturating_sub(self.on_loan + self.reserves.on_loan())
    }

    /// The next rows.
    fn next_task(&mut self) -> Option<Task> {
        self.starving = false;
        if self.high_streams == 0 {
            self.next_normal()
        } else if self.high_turns < HIGH_TURNS {
            self.next_high().or_else(|| self.next_normal())
        } else {
            self.next_normal().or_else(|| self.next_high())
        }
    }

    fn next_high(&mut self) -> Option<Task> {
        let task = self.next_task_of(Priority::High)?;
        self.high_turns = (self.high_turns + 1).min(HIGH_TURNS);
        Some(task)
    }

    fn next_normal(&mut self) -> Option<Task> {
        let task = self.next_task_of(Priority::Normal)?;
        self.high_turns = 0;
        Some(task)
    }

    /// The next rows of a priority, from the first stream from its turn on that has one.
    fn next_task_of(&mut self, priority: Priority) -> Option<Task> {
        for _ in 0..self.streams.len() {
            let id = self.next_stream(priority)?;
            self.turns[priority as usize] = StreamId(id.0 + 1);
            if let Some(task) = self.task_of(id) {
                return Some(task);
            }
        }
        None
    }

    fn next_stream(&self, priority: Priority) -> Option<StreamId> {
        let from_turn = self.streams.range(self.turns[priority as usize]..);
        let mut round = from_turn.chain(&self.streams);
        round.find(|(_, stream)| stream.priority == priority).map(|(id, _)| *id)
    }

    fn task_of(&mut self, id: StreamId) -> Option<Task> {
        let (budget, share) = (self.budget, self.budget / self.budget_streams.max(1));
        loop {
            let (on_loan, reserves) = (self.on_loan, &self.reserves);
            let workers = self.channels.tasks.capacity().unwrap_or(1);
            let stream = self.streams.get_mut(&id)?;
            if let Some(task) = stream.next_rows(workers) {
                return Some(task);
            }
            let (held, owner) = (stream.bytes, stream.owner);
            let slot_is_free = stream.slots.as_ref().map(|slots| !slots.is_empty());
            let mut charge = None;
            let fits = |size| {
                charge = match slot_is_free {
                    Some(free) => free.then_some(Charge::Slot),
                    None if held + size <= share && on_loan + size <= budget => Some(Charge::Budget),
                    None if held == 0 && reserves.has_room(owner, size) => Some(Charge::Reserve(owner)),
                    None => {
                        self.starving |= held == 0;
                        None
                    }
                };
                charge.is_some()
            };
            let wanted = stream.wants.take_if(fits)?;
            self.begin(id, wanted, charge?)?;
        }
    }

    /// Fails the wants of streams that hold nothing and whose owner's other batches have stood unread for long.
    fn refuse_starving(&mut self) {
        let (reserves, now) = (&self.reserves, Instant::now());
        let starving = self
            .streams
            .values()
            .filter(|stream| stream.slots.is_none() && stream.begun.is_none() && stream.bytes == 0);
        for stream in starving {
            let Some(unread) = reserves.stands_still(stream.owner, now) else { continue };
            if let Some(wanted) = stream.wants.take_if(|size| !reserves.has_room(stream.owner, size)) {
                let error = BatchError::UnreadBatches { bytes: wanted.size() as u64, unread };
                tracing::warn!(%error, "a want is refused");
                // Nobody waits any more if this fails.
                let _ = wanted.done.send(Err(error));
            }
        }
    }

    /// Begins a batch. `None` if the system has no memory now, while batches that are out will bring some back.
    fn begin(&mut self, id: StreamId, wanted: Wanted, charge: Charge) -> Option<()> {
        let (size, block) = match self.slot(id) {
            Some(slot) => (0, Some(slot)),
            None => (wanted.size(), self.block(wanted.size())),
        };
        let on_loan = self.on_loan + self.reserves.on_loan();
        let stream = self.streams.get_mut(&id)?;
        let Some(block) = block else {
            if on_loan > 0 {
                stream.wants.put_back(wanted);
                return None;
            }
            // Nobody waits any more if this fails.
            let _ = wanted.done.send(Err(BatchError::OutOfMemory { bytes: size as u64 }));
            return Some(());
        };
        let (rows, handle) = Rows::new(block, wanted.request.layout.clone());
        let returns = self.channels.returns_tx.clone();
        let loan = Loan::new(handle, id, charge, Arc::clone(&stream.permit), returns);
        match charge {
            Charge::Budget => self.on_loan += size,
            Charge::Reserve(owner) => self.reserves.take(owner, size),
            Charge::Slot => {}
        }
        stream.bytes += size;
        let work = Arc::new(BatchWork::new(wanted.request, id, loan, wanted.done));
        stream.begun = Some(Begun { rows, work });
        Some(())
    }

    /// A free slot of the stream, if it has slots.
    fn slot(&mut self, id: StreamId) -> Option<Block> {
        self.streams.get_mut(&id)?.slots.as_mut()?.pop()
    }

    /// A block of exactly `size` bytes: a free one, or a new one in the place of free ones of other sizes.
    fn block(&mut self, size: usize) -> Option<Block> {
        self.free.take(size).or_else(|| {
            self.free.shrink_to(self.room().saturating_sub(size));
            Block::allocate(size)
        })
    }
}

impl StreamState {
    /// The next rows of the batch that was begun, unless they are not needed any more.
    fn next_rows(&mut self, workers: usize) -> Option<Task> {
        let begun = self.begun.as_mut()?;
        if !begun.work.needs(begun.rows.given_out()) {
            self.drop_begun();
            return None;
        }
        let left = begun.rows.left();
        let is_instant = begun.work.request.dataset.source().is_instant();
        // Rows of an instant source cost less than giving them out.
        let count = if is_instant { left } else { (left / (LAST_TASKS * workers)).clamp(1, MOST_ROWS) };
        let slot = begun.rows.next();
        let more = begun.rows.by_ref().take(count - 1).collect();
        let work = Arc::clone(&begun.work);
        if begun.rows.left() == 0 {
            self.begun = None;
        }
        slot.map(|slot| Task { slot, more, work })
    }

    /// Counts the rows that were not given out as done.
    fn drop_begun(&mut self) {
        if let Some(Begun { rows, work }) = self.begun.take() {
            let left = rows.left();
            // The rows hold the block; they must be gone before the last count frees it.
            drop(rows);
            work.skip(left);
        }
    }

    fn abandon(mut self) {
        if let Some(begun) = &self.begun {
            begun.work.give_up();
        }
        self.drop_begun();
        shared_pool::free(self.slots.take().unwrap_or_default());
    }
}
