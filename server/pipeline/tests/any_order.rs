//! Whatever is opened, wanted, taken and dropped in whatever order: batches are whole, nothing hangs, and in the
//! end nothing is left.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod common;

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
    thread,
    time::Duration,
};

use bandwise_pipeline::{Batch, BatchError, PipelineConfig, Stream, Ticket};
use bytes::Bytes;
use common::{Bench, batch_bytes, block_on, config, poll_now, watchdog};
use parking_lot::Mutex;
use proptest::{prelude::*, sample::Index};

/// Rows of a step.
const ROWS: u64 = 4;

/// One thing that a program around a pipeline may do.
#[derive(Clone, Debug)]
enum Op {
    Open,
    Want {
        stream: Index,
        step: u64,
        first_row: u64,
        rows: u64,
    },
    DropTicket(Index),
    /// Takes the batch of a ticket if it is there.
    Take(Index),
    DropBatch(Index),
    DropStream(Index),
    Pause,
}

fn op() -> impl Strategy<Value = Op> {
    let index = any::<Index>;
    let want = (index(), 0..6_u64, 0..ROWS, 1..=ROWS).prop_map(|(stream, step, first_row, rows)| Op::Want {
        stream,
        step,
        first_row,
        rows: rows.min(ROWS - first_row),
    });
    prop_oneof![
        2 => Just(Op::Open),
        8 => want,
        2 => index().prop_map(Op::DropTicket),
        6 => index().prop_map(Op::Take),
        3 => index().prop_map(Op::DropBatch),
        1 => index().prop_map(Op::DropStream),
        4 => Just(Op::Pause),
    ]
}

/// What the program holds.
#[derive(Default)]
struct Held {
    streams: Vec<Stream>,
    tickets: Vec<Ticket>,
    batches: Vec<Batch>,
}

/// A place in a list, unless the list is empty.
fn place<T>(list: &[T], index: Index) -> Option<usize> {
    (!list.is_empty()).then(|| index.index(list.len()))
}

impl Held {
    fn apply(&mut self, bench: &Bench, op: Op) {
        match op {
            // Refused when there are too many.
            Op::Open => {
                self.streams.extend(bench.pipeline.open(Arc::clone(&bench.dataset), Arc::clone(&bench.job)));
            }
            Op::Want { stream, step, first_row, rows } => {
                if let Some(i) = place(&self.streams, stream) {
                    // Refused when too much is pending.
                    self.tickets.extend(self.streams[i].want(step, first_row, rows));
                }
            }
            Op::DropTicket(index) => drop(place(&self.tickets, index).map(|i| self.tickets.remove(i))),
            Op::Take(index) => {
                if let Some(i) = place(&self.tickets, index)
                    && let Some(outcome) = poll_now(&mut self.tickets[i])
                {
                    drop(self.tickets.remove(i));
                    self.batches.extend(checked(outcome));
                }
            }
            Op::DropBatch(index) => drop(place(&self.batches, index).map(|i| self.batches.swap_remove(i))),
            Op::DropStream(index) => drop(place(&self.streams, index).map(|i| self.streams.remove(i))),
            Op::Pause => thread::sleep(Duration::from_millis(1)),
        }
    }

    /// Once no batch is held, every ticket is answered.
    fn answer_all(&mut self) {
        self.batches.clear();
        for ticket in self.tickets.drain(..) {
            checked(block_on(ticket));
        }
    }
}

type Contents = (Bytes, Bytes, Vec<u64>);

/// What a batch holds is the same whenever and wherever it is made. Only dropped streams fail.
fn checked(outcome: Result<Batch, BatchError>) -> Option<Batch> {
    static KNOWN: Mutex<BTreeMap<(u64, u64, usize), Contents>> = Mutex::new(BTreeMap::new());
    let batch = match outcome {
        Ok(batch) => batch,
        Err(error) => {
            assert_eq!(error, BatchError::Stopped);
            return None;
        }
    };
    let key = (batch.moment.step, batch.first_row, batch.layout.rows());
    let copy = || {
        let (images, labels) = (&batch.images[..], &batch.labels[..]);
        (Bytes::copy_from_slice(images), Bytes::copy_from_slice(labels), batch.sample_ids.clone())
    };
    let mut known = KNOWN.lock();
    let (images, labels, sample_ids) = known.entry(key).or_insert_with(copy);
    assert!(batch.images == *images && batch.labels == *labels, "{key:?} has changed");
    assert_eq!(&batch.sample_ids, sample_ids);
    Some(batch)
}

const STREAMS: usize = 3;

static BENCH: LazyLock<Bench> = LazyLock::new(|| {
    let budget = 3 * batch_bytes(ROWS);
    let small =
        PipelineConfig { prefetch_bytes: budget, max_streams: STREAMS, max_pending_batches: 6, ..config() };
    Bench::photos(small, ROWS)
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_torn_and_nothing_is_left(
        ops in prop::collection::vec(op(), 1..80),
        answer in any::<bool>(),
        end in prop::sample::select(vec![[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]),
    ) {
        let _watchdog = watchdog("a sequence of operations");
        let bench = &*BENCH;
        let mut held = Held::default();
        for op in ops {
            held.apply(bench, op);
            let bound = (3 + STREAMS as u64) * batch_bytes(ROWS);
            prop_assert!(bench.bytes_in_use() <= bound, "{} bytes", bench.bytes_in_use());
        }
        if answer {
            held.answer_all();
        }
        for part in end {
            match part {
                0 => held.streams.clear(),
                1 => held.tickets.clear(),
                _ => held.batches.clear(),
            }
        }
        bench.wait_for_nothing();
    }
}
