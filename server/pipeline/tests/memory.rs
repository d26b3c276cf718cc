//! Batch memory is bounded and shared, and comes back.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod common;

use std::sync::Arc;

use bandwise_pipeline::{PipelineConfig, PipelineError, Stream, Ticket};
use common::{Bench, batch_bytes, block_on, config, gate::Gate, name, poll_now, settle, wait_until};

/// A pipeline of steps of 4 rows with a budget of `batches` such batches.
fn bench(batches: u64) -> Bench {
    Bench::photos(PipelineConfig { prefetch_bytes: batches * batch_bytes(4), ..config() }, 4)
}

fn want_many(stream: &Stream, count: u64) -> Vec<Ticket> {
    (0..count).map(|step| stream.want(step, 0, 4).unwrap()).collect()
}

/// What `streams` streams that take nothing have after a while, in batches of 4 rows.
fn batches_made(budget: u64, streams: usize) -> u64 {
    let bench = bench(budget);
    let expected = (budget / streams as u64).max(1) * streams as u64;
    let streams: Vec<Stream> = (0..streams).map(|_| bench.open()).collect();
    let tickets: Vec<_> = streams.iter().map(|stream| want_many(stream, 20)).collect();
    wait_until("the share of each stream", || {
        assert!(bench.bytes_in_use() <= (budget + streams.len() as u64) * batch_bytes(4));
        bench.batches() >= expected
    });
    settle();
    let made = bench.batches();
    assert_eq!(bench.bytes_in_use(), made * batch_bytes(4));
    drop((streams, tickets));
    bench.wait_for_nothing();
    made
}

#[test]
fn streams_that_take_nothing_fill_their_shares_and_no_more() {
    assert_eq!(batches_made(8, 1), 8);
    assert_eq!(batches_made(8, 2), 8);
    assert_eq!(batches_made(8, 3), 6);
    // One batch each, although together they are more than the budget.
    assert_eq!(batches_made(3, 6), 6);
}

#[test]
fn a_share_that_others_still_hold_is_waited_for() {
    let bench = bench(8);
    let first = bench.open();
    let mut all = want_many(&first, 20);
    wait_until("the whole budget", || bench.batches() == 8);
    let later = [bench.open(), bench.open()];
    let _tickets = later.each_ref().map(|stream| want_many(stream, 20));
    wait_until("one batch each", || bench.batches() >= 10);
    settle();
    assert_eq!((bench.batches(), bench.bytes_in_use()), (10, 10 * batch_bytes(4)));
    // What is not begun goes first: else some of it would begin between two of the batches.
    drop(all.split_off(8));
    drop(all);
    wait_until("two batches each, a third of the budget", || bench.batches() >= 12);
    settle();
    assert_eq!((bench.batches(), bench.bytes_in_use()), (12, 4 * batch_bytes(4)));
}

#[test]
fn a_stream_that_keeps_its_batches_stops_only_itself() {
    let bench = bench(2);
    let (keeper, other) = (bench.open(), bench.open());
    let mut waiting = want_many(&keeper, 5).into_iter();
    let kept = block_on(waiting.next().unwrap()).unwrap();
    for step in 0..30 {
        assert_eq!(block_on(other.want(step, 0, 4).unwrap()).unwrap().moment.step, step);
    }
    let mut next = waiting.next().unwrap();
    settle();
    assert!(poll_now(&mut next).is_none(), "the keeper has its share already");
    // One of the two tensors still keeps the memory.
    let labels = kept.labels.clone();
    drop(kept);
    settle();
    assert!(poll_now(&mut next).is_none());
    drop(labels);
    assert_eq!(block_on(next).unwrap().moment.step, 1);
}

#[test]
fn a_want_taken_back_lets_a_smaller_one_pass() {
    let bench = bench(1);
    let stream = bench.open();
    let held = block_on(stream.want(0, 0, 1).unwrap()).unwrap();
    let (mut large, mut small) = (stream.want(1, 0, 4).unwrap(), stream.want(2, 0, 1).unwrap());
    settle();
    assert!(poll_now(&mut large).is_none(), "it does not fit beside the batch that is held");
    assert!(poll_now(&mut small).is_none(), "batches are begun in order");
    drop(large);
    assert_eq!(block_on(small).unwrap().moment.step, 2);
    drop(held);
}

#[test]
fn wants_that_are_taken_back_at_once_do_not_pile_up() {
    let bench = Bench::with(
        PipelineConfig { threads: 1, max_pending_batches: 8, ..config() },
        1,
        &["_endless", "", "", ""],
    );
    let gate = Gate::close(&name(0, "_endless"));
    let stream = bench.open();
    let first = stream.want(0, 0, 1).unwrap();
    gate.reached();
    let before = Arc::strong_count(&bench.job);
    for step in 0..50_000 {
        drop(stream.want(1 + step % 3, 0, 1).unwrap());
        // Every want in a queue holds the job; a few are on their way to the worker.
        let waiting = Arc::strong_count(&bench.job) - before;
        assert!(waiting <= 2 * 8 + 4, "{waiting} wants are kept after {step}");
    }
    gate.open();
    assert_eq!(block_on(first).unwrap().sample_ids, [0]);
    assert_eq!(block_on(stream.want(1, 0, 1).unwrap()).unwrap().sample_ids, [1]);
}

#[test]
fn a_batch_that_outlives_its_stream_keeps_the_place() {
    let bench = Bench::photos(PipelineConfig { max_streams: 1, ..config() }, 4);
    let open = || bench.pipeline.open(Arc::clone(&bench.dataset), Arc::clone(&bench.job));
    for step in 0..3 {
        let stream = bench.open();
        let batch = block_on(stream.want(step, 0, 4).unwrap()).unwrap();
        drop(stream);
        settle();
        assert!(matches!(open(), Err(PipelineError::TooManyStreams { max: 1 })));
        assert_eq!(bench.bytes_in_use(), batch_bytes(4));
        drop(batch);
        bench.wait_for_nothing();
    }
}

#[test]
fn batches_of_changing_sizes_reuse_memory_without_a_trace() {
    let bench = bench(2);
    let fresh = |step, rows| {
        let other = Bench::photos(config(), 4);
        block_on(other.open().want(step, 0, rows).unwrap()).unwrap()
    };
    let expected: Vec<_> = [(0, 4), (1, 1), (2, 3), (0, 2)].map(|(step, rows)| fresh(step, rows)).into();
    let stream = bench.open();
    for _ in 0..5 {
        for batch in &expected {
            let rows = batch.sample_ids.len() as u64;
            let again = block_on(stream.want(batch.moment.step, 0, rows).unwrap()).unwrap();
            assert!(again.images == batch.images, "step {}", batch.moment.step);
            assert_eq!((again.labels, &again.sample_ids), (batch.labels.clone(), &batch.sample_ids));
        }
    }
}
