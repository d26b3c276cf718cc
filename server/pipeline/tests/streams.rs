//! Streams: order, fairness, limits, and what becomes of tickets.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod common;

use std::sync::Arc;

use bandwise_pipeline::{Batch, BatchError, PipelineConfig, PipelineError, Stream, Ticket, WantError};
use common::{Bench, block_on, config, gate::Gate, job, name, poll_now, settle, spec, wait_until};

fn one_thread() -> PipelineConfig {
    PipelineConfig { threads: 1, ..config() }
}

#[test]
fn a_slow_batch_does_not_hold_up_the_next_ones() {
    let bench = Bench::with(config(), 1, &["_slow", "", "", ""]);
    let gate = Gate::close(&name(0, "_slow"));
    let stream = bench.open();
    let mut tickets: Vec<Ticket> = (0..4).map(|step| stream.want(step, 0, 1).unwrap()).collect();
    wait_until("the batches behind the slow one", || bench.batches() == 3);
    assert!(poll_now(&mut tickets[0]).is_none());
    gate.open();
    // In the order of the wants, whatever the order in which they were completed.
    let batches: Vec<Batch> = tickets.into_iter().map(|ticket| block_on(ticket).unwrap()).collect();
    assert!(batches.iter().map(|batch| batch.moment.step).eq(0..4));
    assert_eq!(batches[0].labels[..], (-1_i64).to_le_bytes());
    assert!(batches[0].images.iter().all(|&byte| byte == 0));
}

#[test]
fn pinned_workers_make_the_same_bytes() {
    let pull = |pin_threads| {
        let bench = Bench::photos(PipelineConfig { pin_threads, ..config() }, 4);
        block_on(bench.open().want(0, 0, 4).unwrap()).unwrap().images.to_vec()
    };
    assert_eq!(pull(true), pull(false));
}

#[test]
fn equal_streams_advance_at_the_same_pace() {
    let names = ["_start", "", "", "", "", "", "", "", "_stop", "", "", ""];
    let bench = Bench::with(one_thread(), 4, &names);
    let (start, stop) = (Gate::close(&name(0, "_start")), Gate::close(&name(8, "_stop")));
    let (starter, one, other) = (bench.open(), bench.open(), bench.open());
    let _first = starter.want(0, 0, 1).unwrap();
    start.reached();
    // The only worker is held up until all of this is wanted, and again when it comes to step 2.
    let want = |stream: &Stream, step| stream.want(step, 0, 4).unwrap();
    let mut to_stop: Vec<Ticket> = (0..20).map(|_| want(&one, 1)).collect();
    to_stop.push(want(&one, 2));
    let mut more: Vec<Ticket> = (0..60).map(|_| want(&other, 1)).collect();
    start.open();
    stop.reached();
    let ready = [&mut to_stop, &mut more].map(|tickets| tickets.iter_mut().filter_map(poll_now).count());
    assert_eq!(ready[0], 20);
    assert!((19..=21).contains(&ready[1]), "{ready:?}");
}

#[test]
fn high_priority_takes_three_of_four_turns_and_starves_nobody() {
    let names = ["_begin", "", "", "", "", "", "", "", "_halt", "", "", ""];
    let bench = Bench::with(one_thread(), 4, &names);
    let (begin, halt) = (Gate::close(&name(0, "_begin")), Gate::close(&name(8, "_halt")));
    let (starter, normal, high) = (bench.open(), bench.open(), bench.open_high());
    let _first = starter.want(0, 0, 1).unwrap();
    begin.reached();
    // The only worker is held up until all of this is wanted, and again when it comes to step 2.
    let want = |stream: &Stream, step| stream.want(step, 0, 4).unwrap();
    let mut to_halt: Vec<Ticket> = (0..10).map(|_| want(&normal, 1)).collect();
    to_halt.push(want(&normal, 2));
    let mut urgent: Vec<Ticket> = (0..60).map(|_| want(&high, 1)).collect();
    begin.open();
    halt.reached();
    let ready = [&mut to_halt, &mut urgent].map(|tickets| tickets.iter_mut().filter_map(poll_now).count());
    assert_eq!(ready[0], 10);
    assert!((29..=32).contains(&ready[1]), "{ready:?}");
    drop(halt);
    // Alone it has every turn.
    drop((normal, to_halt));
    for ticket in urgent.iter_mut().skip(ready[1]) {
        block_on(ticket).unwrap();
    }
}

