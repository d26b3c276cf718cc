//! Which rows are replayed: against the reference's buffer played out literally, and its published statistics.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

use std::collections::{HashMap, VecDeque};

use bandwise_curriculum::{Curriculum, StagePlan};
use bandwise_decode::DecodeLimits;
use bandwise_job::{
    BadSample, Fidelity, Job, JobError, JobSpec, Origin, RecipeChoice, Replay, ReplaySpec, Unreadable,
};
use bandwise_kernels::{Dtype, Layout};
use bandwise_recipe::{DrawKey, Draws, OutputFormat, Recipe};

const SEED: u64 = 9;

/// A stage without replay, then one with it, then one with more.
fn curriculum(replay: u32, buffer: u32) -> String {
    format!(
        "name = 'x'\n[[stage]]\nepochs = 1\nbandwidth = 96\nmagnitude = 0\n\
         [[stage]]\nepochs = 10000\nbandwidth = 96\nmagnitude = 0\nreplay = {replay}\nreplay_buffer = {buffer}\n\
         [[stage]]\nepochs = 1\nbandwidth = 224\nmagnitude = 0\nreplay = 2\nreplay_buffer = 3\n"
    )
}

fn spec(curriculum: &str, global_batch: u64, replay: ReplaySpec) -> JobSpec {
    JobSpec {
        curriculum: Curriculum::from_toml("x", curriculum).unwrap(),
        epochs: 10002.0,
        global_batch,
        recipe: None,
        low_frequency: None,
        seed: SEED,
        order: None,
        tail: None,
        on_bad_sample: BadSample::Substitute,
        on_unreadable: Unreadable::Fail,
        limits: DecodeLimits::default(),
        output: OutputFormat { dtype: Dtype::F16, layout: Layout::Nchw },
        fidelity: Fidelity::Exact,
        replay,
    }
}

/// A job whose epochs have 10 fresh steps in stage 1.
fn job(replay: u32, buffer: u32, global_batch: u64, chunk: u32, lanes: u32) -> Result<Job, JobError> {
    let samples = 10 * global_batch / u64::from(replay);
    spec(&curriculum(replay, buffer), global_batch, ReplaySpec { chunk, lanes }).resolve([1; 32], samples)
}

fn stage_and_replay(job: &Job) -> (StagePlan, Replay) {
    (job.plan().stages()[1], *job.replay(1).unwrap())
}

/// One process of the reference: a list of chunks, the oldest first.
struct Buffer {
    chunks: VecDeque<Vec<Origin>>,
    batches: usize,
}

impl Buffer {
    /// Appends a step's fresh chunks, drops the oldest batch if there is one too many.
    fn append(&mut self, fresh: Vec<Vec<Origin>>) {
        let batch = fresh.len();
        self.chunks.extend(fresh);
        if self.chunks.len() > batch * self.batches {
            self.chunks.drain(..batch);
        }
    }
}

#[test]
fn every_row_is_that_of_the_buffer_played_out() {
    for (replay, buffer, chunk, lanes, chunks) in
        [(2, 5, 4, 1, 6), (4, 3, 1, 2, 2), (3, 1, 2, 3, 4), (2, 1000, 2, 1, 3)]
    {
        let global_batch = u64::from(replay * chunk * lanes * chunks);
        let job = job(replay, buffer, global_batch, chunk, lanes).unwrap();
        let (stage, _) = stage_and_replay(&job);
        let new = || Buffer { chunks: VecDeque::new(), batches: buffer as usize };
        let mut processes: Vec<Buffer> = (0..lanes).map(|_| new()).collect();
        for step in stage.first_step..stage.first_step + 25 {
            let mut expected = Vec::new();
            for (lane, process) in (0_u64..).zip(&mut processes) {
                let first_chunk = lane * u64::from(chunks);
                let fresh: Vec<Vec<Origin>> = (first_chunk..first_chunk + u64::from(chunks))
                    .map(|number| {
                        let rows = number * u64::from(chunk)..(number + 1) * u64::from(chunk);
                        rows.map(|fresh_row| Origin { step, fresh_row }).collect()
                    })
                    .collect();
                process.append(fresh.clone());
                for (block, fresh) in (first_chunk..).zip(fresh) {
                    expected.extend(fresh);
                    for copy in 0..replay - 1 {
                        let key = DrawKey::Chunk { seed: SEED, step, block, chunk: copy };
                        let mut draws = Draws::new(key);
                        let index = draws.integer(process.chunks.len() as u64 - 1);
                        expected.extend(process.chunks[index as usize].iter().copied());
                    }
                }
            }
            let moment = job.plan().locate(step).unwrap();
            let rows: Vec<Origin> = (0..moment.rows).map(|row| job.origin(&moment, row)).collect();
            assert_eq!(rows, expected, "replay {replay}, buffer {buffer}, step {step}");
        }
    }
}

