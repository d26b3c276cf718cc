//! Replayed rows are the fresh rows of earlier steps, whatever is kept of them, and what is kept is bounded.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod common;

use std::{collections::HashMap, sync::Arc};

use bandwise_curriculum::Curriculum;
use bandwise_job::{Job, JobSpec, ReplaySpec};
use bandwise_kernels::Dtype;
use bandwise_pipeline::{
    Batch, PipelineConfig, PipelineError, ReplayConfig, ReplayShortage, Stream, StreamOptions, WantError,
};
use bandwise_recipe::{LowFrequency, OutputFormat, Recipe};
use common::{Bench, SIDE, block_on, config, job, load, spec, wait_until};

/// Rows of a step: blocks of 2 fresh and 4 replayed rows, two of them for each of two lanes.
const ROWS: u64 = 24;
const FRESH: u64 = 8;

/// Two stages that replay, with other buffers and sizes, between stages that do not. Of their 12 passes 4 are fresh.
fn replayed(dtype: Dtype) -> JobSpec {
    let stage = |epochs: u64, more: &str| format!("[[stage]]\nepochs = {epochs}\nmagnitude = 0\n{more}\n");
    let curriculum = [
        "name = 'replayed'\nbase = 32\n".to_owned(),
        stage(1, "bandwidth = 32"),
        stage(12, "bandwidth = 16\nreplay = 3\nreplay_buffer = 3"),
        stage(12, "bandwidth = 32\nreplay = 3\nreplay_buffer = 100"),
        stage(1, "bandwidth = 32"),
    ]
    .concat();
    let base = spec(ROWS);
    JobSpec {
        curriculum: Curriculum::from_toml("replayed", &curriculum).unwrap(),
        epochs: 26.0,
        recipe: None,
        order: None,
        output: OutputFormat { dtype, ..base.output },
        replay: ReplaySpec { chunk: 2, lanes: 2 },
        ..base
    }
}

/// Bytes of the images in the largest buffer: stage 2 has 12 steps.
const BUFFER: u64 = 12 * FRESH * SIDE * SIDE * 3 * 4;

fn with_memory(bytes: u64, shortage: ReplayShortage) -> Bench {
    let replay = ReplayConfig { bytes, shortage };
    let mut bench = Bench::with(PipelineConfig { replay, ..config() }, ROWS, &[""; 24]);
    bench.job = job(&replayed(Dtype::F32), &bench.dataset);
    bench
}

fn steps(job: &Job) -> u64 {
    job.plan().steps()
}

/// What a row shows: image, label, sample.
type Row = (Vec<u8>, Vec<u8>, u64);

fn rows_of(batch: &Batch) -> HashMap<u64, Row> {
    let rows = 0..batch.layout.rows();
    let row = |i: usize| {
        let label = batch.labels[8 * i..8 * i + 8].to_vec();
        (batch.images[batch.layout.image(i)].to_vec(), label, batch.sample_ids[i])
    };
    let left_out: Vec<u64> = batch.replayed.iter().map(|replayed| replayed.row).collect();
    let numbers = (batch.first_row..).filter(|row| !left_out.contains(row));
    numbers.zip(rows.map(row)).collect()
}

/// Every row of every step, by (step, row), taken in batches of `share` rows by as many streams as that needs.
fn all_rows(bench: &Bench, share: u64) -> HashMap<(u64, u64), Row> {
    let streams: Vec<Stream> = (0..ROWS / share).map(|_| bench.open()).collect();
    let want =
        |(rank, stream): (usize, &Stream), step| stream.want(step, rank as u64 * share, share).unwrap();
    let mut rows = HashMap::new();
    // Some steps ahead, so that steps are in the making at a time.
    let ahead: Vec<u64> = (0..steps(&bench.job)).collect();
    for steps in ahead.chunks(4) {
        let tickets: Vec<_> = steps
            .iter()
            .flat_map(|&step| streams.iter().enumerate().map(move |stream| want(stream, step)))
            .collect();
        for ticket in tickets {
            let batch = block_on(ticket).unwrap();
            rows.extend(rows_of(&batch).into_iter().map(|(row, shown)| ((batch.moment.step, row), shown)));
        }
    }
    rows
}

