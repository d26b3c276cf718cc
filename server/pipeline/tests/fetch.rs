//! Samples that are not in memory: fetched ahead of need, tried again, given up, and never waited for by a worker.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod common;

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use bandwise_pipeline::{BatchError, FetchConfig, PipelineConfig, Stream, Ticket};
use bandwise_terms::Cause;
use common::{
    Bench, block_on, config, load,
    storage::{Does, Storage},
    wait_until,
};

/// One worker, so that a row that held it would hold everything.
fn one_worker(fetch: FetchConfig) -> PipelineConfig {
    PipelineConfig { threads: 1, fetch, ..config() }
}

fn fetch() -> FetchConfig {
    config().fetch
}

fn pull(stream: &Stream) -> Vec<Vec<u8>> {
    let tickets: Vec<Ticket> = (0..3).map(|step| stream.want(step, 0, 4).unwrap()).collect();
    tickets.into_iter().map(|ticket| block_on(ticket).unwrap().images.to_vec()).collect()
}

fn cause(ticket: Ticket) -> Cause {
    match block_on(ticket).unwrap_err() {
        BatchError::Unreadable { cause, .. } => cause,
        other => panic!("{other}"),
    }
}

#[test]
fn bytes_do_not_show_where_a_sample_came_from() {
    let bench = Bench::photos(config(), 4);
    let expected = pull(&bench.open());
    for does in [Does::Answer, Does::AnswerAsync] {
        let before = load(&bench.pipeline.stats().fetched);
        let (storage, dataset) = Storage::before(bench.reopened(), move |_| does);
        assert_eq!(pull(&bench.open_over(&dataset)), expected, "{does:?}");
        assert_eq!(storage.fetches.load(Relaxed), 12);
        assert_eq!(load(&bench.pipeline.stats().fetched) - before, 12);
    }
    bench.wait_for_nothing();
    wait_until("no bytes are held", || load(&bench.pipeline.stats().fetch_bytes) == 0);
}

#[test]
fn samples_are_fetched_ahead_and_so_many_at_a_time() {
    let bench = Bench::photos(one_worker(FetchConfig { parallel: 3, ..fetch() }), 4);
    let (storage, dataset) = Storage::before(bench.reopened(), |_| Does::Hang);
    let stream = bench.open_over(&dataset);
    let tickets: Vec<Ticket> = (0..3).map(|step| stream.want(step, 0, 4).unwrap()).collect();
    // The rows of all batches wait, though there is one worker and none of it is done.
    wait_until("9 rows wait behind 3", || load(&bench.pipeline.stats().fetch_waiting) == 9);
    assert_eq!(storage.under_way(), 3);
    storage.let_go();
    for ticket in tickets {
        block_on(ticket).unwrap();
    }
    assert_eq!(storage.most_under_way.load(Relaxed), 3);
}

#[test]
fn few_bytes_are_fetched_one_sample_at_a_time() {
    let bench = Bench::photos(one_worker(FetchConfig { bytes: 1, ..fetch() }), 4);
    let expected = pull(&bench.open());
    let (storage, dataset) = Storage::before(bench.reopened(), |_| Does::Answer);
    assert_eq!(pull(&bench.open_over(&dataset)), expected);
    assert_eq!(storage.most_under_way.load(Relaxed), 1);
}

#[test]
fn storage_that_hangs_holds_no_worker_and_no_other_stream() {
    let time_limit = Duration::from_millis(300);
    let bench = Bench::photos(one_worker(FetchConfig { bytes: 1 << 20, parallel: 2, time_limit }), 4);
    let expected = pull(&bench.open());
    let (storage, hanging) = Storage::before(bench.reopened(), |_| Does::Hang);
    let (_, sound) = Storage::before(bench.reopened(), |_| Does::Answer);
    let (stuck, at_hand, fetched) = (bench.open_over(&hanging), bench.open(), bench.open_over(&sound));
    let tickets: Vec<Ticket> = (0..3).map(|step| stuck.want(step, 0, 4).unwrap()).collect();
    wait_until("two threads hang", || storage.under_way() == 2);
    assert_eq!(pull(&at_hand), expected);
    assert_eq!(pull(&fetched), expected);
    // After the time limit every row that lies there is answered, though two threads alone have asked for it.
    for ticket in tickets {
        assert_eq!(cause(ticket), Cause::TimedOut);
    }
    assert_eq!(load(&bench.pipeline.stats().fetch_timeouts), 2);
    // At once: all fetches that this storage may have are stuck.
    assert_eq!(cause(stuck.want(0, 0, 4).unwrap()), Cause::TimedOut);
    assert_eq!(storage.fetches.load(Relaxed), 2);
    storage.let_go();
    wait_until("the threads are back", || storage.under_way() == 0);
    wait_until("storage is asked again", || block_on(stuck.want(0, 0, 4).unwrap()).is_ok());
    assert_eq!(pull(&stuck), expected);
}