#[test]
fn fresh_rows_come_once_and_rows_say_where_they_stand() {
    let job = job(4, 7, 96, 4, 2).unwrap();
    let (stage, replay) = stage_and_replay(&job);
    let moment = job.plan().locate(stage.first_step + 11).unwrap();
    let fresh: Vec<u64> = (0..moment.rows).filter(|&row| replay.is_fresh(row)).collect();
    let origins: Vec<u64> = fresh.iter().map(|&row| job.origin(&moment, row).fresh_row).collect();
    assert!(origins.iter().copied().eq(0..moment.fresh_rows));
    assert!(origins.iter().map(|&row| replay.row_of(row)).eq(fresh));
    for row in 0..moment.rows {
        let origin = job.origin(&moment, row);
        assert!(origin.step <= moment.step && origin.step >= replay.oldest(moment.step));
        let then = job.plan().locate(origin.step).unwrap();
        let there = replay.row_of(origin.fresh_row);
        assert_eq!(job.origin(&then, there), origin, "an origin is a fresh row");
    }
    // Every range of whole blocks has one fresh row in four.
    for block in (0..moment.rows).step_by(replay.block_rows() as usize) {
        let fresh = (block..block + replay.block_rows()).filter(|&row| replay.is_fresh(row));
        assert_eq!(fresh.count() as u64 * replay.times(), replay.block_rows());
    }
}

#[test]
fn stages_without_replay_have_fresh_rows_only_and_buffers_begin_empty() {
    let job = job(2, 1000, 24, 4, 1).unwrap();
    assert!(job.replay(0).is_none());
    let first = job.plan().locate(0).unwrap();
    assert!((0..first.rows).all(|row| job.origin(&first, row) == Origin { step: 0, fresh_row: row }));
    for stage in &job.plan().stages()[1..] {
        let begin = job.plan().locate(stage.first_step).unwrap();
        assert!((0..begin.rows).all(|row| job.origin(&begin, row).step == begin.step));
    }
}

/// How often rows were replayed, by the age of the row and by the step in which it was fresh.
struct Tally {
    by_step: HashMap<u64, u64>,
    by_age: Vec<u64>,
}

/// Draws of `steps` steps; ages are counted from step `buffer` of the stage on.
fn tally(job: &Job, buffer: u64, steps: u64) -> Tally {
    let (stage, replay) = stage_and_replay(job);
    let mut tally = Tally { by_step: HashMap::new(), by_age: vec![0; buffer as usize] };
    for step in stage.first_step..stage.first_step + steps {
        // The first row of each replayed chunk stands for all of them.
        for row in (0..stage.global_batch).step_by(4).filter(|&row| !replay.is_fresh(row)) {
            let origin = replay.origin(step, row);
            *tally.by_step.entry(origin.step - stage.first_step).or_default() += 1;
            if step >= stage.first_step + buffer {
                tally.by_age[(step - origin.step) as usize] += 1;
            }
        }
    }
    tally
}

/// The figures of the published replay buffers: a chunk of the first step is replayed `(r - 1) * H_q` times, later ones
/// `r - 1` times, from ages 0 to q - 1 alike.
#[test]
fn the_reference_statistics_hold() {
    for (replay, buffer, first) in [(2, 1024, 7.509), (4, 1920, 24.41), (2, 256, 6.124)] {
        // Eight lanes of 32 chunks, as the reference's processes have.
        let global_batch = 8 * 32 * 4 * u64::from(replay);
        let job = job(replay, buffer, global_batch, 4, 8).unwrap();
        let buffer = u64::from(buffer);
        let tally = tally(&job, buffer, 3 * buffer);
        let (chunks, replayed) = (256.0, f64::from(replay - 1));
        let first_uses = tally.by_step[&0] as f64 / chunks;
        // Uses are sums of rare events: their variance is about their mean.
        let tolerance = 4.5 * (first / chunks).sqrt();
        assert!((first_uses - first).abs() < tolerance, "r {replay}, q {buffer}: {first_uses} of {first}");
        let later: u64 =
            (buffer..2 * buffer).map(|step| tally.by_step.get(&step).copied().unwrap_or(0)).sum();
        let mean = later as f64 / chunks / buffer as f64;
        let tolerance = 4.5 * (replayed / chunks / buffer as f64).sqrt();
        assert!((mean - replayed).abs() < tolerance, "r {replay}, q {buffer}: {mean} uses");
        let bins: Vec<f64> = tally
            .by_age
            .chunks_exact(buffer as usize / 16)
            .map(|ages| ages.iter().sum::<u64>() as f64)
            .collect();
        let expected = bins.iter().sum::<f64>() / 16.0;
        let chi2: f64 = bins.iter().map(|count| (count - expected).powi(2) / expected).sum();
        assert!(
            chi2 < 37.7,
            "r {replay}, q {buffer}: chi-square {chi2} with 15 degrees of freedom (p < 0.001)"
        );
    }
}

