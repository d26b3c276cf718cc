//! Which rows wait for their sample, whose turn it is, and how much is under way.
//!
//! Datasets take turns, and within a dataset its streams. Each dataset has so many fetches at a time, and of the bytes it
//! may take as long as it has no more than it leaves: alone half of them, two of them a third each. So one whose storage
//! is slow or hangs never keeps the others from theirs.

use std::collections::{BTreeMap, VecDeque};

use crate::stream_id::StreamId;

/// Identity of a dataset that is fetched from, as long as something of it is here.
pub(super) type SourceId = usize;

/// The rows `T` that wait, and the accounts of what is under way.
#[derive(Debug)]
pub(super) struct Queues<T> {
    budget: u64,
    parallel: usize,
    sources: BTreeMap<SourceId, Source<T>>,
    /// Bytes of all datasets.
    held: u64,
    waiting: usize,
    /// The dataset whose turn it is, or the next one after it.
    turn: SourceId,
}

#[derive(Debug)]
struct Source<T> {
    /// The stream whose turn it is first; none is empty.
    streams: VecDeque<(StreamId, VecDeque<(u64, T)>)>,
    /// Fetches under way, those that hang among them.
    fetches: usize,
    hanging: usize,
    /// Bytes that are being fetched or wait for a worker.
    held: u64,
}

impl<T> Default for Source<T> {
    fn default() -> Self {
        Self { streams: VecDeque::new(), fetches: 0, hanging: 0, held: 0 }
    }
}

impl<T> Queues<T> {
    /// Up to `parallel` fetches of a dataset at a time, and `budget` bytes.
    pub(super) fn new(budget: u64, parallel: usize) -> Self {
        Self { budget, parallel, sources: BTreeMap::new(), held: 0, waiting: 0, turn: 0 }
    }

    /// Rows that wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Bytes under way.
    pub(super) fn held(&self) -> u64 {
        self.held
    }

    /// Adds a row whose sample has so many bytes: behind those of its stream, or before them.
    pub(super) fn push(&mut self, source: SourceId, stream: StreamId, row: (u64, T), first: bool) {
        self.waiting += 1;
        let streams = &mut self.sources.entry(source).or_default().streams;
        let position = streams.iter().position(|(id, _)| *id == stream).unwrap_or_else(|| {
            streams.push_back((stream, VecDeque::new()));
            streams.len() - 1
        });
        let rows = &mut streams[position].1;
        if first { rows.push_front(row) } else { rows.push_back(row) }
    }

    /// The next row to fetch for, if there is room; its fetch and its bytes are in the accounts then.
    pub(super) fn next(&mut self) -> Option<(SourceId, u64, T)> {
        let mut round = self.sources.range(self.turn..).chain(self.sources.range(..self.turn));
        let (&source, _) = round.find(|(_, entry)| self.has_room(entry))?;
        self.turn = source + 1;
        let entry = self.sources.get_mut(&source)?;
        let (bytes, row) = entry.take_next()?;
        entry.fetches += 1;
        entry.held += bytes;
        self.held += bytes;
        self.waiting -= 1;
        Some((source, bytes, row))
    }

    fn has_room(&self, entry: &Source<T>) -> bool {
        let Some((_, rows)) = entry.streams.front() else { return false };
        let bytes = rows.front().map_or(0, |(bytes, _)| *bytes);
        let left = self.budget.saturating_sub(self.held.saturating_add(bytes));
        entry.fetches < self.parallel && (entry.held == 0 || entry.held.saturating_add(bytes) <= left)
    }

    /// A fetch has ended.
    pub(super) fn ended(&mut self, source: SourceId) {
        self.change(source, |entry| entry.fetches -= 1);
    }

    /// The row of a fetch has its answer, but the fetch continues.
    pub(super) fn hangs(&mut self, source: SourceId) {
        self.change(source, |entry| entry.hanging += 1);
    }

    /// A fetch that hung has ended.
    pub(super) fn answered(&mut self, source: SourceId) {
        self.change(source, |entry| {
            entry.hanging -= 1;
            entry.fetches -= 1;
        });
    }

    /// Bytes were freed.
    pub(super) fn release(&mut self, source: SourceId, bytes: u64) {
        self.held -= bytes;
        self.change(source, |entry| entry.held -= bytes);
    }

    /// Takes the rows of a dataset if all the fetches that it may have hang.
    pub(super) fn take_hanging(&mut self, source: SourceId) -> Vec<T> {
        let Some(entry) = self.sources.get_mut(&source).filter(|entry| entry.hanging >= self.parallel) else {
            return Vec::new();
        };
        let rows: Vec<T> = entry.streams.drain(..).flat_map(|(_, rows)| rows).map(|(_, row)| row).collect();
        self.waiting -= rows.len();
        rows
    }

    /// Takes all rows for which `is_over` holds.
    pub(super) fn take_if(&mut self, is_over: impl Fn(&T) -> bool) -> Vec<T> {
        let mut taken = Vec::new();
        for entry in self.sources.values_mut() {
            for (_, rows) in &mut entry.streams {
                let (over, left): (Vec<_>, Vec<_>) =
                    std::mem::take(rows).into_iter().partition(|(_, row)| is_over(row));
                *rows = left.into();
                taken.extend(over.into_iter().map(|(_, row)| row));
            }
            entry.streams.retain(|(_, rows)| !rows.is_empty());
        }
        self.waiting -= taken.len();
        self.sources.retain(|_, entry| !entry.is_idle());
        taken
    }

    fn change(&mut self, source: SourceId, change: impl FnOnce(&mut Source<T>)) {
        if let Some(entry) = self.sources.get_mut(&source) {
            change(entry);
            if entry.is_idle() {
                self.sources.remove(&source);
            }
        }
    }
}