#[test]
fn replayed_rows_are_the_fresh_rows_of_their_origins() {
    let bench = with_memory(1 << 30, ReplayShortage::Refuse);
    let stages: Vec<u64> = bench.job.plan().stages().iter().map(|stage| stage.steps).collect();
    assert_eq!(stages, [1, 12, 12, 2]);
    let rows = all_rows(&bench, ROWS);
    for step in 0..steps(&bench.job) {
        let moment = bench.job.plan().locate(step).unwrap();
        for row in 0..moment.rows {
            let origin = bench.job.origin(&moment, row);
            let there = bench.job.replay(moment.stage).map_or(row, |replay| replay.row_of(origin.fresh_row));
            assert_eq!(rows[&(step, row)], rows[&(origin.step, there)], "step {step}, row {row}");
        }
    }
    // Each sample of an epoch is fresh once; two epochs show it under other draws.
    let fresh: Vec<&Row> = rows
        .iter()
        .filter(|((step, row), _)| {
            let moment = bench.job.plan().locate(*step).unwrap();
            moment.stage == 1 && bench.job.replay(1).unwrap().is_fresh(*row)
        })
        .map(|(_, shown)| shown)
        .collect();
    let mut samples: Vec<u64> = fresh.iter().map(|row| row.2).collect();
    samples.sort_unstable();
    assert!(samples.into_iter().eq((0..24).flat_map(|sample| [sample; 4])));
}

#[test]
fn what_is_kept_and_who_takes_it_do_not_show() {
    let expected = all_rows(&with_memory(1 << 30, ReplayShortage::Refuse), ROWS);
    for (bytes, share) in [(0, ROWS), (BUFFER / 5, ROWS), (BUFFER / 5, 12), (1 << 30, 12), (1 << 30, 6)] {
        let bench = with_memory(bytes, ReplayShortage::Recompute);
        assert!(all_rows(&bench, share) == expected, "{bytes} bytes, batches of {share} rows");
        let stats = bench.pipeline.stats();
        assert_eq!(load(&stats.rows_from_memo) == 0, bytes == 0);
        let made = load(&stats.rows) - load(&stats.rows_from_memo);
        assert!(bytes < 1 << 30 || made <= expected.len() as u64 / 2, "{made} rows made");
    }
    // Backwards, each step by a stream of its own, so that nothing is ever kept of the steps before.
    let bench = with_memory(1 << 30, ReplayShortage::Refuse);
    for step in (0..steps(&bench.job)).rev() {
        let options = StreamOptions { single_batch: true, ..StreamOptions::default() };
        let (dataset, job) = (Arc::clone(&bench.dataset), Arc::clone(&bench.job));
        let stream = bench.pipeline.open_with(dataset, job, options).unwrap();
        let batch = block_on(stream.want(step, 0, ROWS).unwrap()).unwrap();
        for (row, shown) in rows_of(&batch) {
            assert!(expected[&(step, row)] == shown, "step {step}, row {row} alone");
        }
    }
    assert_eq!(load(&bench.pipeline.stats().rows_from_memo), 0);
    assert_eq!(load(&bench.pipeline.stats().replay_reserved_bytes), 0, "a single batch reserves nothing");
}

