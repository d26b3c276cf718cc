//! The memo of one job, shared by all of its streams.
//!
//! Rows are kept by the step at which they were fresh. A stream reports its present step; rows that no step of any
//! stream can replay any more are freed at once, and if memory is short those of the oldest step are freed first. A row
//! older than all kept ones is not kept if no memory is left.
//!
//! One lock guards the books. Images are copied, and memory is given back to the system, outside of it.

use std::{
    collections::BTreeMap,
    ops::RangeInclusive,
    sync::Arc,
    time::{Duration, Instant},
};

use bandwise_job::{Job, Origin};
use bytes::BytesMut;
use parking_lot::Mutex;

use crate::{
    batch::RowOutcome,
    replay::{
        garbage::Garbage,
        reserved::Reserved,
        shelf::{Kept, Shape, Shelf, Slab},
    },
    stream_id::StreamId,
};

/// Steps that may be in progress after the newest one that a stream has requested. Their rows stay as well.
pub const IN_FLIGHT_STEPS: u64 = 16;

/// Pause between two warnings about memory that ran out.
const SAY_AGAIN: Duration = Duration::from_mins(1);

/// Shelves whose slabs are kept for new ones when many go at a time.
const REUSED_SHELVES: usize = 2;

/// Rows of one job that were made.
#[derive(Debug)]
pub(crate) struct ReplayMemo {
    job: Arc<Job>,
    books: Mutex<Books>,
    /// After the books, which hold what it counts.
    reserved: Reserved,
}

#[derive(Debug, Default)]
struct Books {
    shelves: BTreeMap<u64, Shelf>,
    /// Slabs for other rows of the same shape.
    spare: Vec<Slab>,
    /// Bytes of all slabs.
    used: u64,
    /// Which steps' rows each stream may still need.
    windows: BTreeMap<StreamId, RangeInclusive<u64>>,
    /// Whether the system had no memory that is reserved, since that was last said.
    out_of_memory: bool,
    /// The time of the message.
    said: Option<Instant>,
    /// The memory to free after the lock is released.
    garbage: Garbage,
}

impl ReplayMemo {
    /// An empty memo that may take what is reserved.
    pub(crate) fn new(job: Arc<Job>, reserved: Reserved) -> Self {
        Self { job, books: Mutex::default(), reserved }
    }

    /// A row, if it is kept.
    pub(crate) fn find(&self, origin: Origin) -> Option<Kept> {
        self.with(|books| books.shelves.get(&origin.step)?.find(origin.fresh_row).cloned())
    }

    /// Keeps a row of a stage that was made, if there is memory for it.
    pub(crate) fn keep(&self, stage: usize, origin: Origin, image: &[u8], outcome: &RowOutcome) {
        let (shape, limit) = (Shape::of(&self.job, stage), self.reserved.bytes());
        let Some(mut room) = self.with(|books| books.room(shape, origin, limit)) else { return };
        room.extend_from_slice(image);
        let kept = Kept::new(room.freeze(), outcome);
        // If the shelf has gone meanwhile, the row goes as well.
        self.with(|books| books.shelves.get_mut(&origin.step).map(|shelf| shelf.put(origin.fresh_row, kept)));
    }

    /// A stream has come to `step`.
    pub(crate) fn advance(&self, stream: StreamId, step: u64) {
        let oldest = self.oldest(step.saturating_sub(IN_FLIGHT_STEPS)).min(step);
        self.with(|books| {
            books.windows.insert(stream, oldest..=step);
            books.drop_old();
        });
    }

    /// A stream has ended.
    pub(crate) fn forget(&self, stream: StreamId) {
        self.with(|books| {
            books.windows.remove(&stream);
            books.drop_unneeded();
        });
    }

    /// The first step whose rows `step` may need.
    fn oldest(&self, step: u64) -> u64 {
        let stage = self.job.plan().locate(step).map(|moment| moment.stage);
        stage.ok().and_then(|stage| self.job.replay(stage)).map_or(step, |replay| replay.oldest(step))
    }

    fn with<T>(&self, change: impl FnOnce(&mut Books) -> T) -> T {
        let mut books = self.books.lock();
        let result = change(&mut books);
        self.reserved.set_used(books.used);
        let garbage = std::mem::take(&mut books.garbage);
        let says = books.says_out_of_memory();
        drop(books);
        if says {
            tracing::warn!(
                job = %self.job.fingerprint(),
                reserved_bytes = self.reserved.bytes(),
                "the system has no memory for rows that are to be replayed: they are made again; set replay_memory_mib \
                 to what there is, or raise the limit of the process"
            );
        }
        garbage.discard();
        result
    }
}

impl Books {
    /// Whether to say that memory ran out: at most once a minute.
    fn says_out_of_memory(&mut self) -> bool {
        let says = self.out_of_memory && self.said.is_none_or(|said| said.elapsed() > SAY_AGAIN);
        if says {
            (self.out_of_memory, self.said) = (false, Some(Instant::now()));
        }
        says
    }

    /// Memory for a row that is not kept yet.
    fn room(&mut self, shape: Shape, origin: Origin, limit: u64) -> Option<BytesMut> {
        if let Some(shelf) = self.shelves.get_mut(&origin.step) {
            if shelf.find(origin.fresh_row).is_some() {
                return None;
            }
            if let Some(room) = shelf.room() {
                return Some(room);
            }
        }
        let slab = self.slab(shape, origin.step, limit)?;
        let shelf = self.shelves.entry(origin.step).or_default();
        shelf.add(slab);
        shelf.room()
    }