#[test]
fn a_task_that_hangs_is_stopped() {
    let time_limit = Duration::from_millis(20);
    let bench = Bench::photos(one_worker(FetchConfig { parallel: 1, time_limit, ..fetch() }), 4);
    let (storage, dataset) =
        Storage::before(
            bench.reopened(),
            |sample| if sample == 0 { Does::HangAsync } else { Does::AnswerAsync },
        );
    let stream = bench.open_over(&dataset);
    assert_eq!(cause(stream.want(0, 0, 4).unwrap()), Cause::TimedOut);
    wait_until("it is stopped", || storage.under_way() == 0);
    block_on(stream.want(1, 0, 4).unwrap()).unwrap();
}

#[test]
fn a_hiccup_is_nobodys_business() {
    let bench = Bench::photos(one_worker(FetchConfig { parallel: 1, ..fetch() }), 4);
    let expected = pull(&bench.open());
    let (storage, dataset) = Storage::before(bench.reopened(), |_| Does::Fail(2));
    assert_eq!(pull(&bench.open_over(&dataset)), expected);
    assert_eq!((storage.fetches.load(Relaxed), load(&bench.pipeline.stats().unreadable)), (14, 0));
    // After three tries it is more than that.
    let (storage, dataset) = Storage::before(bench.reopened(), |_| Does::Fail(usize::MAX));
    assert_eq!(cause(bench.open_over(&dataset).want(0, 0, 1).unwrap()), Cause::Io);
    assert_eq!(storage.fetches.load(Relaxed), 3);
}

#[test]
fn a_panic_of_a_source_is_an_error_of_its_batch_only() {
    let bench = Bench::photos(config(), 4);
    let (_, dataset) =
        Storage::before(bench.reopened(), |sample| if sample == 5 { Does::Panic } else { Does::Answer });
    let stream = bench.open_over(&dataset);
    let tickets: Vec<Ticket> = (0..3).map(|step| stream.want(step, 0, 4).unwrap()).collect();
    let made: Vec<bool> = tickets.into_iter().map(|ticket| block_on(ticket).is_ok()).collect();
    assert_eq!(made, [true, false, true]);
}

#[test]
fn a_substitute_is_fetched_as_well() {
    // Sample 1 is no image; its row holds the next one under `substitute`.
    let bench = Bench::with(config(), 4, &["", "_bad", "", ""]);
    let job = bandwise_job::JobSpec { on_bad_sample: bandwise_job::BadSample::Substitute, ..common::spec(4) };
    let job = common::job(&job, &bench.dataset);
    let (storage, dataset) = Storage::before(bench.reopened(), |_| Does::Answer);
    let stream = bench.pipeline.open(dataset, Arc::clone(&job)).unwrap();
    let batch = block_on(stream.want(0, 0, 4).unwrap()).unwrap();
    assert_eq!(batch.sample_ids, [0, 2, 2, 3]);
    assert_eq!(storage.fetches.load(Relaxed), 5);
    let at_hand = bench.pipeline.open(Arc::clone(&bench.dataset), job).unwrap();
    assert_eq!(block_on(at_hand.want(0, 0, 4).unwrap()).unwrap().images, batch.images);
}

#[test]
fn rows_that_nobody_waits_for_are_let_go() {
    let bench = Bench::photos(one_worker(FetchConfig { parallel: 1, ..fetch() }), 4);
    let (storage, dataset) = Storage::before(bench.reopened(), |_| Does::Hang);
    let stream = bench.open_over(&dataset);
    let mut tickets: Vec<Ticket> = (0..3).map(|step| stream.want(step, 0, 4).unwrap()).collect();
    wait_until("11 rows wait", || load(&bench.pipeline.stats().fetch_waiting) == 11);
    let first = tickets.remove(0);
    drop(tickets);
    // Without the answer of the storage, and with none of its fetches free.
    wait_until("the rows of two batches are gone", || load(&bench.pipeline.stats().fetch_waiting) == 3);
    storage.let_go();
    block_on(first).unwrap();
    drop(stream);
    bench.wait_for_nothing();
}

#[test]
fn the_pipeline_ends_while_storage_hangs() {
    let _watchdog = common::watchdog("the end of the pipeline");
    let bench = Bench::photos(config(), 4);
    let (storage, dataset) = Storage::before(bench.reopened(), |_| Does::Hang);
    let stream = bench.open_over(&dataset);
    let ticket = stream.want(0, 0, 4).unwrap();
    wait_until("it hangs", || storage.under_way() == 4);
    drop(bench.pipeline);
    assert_eq!(block_on(ticket).unwrap_err(), BatchError::Stopped);
    storage.let_go();
}