#[test]
fn fresh_rows_alone_name_the_others() {
    let bench = with_memory(0, ReplayShortage::Refuse);
    let options = StreamOptions { fresh_only: true, ..StreamOptions::default() };
    let (dataset, job) = (Arc::clone(&bench.dataset), Arc::clone(&bench.job));
    let stream = bench.pipeline.open_with(dataset, job, options).unwrap();
    let expected = all_rows(&with_memory(1 << 30, ReplayShortage::Refuse), ROWS);
    for step in 0..steps(&bench.job) {
        let moment = bench.job.plan().locate(step).unwrap();
        let batch = block_on(stream.want(step, 12, 12).unwrap()).unwrap();
        let fresh = rows_of(&batch);
        let count = if bench.job.replay(moment.stage).is_some() { 4 } else { 12 };
        assert_eq!((fresh.len(), batch.replayed.len()), (count, 12 - count), "step {step}");
        assert!(fresh.iter().all(|(row, shown)| expected[&(step, *row)] == *shown), "step {step}");
        assert!(batch.origin_steps.is_empty());
        for replayed in &batch.replayed {
            let origin = (replayed.origin_step, replayed.origin_row);
            assert!(origin.1 >= 12, "lanes stay apart");
            assert!(expected[&origin] == expected[&(step, replayed.row)], "step {step}, {replayed:?}");
        }
    }
}

#[test]
fn batches_cut_no_block_and_fresh_rows_are_not_mixed() {
    let bench = with_memory(1 << 30, ReplayShortage::Refuse);
    let stream = bench.open();
    assert!(matches!(stream.want(1, 0, 8), Err(WantError::CutsGroup { group: 6, .. })));
    assert!(stream.want(0, 1, 8).is_ok(), "stage 0 does not replay");
    let recipe = "name = 'm'\n[[operation]]\nname = 'random_resized_crop'\nside = 'bandwidth'\n\
                  [[operation]]\nname = 'normalize'\n[[operation]]\nname = 'mix'\ngroup = 2\n";
    let recipe = bandwise_job::RecipeChoice::Inline(Recipe::from_toml("m", recipe).unwrap());
    let mixing = job(&JobSpec { recipe: Some(recipe), ..replayed(Dtype::F32) }, &bench.dataset);
    let open = |fresh_only| {
        let options = StreamOptions { fresh_only, ..StreamOptions::default() };
        bench.pipeline.open_with(Arc::clone(&bench.dataset), Arc::clone(&mixing), options).unwrap()
    };
    assert!(matches!(open(true).want(1, 0, 6), Err(WantError::FreshRowsMixed)));
    // Rows are kept as they are before mixing: a memo does not show in what is mixed.
    let (stream, none) = (open(false), with_memory(0, ReplayShortage::Recompute));
    let other = none.pipeline.open(Arc::clone(&none.dataset), Arc::clone(&mixing)).unwrap();
    for step in 0..8 {
        let [one, two] =
            [&stream, &other].map(|stream| block_on(stream.want(step, 0, ROWS).unwrap()).unwrap());
        assert!(rows_of(&one) == rows_of(&two) && one.lam == two.lam, "step {step}");
    }
}

/// In stages below the base size the reference keeps f16, so floats show its values, those of fresh rows too.
#[test]
fn floats_of_small_replayed_stages_are_those_of_halves() {
    let bench = with_memory(1 << 30, ReplayShortage::Refuse);
    let images = |dtype, step| {
        let spec = JobSpec { low_frequency: Some(LowFrequency::Lanczos), ..replayed(dtype) };
        let job = job(&spec, &bench.dataset);
        let stream = bench.pipeline.open(Arc::clone(&bench.dataset), job).unwrap();
        block_on(stream.want(step, 0, ROWS).unwrap()).unwrap().images
    };
    let are_halves = |step| {
        let wide = images(Dtype::F32, step);
        let values = wide.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        // A value of f16 has 13 zero bits at the end of its f32.
        values.clone().count() > 0 && values.clone().all(|value| value.to_bits().trailing_zeros() >= 13)
    };
    assert!(are_halves(5), "B 16 of 32, replay 3");
    assert!(!are_halves(0) && !are_halves(14), "B 32 of 32");
}

