//! A batch is a pure function of (job, step, row): whatever else changes, the bytes do not.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod common;

use std::collections::{HashMap, HashSet};

use bandwise_client::{RankShare, Run, RunOptions, proto};
use bandwise_kernels::SimdLevel;
use common::{Rows, Server, job, photos, pull, pull_all};

/// Steps that are pulled: all of stages 0 to 2 and more, so that several sizes are met.
const STEPS: std::ops::Range<u64> = 0..30;

/// Steps of 4 rows: 3 steps an epoch of the 12 photographs.
const GLOBAL_BATCH: u64 = 4;

async fn rows_with(threads: usize, simd: Option<&str>) -> Rows {
    let server = Server::with(&photos(), |config| {
        config.threads = threads;
        config.simd = simd.map(str::to_owned);
    })
    .await;
    pull_all(&server.connect().await, job(GLOBAL_BATCH), STEPS).await
}

#[tokio::test(flavor = "multi_thread")]
async fn threads_daemons_and_simd_levels_do_not_show() {
    let expected = rows_with(1, None).await;
    assert_eq!(expected.len(), 30 * 4);
    for threads in [2, 7] {
        assert_eq!(rows_with(threads, None).await, expected, "{threads} threads");
    }
    for level in SimdLevel::available() {
        assert_eq!(rows_with(2, Some(level.name())).await, expected, "{level}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fourier_and_every_dtype_are_equal_on_every_simd_level() {
    let mut digests: HashMap<(i32, i32), Rows> = HashMap::new();
    for level in SimdLevel::available() {
        let server = Server::with(&photos(), |config| config.simd = Some(level.to_string())).await;
        let connection = server.connect().await;
        for dtype in [proto::Dtype::U8, proto::Dtype::F16, proto::Dtype::Bf16, proto::Dtype::F32] {
            for layout in [proto::Layout::Nchw, proto::Layout::Nhwc] {
                let job = proto::Job {
                    dtype: dtype.into(),
                    layout: layout.into(),
                    low_frequency: proto::LowFrequency::Fourier.into(),
                    ..job(GLOBAL_BATCH)
                };
                let rows = pull_all(&connection, job, 0..4).await;
                let expected = digests.entry((dtype.into(), layout.into())).or_insert_with(|| rows.clone());
                assert_eq!(*expected, rows, "{level} {dtype:?} {layout:?}");
            }
        }
    }
    let different: HashSet<_> = digests.values().map(|rows| rows[&(0, 0)].1).collect();
    assert_eq!(different.len(), 8, "every format has bytes of its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn fast_pixels_are_their_own_and_the_same_everywhere() {
    let server = Server::start(&photos()).await;
    let exact = pull_all(&server.connect().await, job(GLOBAL_BATCH), STEPS).await;
    for method in [proto::LowFrequency::Lanczos, proto::LowFrequency::Fourier] {
        let fast = proto::Job {
            fidelity: proto::Fidelity::Fast.into(),
            low_frequency: method.into(),
            ..job(GLOBAL_BATCH)
        };
        let expected = pull_all(&server.connect().await, fast.clone(), STEPS).await;
        for (at, (sample, image)) in &expected {
            assert_eq!(exact[at].0, *sample, "the order does not depend on the fidelity");
            assert_ne!(exact[at].1, *image, "{at:?}");
        }
        for level in SimdLevel::available() {
            let other = Server::with(&photos(), |config| config.simd = Some(level.to_string())).await;
            assert_eq!(pull_all(&other.connect().await, fast.clone(), STEPS).await, expected, "{level}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn world_sizes_and_accumulation_share_out_the_same_rows() {
    let server = Server::start(&photos()).await;
    let connection = server.connect().await;
    let expected = pull_all(&connection, job(GLOBAL_BATCH), STEPS).await;
    for (world_size, accumulate) in [(1, 2), (2, 1), (2, 2), (4, 1)] {
        let mut rows = Rows::new();
        for rank in 0..world_size {
            let share = RankShare { rank, world_size, accumulate };
            rows.append(&mut pull(&connection, job(GLOBAL_BATCH), share, STEPS).await);
        }
        assert_eq!(rows, expected, "{world_size} ranks, accumulate {accumulate}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clients_at_once_and_resumed_runs_see_the_same() {
    let server = Server::start(&photos()).await;
    let (one, two) = (server.connect().await, server.connect().await);
    let (a, b) =
        tokio::join!(pull_all(&one, job(GLOBAL_BATCH), STEPS), pull_all(&two, job(GLOBAL_BATCH), STEPS));
    assert_eq!(a, b);
    let mut resumed = pull_all(&one, job(GLOBAL_BATCH), 0..11).await;
    resumed.append(&mut pull_all(&two, job(GLOBAL_BATCH), 11..30).await);
    assert_eq!(a, resumed);
}

#[tokio::test(flavor = "multi_thread")]
async fn seeds_and_epochs_differ_and_no_epoch_repeats_another() {
    let server = Server::start(&photos()).await;
    let connection = server.connect().await;
    // One step is one epoch.
    let long = proto::Job { epochs: 15.0, ..job(12) };
    let epochs = pull_all(&connection, long.clone(), 0..30).await;
    let other_seed = pull_all(&connection, proto::Job { seed: 8, ..long }, 0..30).await;
    let order = |rows: &Rows, step: u64| -> Vec<u64> { (0..12).map(|row| rows[&(step, row)].0).collect() };
    let orders: HashSet<Vec<u64>> =
        (0..30).flat_map(|step| [order(&epochs, step), order(&other_seed, step)]).collect();
    assert_eq!(orders.len(), 60, "an order came twice");
    let images: HashSet<[u8; 32]> =
        epochs.values().chain(other_seed.values()).map(|(_, digest)| *digest).collect();
    assert_eq!(images.len(), 2 * 30 * 12, "a crop came twice");
    for step in 0..30 {
        let mut samples = order(&epochs, step);
        samples.sort_unstable();
        assert!(samples.into_iter().eq(0..12), "an epoch shows every sample once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn eval_keeps_the_tail_and_the_order() {
    let server = Server::start(&photos()).await;
    let job = proto::Job {
        curriculum: Some(proto::job::Curriculum::CurriculumName("none".to_owned())),
        epochs: 1.0,
        recipe: Some(proto::job::Recipe::RecipeName("eval".to_owned())),
        ..job(10)
    };
    let connection = server.connect().await;
    let share = |rank| RankShare { rank, world_size: 5, accumulate: 1 };
    let mut rows = Rows::new();
    for rank in 0..5 {
        let mut mine = pull(&connection, job.clone(), share(rank), 0..2).await;
        assert_eq!(mine.len(), if rank < 2 { 3 } else { 2 }, "rank {rank}");
        rows.append(&mut mine);
        // The second step has two rows, for the first two ranks.
        let options = RunOptions { share: share(rank), ..RunOptions::default() };
        let mut run = Run::start(&connection, job.clone(), &options).await.unwrap();
        let expected = run.batches_left();
        let mut steps = Vec::new();
        while let Some(batch) = run.next().await.unwrap() {
            assert_eq!(batch.images().len() as u64, batch.rows() * 224 * 224 * 3 * 2);
            steps.push((batch.step(), batch.rows()));
            assert_eq!(run.batches_left(), expected - steps.len() as u64);
        }
        assert_eq!(steps, [(0, 2), (1, 1)][..if rank < 2 { 2 } else { 1 }], "rank {rank}");
    }
    let samples: Vec<u64> = rows.values().map(|(sample, _)| *sample).collect();
    assert!(samples.into_iter().eq(0..12));
}