#[test]
fn a_stream_waits_for_a_limited_number_of_batches() {
    let bench = Bench::photos(PipelineConfig { max_pending_batches: 3, ..config() }, 4);
    let (stream, other) = (bench.open(), bench.open());
    let mut tickets: Vec<Ticket> = (0..3).map(|step| stream.want(step, 0, 4).unwrap()).collect();
    let full = || stream.want(9, 0, 4).map(drop).unwrap_err();
    assert_eq!(full(), WantError::TooManyPending { pending: 3 });
    let _also = other.want(0, 0, 4).unwrap();
    // Both a ticket that is dropped and one that is answered make room.
    drop(tickets.pop());
    tickets.push(stream.want(3, 0, 4).unwrap());
    assert_eq!(full(), WantError::TooManyPending { pending: 3 });
    let batch = block_on(tickets.remove(0)).unwrap();
    assert_eq!(batch.moment.step, 0);
    tickets.push(stream.want(4, 0, 4).unwrap());
    assert_eq!(full(), WantError::TooManyPending { pending: 3 });
}

#[test]
fn what_cannot_be_is_refused_and_costs_no_place() {
    let limits =
        PipelineConfig { max_pending_batches: 1, max_batch_rows: 3, max_batch_bytes: 8000, ..config() };
    let bench = Bench::photos(limits, 4);
    let stream = bench.open();
    let error = |step, first_row, rows| stream.want(step, first_row, rows).map(drop).unwrap_err();
    let steps = bench.job.plan().steps();
    assert_eq!(error(steps, 0, 1), WantError::StepOutOfRange { step: steps, steps });
    assert_eq!(error(u64::MAX, 0, 1), WantError::StepOutOfRange { step: u64::MAX, steps });
    assert_eq!(error(0, 0, 0), WantError::NoRows);
    for (first_row, rows) in [(4, 1), (0, 5), (u64::MAX, 2), (2, u64::MAX)] {
        assert_eq!(
            error(0, first_row, rows),
            WantError::RowsOutOfRange { step: 0, first_row, rows, step_rows: 4 }
        );
    }
    for rows in [3, 4] {
        assert!(matches!(error(0, 0, rows), WantError::BatchTooLarge { .. }), "{rows} rows");
    }
    let batch = block_on(stream.want(1, 1, 2).unwrap()).unwrap();
    assert_eq!((batch.first_row, batch.sample_ids), (1, vec![5, 6]));
}

#[test]
fn streams_beyond_the_limit_are_refused() {
    let bench = Bench::photos(PipelineConfig { max_streams: 2, ..config() }, 4);
    let _two = [bench.open(), bench.open()];
    let third = bench.pipeline.open(Arc::clone(&bench.dataset), Arc::clone(&bench.job));
    assert!(matches!(third, Err(PipelineError::TooManyStreams { max: 2 })));
    assert_eq!(bench.streams(), 2);
}

#[test]
fn a_batch_whose_stream_is_dropped_half_way_is_never_delivered() {
    let bench = Bench::with(one_thread(), 12, &["_half", "", "", "", "", "", "", "", "", "", "", ""]);
    let gate = Gate::close(&name(0, "_half"));
    let stream = bench.open();
    let (half, queued) = (stream.want(0, 0, 12).unwrap(), stream.want(1, 0, 12).unwrap());
    gate.reached();
    drop(stream);
    assert_eq!(block_on(queued).unwrap_err(), BatchError::Stopped);
    gate.open();
    assert_eq!(block_on(half).unwrap_err(), BatchError::Stopped);
    bench.wait_for_nothing();
    assert_eq!(bench.batches(), 0);
}

#[test]
fn rows_that_nobody_waits_for_are_not_made() {
    let bench = Bench::with(one_thread(), 12, &["_nobody", "", "", "", "", "", "", "", "", "", "", ""]);
    let gate = Gate::close(&name(0, "_nobody"));
    let stream = bench.open();
    let ticket = stream.want(0, 0, 12).unwrap();
    gate.reached();
    drop(ticket);
    gate.open();
    // Made in its turn: the rows before it are done with.
    block_on(stream.want(0, 1, 1).unwrap()).unwrap();
    drop(stream);
    bench.wait_for_nothing();
    // The one that was being made, and the other want's.
    assert_eq!(common::load(&bench.pipeline.stats().rows), 2);
}

#[test]
fn the_lowest_failing_row_names_the_failure() {
    let bench = Bench::with(config(), 6, &["", "_first", "", "_second", "", ""]);
    let failing = bandwise_job::JobSpec { on_bad_sample: bandwise_job::BadSample::Fail, ..spec(6) };
    let failing = job(&failing, &bench.dataset);
    let stream = bench.pipeline.open(Arc::clone(&bench.dataset), failing).unwrap();
    let (first, second) = (Gate::close(&name(1, "_first")), Gate::close(&name(3, "_second")));
    let ticket = stream.want(0, 0, 6).unwrap();
    first.reached();
    second.reached();
    // The later row fails before the earlier one.
    second.open();
    settle();
    first.open();
    let error = block_on(ticket).unwrap_err();
    assert!(matches!(error, BatchError::Undecodable { sample: 1, .. }), "{error}");
    drop(stream);
    bench.wait_for_nothing();
}