#[test]
fn memory_is_reserved_bounded_and_given_back() {
    let bench = with_memory(1 << 30, ReplayShortage::Refuse);
    let stats = Arc::clone(bench.pipeline.stats());
    let [one, two] = [bench.open(), bench.open()];
    let reserved = load(&stats.replay_reserved_bytes);
    assert!((BUFFER..BUFFER * 21 / 20).contains(&reserved), "{reserved} bytes for a buffer of {BUFFER}");
    let mut peak = 0;
    for step in 0..steps(&bench.job) {
        for (stream, first_row) in [(&one, 0), (&two, 12)] {
            block_on(stream.want(step, first_row, 12).unwrap()).unwrap();
            peak = peak.max(load(&stats.replay_bytes));
        }
    }
    assert!(peak <= reserved && peak > reserved * 95 / 100, "{peak} of {reserved} bytes");
    wait_until("the last stage keeps nothing", || {
        // A stream that is many steps behind the end of a stage may still need its rows.
        load(&stats.replay_bytes) <= reserved
    });
    drop(one);
    assert_eq!(load(&stats.replay_reserved_bytes), reserved);
    drop(two);
    assert_eq!((load(&stats.replay_reserved_bytes), load(&stats.replay_bytes)), (0, 0));
}

#[test]
fn a_buffer_that_does_not_fit_is_refused_with_what_would() {
    let bench = with_memory(BUFFER / 2, ReplayShortage::Refuse);
    let open = || bench.pipeline.open(Arc::clone(&bench.dataset), Arc::clone(&bench.job));
    let error = open().unwrap_err();
    let PipelineError::ReplayMemory { stage: 2, steps: 12, rows: 8, bytes, fitting_steps: 5, .. } = error
    else {
        panic!("{error:?}")
    };
    assert!((BUFFER..BUFFER * 21 / 20).contains(&bytes));
    let message = error.to_string();
    for part in ["replay_memory_mib", "replay_buffer of 5", "recompute"] {
        assert!(message.contains(part), "no '{part}' in: {message}");
    }
    assert_eq!(bench.streams(), 0, "no place is lost");
    let bench = with_memory(BUFFER / 2, ReplayShortage::Recompute);
    let stream = bench.open();
    let stats = bench.pipeline.stats();
    for step in 0..steps(&bench.job) {
        block_on(stream.want(step, 0, ROWS).unwrap()).unwrap();
        assert!(load(&stats.replay_bytes) <= BUFFER / 2, "step {step}");
    }
    assert!(load(&stats.rows_from_memo) > 0 && load(&stats.replayed_rows_made) > 0);
}

/// A probe far ahead must not push out what a training needs.
#[test]
fn a_single_batch_reads_what_is_kept_and_keeps_nothing() {
    let bench = with_memory(1 << 30, ReplayShortage::Refuse);
    let stream = bench.open();
    for step in 0..6 {
        block_on(stream.want(step, 0, ROWS).unwrap()).unwrap();
    }
    let stats = bench.pipeline.stats();
    let (kept, copied) = (load(&stats.replay_bytes), load(&stats.rows_from_memo));
    let options = StreamOptions { single_batch: true, ..StreamOptions::default() };
    let (dataset, job) = (Arc::clone(&bench.dataset), Arc::clone(&bench.job));
    let single = bench.pipeline.open_with(dataset, job, options).unwrap();
    block_on(single.want(5, 0, ROWS).unwrap()).unwrap();
    assert_eq!(load(&stats.rows_from_memo), copied + ROWS);
    block_on(single.want(20, 0, ROWS).unwrap()).unwrap();
    assert_eq!(load(&stats.replay_bytes), kept);
}

/// In the first steps of a stage rows are replayed before their own turn comes; they are made once all the same.
#[test]
fn rows_of_the_step_at_hand_are_made_once() {
    let bench = with_memory(1 << 30, ReplayShortage::Refuse);
    let mut config = *bench.pipeline.config();
    config.threads = 1;
    let pipeline = bandwise_pipeline::Pipeline::start(config).unwrap();
    let stream = pipeline.open(Arc::clone(&bench.dataset), Arc::clone(&bench.job)).unwrap();
    for step in 1..7 {
        block_on(stream.want(step, 0, ROWS).unwrap()).unwrap();
    }
    let stats = pipeline.stats();
    assert_eq!(load(&stats.rows) - load(&stats.rows_from_memo), 6 * FRESH);
    assert!(load(&stats.replayed_rows_made) > 0);
}