    /// A slab for rows of `step`: a spare one, a new one, or one of an older step.
    fn slab(&mut self, shape: Shape, step: u64, limit: u64) -> Option<Slab> {
        loop {
            match self.spare.pop() {
                Some(slab) if slab.shape() == shape => return Some(slab),
                Some(other) => {
                    self.used -= other.shape().slab_bytes();
                    self.garbage.slabs.push(other);
                    continue;
                }
                None => {}
            }
            if self.used.saturating_add(shape.slab_bytes()) <= limit {
                if let Some(slab) = Slab::new(shape) {
                    self.used += shape.slab_bytes();
                    return Some(slab);
                }
                self.out_of_memory = true;
            }
            let oldest = self.shelves.first_entry()?;
            if *oldest.key() >= step {
                return None;
            }
            let shelf = oldest.remove();
            self.reuse(shelf);
        }
    }

    /// Makes the slabs of a shelf spare, except those that are being read.
    fn reuse(&mut self, shelf: Shelf) {
        for slab in shelf.into_slabs() {
            let bytes = slab.shape().slab_bytes();
            match slab.emptied() {
                Some(slab) => self.spare.push(slab),
                None => self.used -= bytes,
            }
        }
    }

    /// Drops rows before the window of every stream.
    fn drop_old(&mut self) {
        let Some(oldest) = self.windows.values().map(RangeInclusive::start).min().copied() else { return };
        let needed = self.shelves.split_off(&oldest);
        let old = std::mem::replace(&mut self.shelves, needed);
        self.drop_shelves(old.into_values());
    }

    /// Drops rows outside of the window of every stream.
    fn drop_unneeded(&mut self) {
        let windows = &self.windows;
        let unneeded = |step: u64| !windows.values().any(|window| window.contains(&step));
        let old: Vec<Shelf> =
            self.shelves.extract_if(.., |step, _| unneeded(*step)).map(|(_, shelf)| shelf).collect();
        self.drop_shelves(old.into_iter());
    }

    fn drop_shelves(&mut self, mut old: impl Iterator<Item = Shelf>) {
        if !self.shelves.is_empty() {
            for shelf in old.by_ref().take(REUSED_SHELVES) {
                self.reuse(shelf);
            }
        }
        for shelf in old {
            self.used -= shelf.bytes();
            self.garbage.shelves.push(shelf);
        }
        if self.shelves.is_empty() {
            for slab in self.spare.drain(..) {
                self.used -= slab.shape().slab_bytes();
                self.garbage.slabs.push(slab);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows so large that each has a slab of its own.
    fn shape() -> Shape {
        Shape::new(4, 1 << 20)
    }

    /// Brings a row, with memory for `rows` of them; says whether it is kept.
    fn bring(books: &mut Books, rows: u64, step: u64, fresh_row: u64) -> bool {
        let origin = Origin { step, fresh_row };
        let Some(room) = books.room(shape(), origin, rows * shape().slab_bytes()) else { return false };
        let kept = Kept { image: room.freeze(), label: 0, delivered: 0, instead_of: None };
        books.shelves.get_mut(&step).unwrap().put(fresh_row, kept);
        true
    }

    fn steps(books: &Books) -> Vec<u64> {
        books.shelves.keys().copied().collect()
    }

    #[test]
    fn the_oldest_step_goes_first_and_nothing_older_comes_in() {
        let mut books = Books::default();
        for step in 5..8 {
            assert!(bring(&mut books, 3, step, 0));
        }
        assert!(!bring(&mut books, 3, 5, 0), "it is there");
        assert!(!bring(&mut books, 3, 5, 1) && !bring(&mut books, 3, 4, 0), "no memory for what is old");
        assert!(bring(&mut books, 3, 9, 0));
        assert_eq!((steps(&books), books.used), (vec![6, 7, 9], 3 * shape().slab_bytes()));
        assert!(!bring(&mut Books::default(), 0, 1, 0), "no memory at all");
    }

    #[test]
    fn what_no_stream_needs_goes_and_its_memory_is_used_again() {
        let windows = BTreeMap::from([(StreamId(1), 2..=9), (StreamId(2), 6..=9)]);
        let mut books = Books { windows, ..Books::default() };
        for step in 2..9 {
            assert!(bring(&mut books, 100, step, 3));
        }
        books.drop_old();
        assert_eq!(steps(&books), (2..9).collect::<Vec<_>>(), "stream 1 needs them all");
        books.windows.insert(StreamId(1), 5..=12);
        books.drop_old();
        assert_eq!((steps(&books), books.spare.len()), (vec![5, 6, 7, 8], REUSED_SHELVES));
        let garbage = books.garbage.shelves.len() as u64;
        assert_eq!((garbage, books.used), (1, 6 * shape().slab_bytes()));
        assert!(bring(&mut books, 100, 10, 0) && bring(&mut books, 100, 20, 0));
        assert_eq!((books.used, books.spare.len()), (6 * shape().slab_bytes(), 0));
        books.windows.remove(&StreamId(2));
        books.drop_unneeded();
        assert_eq!(steps(&books), [5, 6, 7, 8, 10], "step 20 was a probe's");
        books.windows.clear();
        books.drop_unneeded();
        assert_eq!((steps(&books), books.used), (vec![], 0));
    }

    #[test]
    fn slabs_of_another_shape_are_not_used() {
        let mut books = Books::default();
        assert!(bring(&mut books, 1, 1, 0));
        let small = Shape::new(1, 1 << 19);
        let limit = shape().slab_bytes();
        assert!(books.room(small, Origin { step: 2, fresh_row: 0 }, limit).is_some());
        assert_eq!((steps(&books), books.used), (vec![2], small.slab_bytes()));
    }
}
