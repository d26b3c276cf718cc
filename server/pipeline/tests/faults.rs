//! Panics, and the end of the pipeline while it is at work.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod common;

use std::{sync::Arc, thread};

use bandwise_pipeline::{BatchError, PipelineConfig, Ticket, WantError};
use common::{
    Bench, block_on, config,
    gate::{Gate, LOG_PANICS},
    load, name, spec, wait_until, watchdog,
};

#[test]
fn a_panic_is_an_error_of_its_batch_only() {
    let bench = Bench::photos(config(), 4);
    // 16 samples where there are 12: to read the last four is a defect, which panics.
    let job = spec(4).resolve(*bench.dataset.digest().as_bytes(), 16).unwrap();
    let beyond = bench.pipeline.open(Arc::clone(&bench.dataset), Arc::new(job)).unwrap();
    let good = bench.open();
    for round in 0..3 {
        let (bad, next) = (beyond.want(3, 1, 2).unwrap(), beyond.want(4, 0, 4).unwrap());
        let other = good.want(round, 0, 4).unwrap();
        let error = block_on(bad).unwrap_err();
        let BatchError::Panicked { step: 3, row: 1, detail } = &error else { panic!("{error}") };
        assert!(detail.contains("sample 13 of 12"), "{detail}");
        assert_eq!(block_on(next).unwrap().sample_ids, [0, 1, 2, 3]);
        assert_eq!(block_on(other).unwrap().moment.step, round);
    }
    assert!(load(&bench.pipeline.stats().panics) >= 3);
    drop((beyond, good));
    bench.wait_for_nothing();
}

#[test]
fn a_log_that_panics_costs_no_worker() {
    let bench = Bench::with(config(), 1, &[LOG_PANICS, ""]);
    let stream = bench.open();
    // More often than there are workers.
    for round in 0..5 {
        let error = block_on(stream.want(2 * round, 0, 1).unwrap()).unwrap_err();
        assert!(matches!(error, BatchError::Panicked { row: 0, .. }), "{error}");
    }
    assert_eq!(block_on(stream.want(1, 0, 1).unwrap()).unwrap().sample_ids, [1]);
}

#[test]
fn the_end_of_the_pipeline_answers_every_ticket() {
    let _watchdog = watchdog("the end of the pipeline");
    let names = ["_end", "", "", "", "", "", "", "", "", "", "", ""];
    let bench = Bench::with(PipelineConfig { threads: 1, ..config() }, 12, &names);
    let gate = Gate::close(&name(0, "_end"));
    let (stream, other) = (bench.open(), bench.open());
    let stats = Arc::clone(bench.pipeline.stats());
    let at_work = stream.want(0, 0, 12).unwrap();
    gate.reached();
    let queued: Vec<Ticket> = (1..20).map(|step| stream.want(step, 0, 12).unwrap()).collect();
    let of_other = other.want(0, 0, 12).unwrap();
    let end = thread::spawn(move || drop(bench.pipeline));
    // While the worker is still at its row.
    for ticket in queued.into_iter().chain([of_other]) {
        assert_eq!(block_on(ticket).unwrap_err(), BatchError::Stopped);
    }
    assert_eq!(stream.want(0, 0, 12).map(drop).unwrap_err(), WantError::Stopped);
    gate.open();
    end.join().unwrap();
    assert_eq!(block_on(at_work).unwrap_err(), BatchError::Stopped);
    assert_eq!(stream.want(0, 0, 12).map(drop).unwrap_err(), WantError::Stopped);
    drop((stream, other));
    assert_eq!((load(&stats.batch_bytes_in_use), load(&stats.streams)), (0, 0));
}

#[test]
fn a_batch_can_be_read_after_the_end_of_the_pipeline() {
    let bench = Bench::photos(config(), 4);
    let stream = bench.open();
    let stats = Arc::clone(bench.pipeline.stats());
    let (taken, waiting) = (stream.want(0, 0, 4).unwrap(), stream.want(0, 0, 4).unwrap());
    let taken = block_on(taken).unwrap();
    wait_until("both batches", || bench.batches() == 2);
    drop(bench.pipeline);
    let waiting = block_on(waiting).unwrap();
    assert!(taken.images == waiting.images && taken.labels == waiting.labels);
    drop((taken, waiting, stream));
    assert_eq!((load(&stats.batch_bytes_in_use), load(&stats.streams)), (0, 0));
}

#[test]
fn a_pipeline_without_threads_has_one() {
    let bench = Bench::photos(PipelineConfig { threads: 0, ..config() }, 4);
    assert_eq!(bench.pipeline.config().threads, 1);
    block_on(bench.open().want(0, 0, 4).unwrap()).unwrap();
}