/// One buffer for all draws from the chunks of every lane, eight from their own.
#[test]
fn lanes_part_the_rows_and_one_lane_mixes_them() {
    let crossings = |lanes: u32| {
        let job = job(2, 16, 8 * 8 * 4 * 2, 4, lanes).unwrap();
        let (stage, replay) = stage_and_replay(&job);
        let eighth = |row: u64| row / (stage.global_batch / 8);
        let rows = (0..stage.global_batch).filter(|&row| !replay.is_fresh(row));
        let crosses = |&row: &u64| {
            let origin = replay.origin(stage.first_step + 40, row);
            eighth(row) != eighth(replay.row_of(origin.fresh_row))
        };
        (rows.clone().filter(crosses).count() as f64, rows.count() as f64)
    };
    assert_eq!(crossings(8).0, 0.0);
    let (crossed, rows) = crossings(1);
    assert!(crossed > 0.75 * rows, "{crossed} of {rows} rows come from another eighth; expected are 7/8");
}

#[test]
fn what_cannot_be_cut_is_refused_with_the_numbers() {
    let error = job(2, 3, 24, 5, 1).unwrap_err().to_string();
    for part in ["replay_chunk 5", "replay_lanes 1", "12 fresh rows", "24 rows at replay 2"] {
        assert!(error.contains(part), "no '{part}' in: {error}");
    }
    for (chunk, lanes) in [(0, 1), (1, 0), (4, 2), (u32::MAX, u32::MAX)] {
        assert!(matches!(job(2, 3, 24, chunk, lanes), Err(JobError::ReplayChunk { stage: 1, .. })));
    }
    let views = "name = 'v'\nviews = 2\n[[operation]]\nname = 'random_resized_crop'\nside = 'bandwidth'\n\
                 [[operation]]\nname = 'normalize'\n";
    let recipe = Some(RecipeChoice::Inline(Recipe::from_toml("v", views).unwrap()));
    let of_chunk = |chunk| {
        let spec = spec(&curriculum(2, 3), 24, ReplaySpec { chunk, lanes: 1 });
        JobSpec { recipe: recipe.clone(), ..spec }.resolve([1; 32], 120)
    };
    assert!(matches!(of_chunk(3), Err(JobError::ReplayViews { chunk: 3, views: 2, .. })));
    assert!(of_chunk(6).is_ok());
}

#[test]
fn batches_hold_whole_blocks_and_whole_groups() {
    let plain = job(4, 7, 96, 4, 2).unwrap();
    assert_eq!([0, 1, 2].map(|stage| plain.row_granularity(stage)), [1, 16, 8]);
    assert_eq!(plain.common_row_granularity(), 16);
    let mixing = "name = 'm'\n[[operation]]\nname = 'random_resized_crop'\nside = 'bandwidth'\n\
                  [[operation]]\nname = 'normalize'\n[[operation]]\nname = 'mix'\ngroup = 6\n";
    let recipe = Some(RecipeChoice::Inline(Recipe::from_toml("m", mixing).unwrap()));
    let spec = spec(&curriculum(4, 7), 96, ReplaySpec { chunk: 4, lanes: 2 });
    let mixed = JobSpec { recipe, ..spec }.resolve([1; 32], 240).unwrap();
    assert_eq!([0, 1, 2].map(|stage| mixed.row_granularity(stage)), [6, 48, 24]);
}

/// Published runs rely on these values. They come from `recipe/tests/golden/draws.py`, a second implementation.
#[test]
fn replayed_rows_are_pinned() {
    // 240 samples: 3 steps of 72 rows come before the stage.
    let job = job(3, 5, 72, 2, 3).unwrap();
    let (stage, replay) = stage_and_replay(&job);
    assert_eq!(stage.first_step, GOLDEN_FIRST_STEP);
    for (step_in_stage, row, origin_step_in_stage, fresh_row) in GOLDEN_ORIGINS {
        let origin = replay.origin(stage.first_step + step_in_stage, row);
        let found = (origin.step - stage.first_step, origin.fresh_row);
        assert_eq!(found, (origin_step_in_stage, fresh_row), "step {step_in_stage}, row {row}");
    }
}

const GOLDEN_FIRST_STEP: u64 = 3;
#[rustfmt::skip]
const GOLDEN_ORIGINS: [(u64, u64, u64, u64); 25] = [
    (0, 0, 0, 0), (0, 2, 0, 0), (0, 4, 0, 4), (0, 33, 0, 15), (0, 70, 0, 20),
    (1, 0, 1, 0), (1, 2, 0, 4), (1, 4, 1, 4), (1, 33, 1, 11), (1, 70, 0, 16),
    (4, 0, 4, 0), (4, 2, 0, 4), (4, 4, 2, 6), (4, 33, 2, 15), (4, 70, 0, 20),
    (7, 0, 7, 0), (7, 2, 3, 6), (7, 4, 4, 2), (7, 33, 7, 15), (7, 70, 3, 22),
    (100, 0, 100, 0), (100, 2, 99, 2), (100, 4, 99, 0), (100, 33, 96, 9), (100, 70, 96, 16),
];