impl<T> Source<T> {
    /// The first row of the stream whose turn it is.
    fn take_next(&mut self) -> Option<(u64, T)> {
        let (stream, mut rows) = self.streams.pop_front()?;
        let row = rows.pop_front();
        if !rows.is_empty() {
            self.streams.push_back((stream, rows));
        }
        row
    }

    fn is_idle(&self) -> bool {
        self.streams.is_empty() && self.fetches == 0 && self.held == 0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// A row: its stream, and its number within it.
    type Row = (u64, u64);

    fn push(queues: &mut Queues<Row>, source: SourceId, stream: u64, rows: std::ops::Range<u64>, bytes: u64) {
        rows.for_each(|row| queues.push(source, StreamId(stream), (bytes, (stream, row)), false));
    }

    fn started(queues: &mut Queues<Row>) -> Vec<Row> {
        std::iter::from_fn(|| queues.next()).map(|(_, _, row)| row).collect()
    }

    #[test]
    fn streams_of_a_dataset_take_turns_in_their_order() {
        let mut queues = Queues::new(1000, 100);
        push(&mut queues, 7, 1, 0..4, 1);
        push(&mut queues, 7, 2, 0..2, 1);
        queues.push(7, StreamId(2), (1, (2, 99)), true);
        assert_eq!(started(&mut queues), [(1, 0), (2, 99), (1, 1), (2, 0), (1, 2), (2, 1), (1, 3)]);
    }

    #[test]
    fn a_dataset_takes_no_more_bytes_than_it_leaves() {
        let mut queues = Queues::new(100, 100);
        push(&mut queues, 1, 1, 0..20, 10);
        assert_eq!(started(&mut queues).len(), 5, "half of the budget");
        push(&mut queues, 2, 2, 0..20, 10);
        assert_eq!(started(&mut queues).len(), 2, "as much as is left");
        // Both share the bytes that the first one gives back.
        for _ in 0..3 {
            queues.ended(1);
            queues.release(1, 10);
        }
        let sources: Vec<u64> = started(&mut queues).into_iter().map(|(stream, _)| stream).collect();
        assert_eq!(sources, [1, 2]);
    }

    #[test]
    fn a_sample_larger_than_the_budget_is_fetched_alone() {
        let mut queues = Queues::new(100, 100);
        push(&mut queues, 1, 1, 0..2, 1000);
        push(&mut queues, 2, 2, 0..1, 1000);
        assert_eq!(started(&mut queues), [(1, 0), (2, 0)], "one of each dataset");
        queues.ended(1);
        assert!(queues.next().is_none(), "its bytes are still there");
        queues.release(1, 1000);
        assert_eq!(started(&mut queues), [(1, 1)]);
    }

    #[test]
    fn rows_are_taken_back_once_every_fetch_hangs() {
        let mut queues = Queues::new(1000, 2);
        push(&mut queues, 1, 1, 0..5, 1);
        assert_eq!(started(&mut queues).len(), 2);
        queues.hangs(1);
        assert!(queues.take_hanging(1).is_empty());
        queues.hangs(1);
        assert_eq!(queues.take_hanging(1), [(1, 2), (1, 3), (1, 4)]);
        assert_eq!((queues.waiting(), queues.held()), (0, 2));
        push(&mut queues, 1, 1, 5..6, 1);
        queues.answered(1);
        assert!(queues.take_hanging(1).is_empty());
        assert_eq!(started(&mut queues), [(1, 5)]);
    }

    proptest! {
        /// Any sequence of events: the bounds hold, every row comes out once and in the order of its stream, and nothing is
        /// left behind.
        #[test]
        fn bounds_hold_and_no_row_is_lost(
            budget in 1_u64..200,
            parallel in 1_usize..6,
            events in prop::collection::vec((0_usize..3, 0_u64..3, 0_u64..80, 0_u8..5), 1..200),
        ) {
            let mut queues = Queues::new(budget, parallel);
            let mut under_way: Vec<(SourceId, u64, Row)> = Vec::new();
            let (mut pushed, mut out) = (0, Vec::new());
            for (source, stream, bytes, kind) in events {
                if kind < 3 {
                    // Streams are of one dataset each.
                    let stream = 10 * source as u64 + stream;
                    queues.push(source, StreamId(stream), (bytes, (stream, pushed)), false);
                    pushed += 1;
                } else if !under_way.is_empty() {
                    let (source, bytes, _) = under_way.remove(bytes as usize % under_way.len());
                    queues.ended(source);
                    queues.release(source, bytes);
                }
                while let Some(start) = queues.next() {
                    out.push(start.2);
                    under_way.push(start);
                }
                for source in 0..3 {
                    let of_source = || under_way.iter().filter(|start| start.0 == source);
                    prop_assert!(of_source().count() <= parallel);
                    let bytes: u64 = of_source().map(|start| start.1).sum();
                    prop_assert!(bytes <= budget || of_source().filter(|start| start.1 > 0).count() == 1);
                }
                prop_assert_eq!(queues.held(), under_way.iter().map(|start| start.1).sum::<u64>());
            }
            while let Some((source, bytes, _)) = under_way.pop() {
                queues.ended(source);
                queues.release(source, bytes);
                while let Some(start) = queues.next() {
                    out.push(start.2);
                    under_way.push(start);
                }
            }
            prop_assert_eq!(out.len() as u64, pushed);
            prop_assert_eq!(out.iter().collect::<BTreeSet<_>>().len() as u64, pushed);
            for stream in 0..30 {
                let of_stream = out.iter().filter(|row| row.0 == stream);
                prop_assert!(of_stream.is_sorted());
            }
            prop_assert!(queues.sources.is_empty() && queues.waiting() == 0 && queues.held() == 0);
        }
    }
}
