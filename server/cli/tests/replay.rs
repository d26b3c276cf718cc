//! Replay over the wire: the same rows whoever asks, whatever the daemon keeps.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod common;

use bandwise_client::{
    ClientError, Expected, RankShare, ReplayBuffer, Reply, Run, RunOptions,
    proto::{self, BatchHeader},
};
use bandwise_pipeline::ReplayShortage;
use bandwise_proto::detail_of;
use bandwise_server::config::MemoryMib;
use common::{Rows, Server, get_batch, photos, pull, pull_all, raw_client};
use sha2::{Digest as _, Sha256};
use tonic::Code;

/// An epoch of 12 photographs is one step of 24 rows, of which 8 are fresh, where rows are replayed.
const CURRICULUM: &str = "name = 'replayed'\nbase = 32\n\
    [[stage]]\nepochs = 2\nbandwidth = 32\nmagnitude = 1\nbatch = 12\n\
    [[stage]]\nepochs = 36\nbandwidth = 16\nmagnitude = 2\nreplay = 3\nreplay_buffer = 4\n\
    [[stage]]\nepochs = 18\nbandwidth = 32\nmagnitude = 3\nreplay = 3\nreplay_buffer = 100\n";

/// Rows of a step where they are replayed.
const ROWS: u64 = 24;

/// A header without the time at which the batch was complete, which is another one for each batch.
fn timeless(header: &BatchHeader) -> BatchHeader {
    BatchHeader { completed_unix_ns: 0, ..header.clone() }
}

fn job(lanes: u32) -> proto::Job {
    proto::Job {
        curriculum: Some(proto::job::Curriculum::CurriculumToml(CURRICULUM.to_owned())),
        epochs: 56.0,
        dtype: proto::Dtype::F32.into(),
        replay_chunk: 2,
        replay_lanes: lanes,
        ..common::job(ROWS)
    }
}

async fn steps(server: &Server) -> u64 {
    server.connect().await.plan(job(1)).await.unwrap().steps
}

async fn with_memory(mib: u64) -> Server {
    Server::with(&photos(), |config| {
        config.replay_memory_mib = MemoryMib::Mib(mib);
        config.replay_shortage = ReplayShortage::Recompute;
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_and_world_sizes_do_not_show() {
    let server = with_memory(64).await;
    let steps = steps(&server).await;
    let expected = pull_all(&server.connect().await, job(1), 0..steps).await;
    assert_eq!(expected.len() as u64, 2 * 12 + (steps - 2) * ROWS);
    for (mib, world_size, accumulate) in
        [(0, 1, 1), (0, 2, 1), (64, 2, 1), (64, 4, 1), (64, 1, 4), (64, 2, 2)]
    {
        let server = with_memory(mib).await;
        let connection = server.connect().await;
        let mut rows = Rows::new();
        for rank in 0..world_size {
            let share = RankShare { rank, world_size, accumulate };
            rows.append(&mut pull(&connection, job(1), share, 0..steps).await);
        }
        assert!(rows == expected, "{mib} MiB, {world_size} ranks, accumulate {accumulate}");
    }
    // A run that begins in the middle of a buffer finds nothing kept.
    let server = with_memory(64).await;
    let resumed = pull_all(&server.connect().await, job(1), 9..steps).await;
    assert!(resumed.iter().all(|(at, row)| expected[at] == *row));
}

/// Each of two daemons makes every other step, and so lacks half of the rows that its own steps replay.
#[tokio::test(flavor = "multi_thread")]
async fn daemons_that_share_the_steps_give_the_same_rows() {
    let (one, two) = (with_memory(64).await, with_memory(64).await);
    let steps = steps(&one).await;
    let expected = pull_all(&one.connect().await, job(1), 2..steps).await;
    for (server, first_step) in [(&one, 2), (&two, 3)] {
        let mut stream = server.connect().await.stream(job(1), Expected::default()).await.unwrap();
        let count = (steps - first_step).div_ceil(2);
        stream.want(proto::WantSteps { first_step, count, stride: 2, first_row: 0, rows: ROWS });
        for _ in 0..count {
            let Some(Reply::Batch(batch)) = stream.next().await.unwrap() else { panic!("no batch") };
            for (row, image) in (0..ROWS).map(|row| (row, batch.image(row as usize))) {
                assert!(expected[&(batch.step(), row)].1 == *Sha256::digest(image), "step {}", batch.step());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn single_batches_are_those_of_streams_and_say_where_rows_come_from() {
    let server = with_memory(64).await;
    let steps = steps(&server).await;
    let plan = server.connect().await.plan(job(2)).await.unwrap();
    let granularity: Vec<u64> = plan.stages.iter().map(|stage| stage.row_granularity).collect();
    assert_eq!((granularity, plan.row_granularity), (vec![1, 6, 6], 6));
    let buffers: Vec<u64> = plan.stages.iter().map(|stage| stage.replay_buffer_bytes).collect();
    assert_eq!(buffers, [0, 4 * 8 * 16 * 16 * 3 * 4, plan.stages[2].steps * 8 * 32 * 32 * 3 * 4]);
    let mut run = Run::start(&server.connect().await, job(2), &RunOptions::default()).await.unwrap();
    let mut client = raw_client(&server).await;
    for step in 0..steps {
        let batch = run.next().await.unwrap().unwrap();
        let rows = batch.rows();
        let request =
            proto::GetBatchRequest { job: Some(job(2)), step, rows, ..proto::GetBatchRequest::default() };
        let (header, bytes) = get_batch(&mut client, request.clone()).await.unwrap();
        assert_eq!(timeless(&header), timeless(batch.header()), "step {step}");
        assert!(&bytes[..batch.images().len()] == batch.images(), "step {step}");
        let fresh = proto::GetBatchRequest { fresh_only: true, ..request };
        let (fresh, _) = get_batch(&mut client, fresh).await.unwrap();
        if step < 2 {
            assert!(header.origin_steps.is_empty() && fresh.sample_ids == header.sample_ids);
            continue;
        }
        assert_eq!(header.origin_steps.len() as u64, rows);
        assert_eq!((fresh.rows, fresh.replayed.len() as u64), (8, 16));
        for replayed in &fresh.replayed {
            assert_eq!(header.origin_steps[replayed.row as usize], replayed.origin_step);
            let lane = |row| row / 12;
            assert_eq!(lane(replayed.row), lane(replayed.origin_row));
        }
        let of_this_step = header.origin_steps.iter().filter(|&&origin| origin == step).count();
        assert!(of_this_step >= 8 && header.origin_steps.iter().all(|&origin| origin <= step));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_buffer_that_does_not_fit_is_refused_when_the_stream_opens() {
    let server = Server::with(&photos(), |config| config.replay_memory_mib = MemoryMib::Mib(0)).await;
    let connection = server.connect().await;
    let error = Run::start(&connection, job(1), &RunOptions::default()).await.unwrap_err();
    let ClientError::Daemon { code: Code::ResourceExhausted, message, detail: Some(detail) } = error else {
        panic!("{error}")
    };
    assert_eq!(detail.limit, "replay_memory_mib = 0");
    for part in ["stage 2 replays", "replay_buffer of 0", "replay_shortage"] {
        assert!(message.contains(part), "no '{part}' in: {message}");
    }
    // Who keeps the rows itself needs no memory here, and a single batch is made from nothing.
    let mut client = raw_client(&server).await;
    let open = proto::Open { job: Some(job(1)), fresh_only: true, ..proto::Open::default() };
    let steps = proto::WantSteps { first_step: 5, count: 1, rows: ROWS, ..proto::WantSteps::default() };
    let want = proto::Want { open: Some(open), steps: Some(steps), ..proto::Want::default() };
    let mut parts = client.stream_batches(tokio_stream::iter([want])).await.unwrap().into_inner();
    let header = parts.message().await.unwrap().unwrap().header.unwrap();
    assert_eq!((header.rows, header.replayed.len()), (8, 16));
    let request = |first_row, rows| proto::GetBatchRequest {
        job: Some(job(1)),
        step: 5,
        first_row,
        rows,
        ..proto::GetBatchRequest::default()
    };
    assert!(get_batch(&mut client, request(6, 12)).await.is_ok());
    let status = get_batch(&mut client, request(6, 8)).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("multiples of 6"), "{status:?}");
    let odd = proto::Job { replay_chunk: 3, ..job(1) };
    let status = client.plan(proto::PlanRequest { job: Some(odd) }).await.unwrap_err();
    assert_eq!(detail_of(&status).unwrap().reason, "impossible_stage");
    assert!(status.message().contains("8 fresh rows"), "{status:?}");
}

/// What a rank sees that keeps the rows itself, from `from_step` on.
async fn pull_fresh(server: &Server, job: proto::Job, share: RankShare, steps: std::ops::Range<u64>) -> Rows {
    let connection = server.connect().await;
    let options = RunOptions {
        share,
        from_step: steps.start,
        steps: Some(steps.end - steps.start),
        fresh_only: true,
        ..RunOptions::default()
    };
    let mut run = Run::start(&connection, job.clone(), &options).await.unwrap();
    let mut buffer =
        ReplayBuffer::new(&[connection.address().clone()], job, run.plan(), share, u64::MAX).unwrap();
    let mut rows = Rows::new();
    while let Some(fresh) = run.next().await.unwrap() {
        let batch = buffer.complete(fresh).await.unwrap();
        assert!(buffer.bytes_in_use() <= buffer.bytes(), "{} bytes", buffer.bytes_in_use());
        for (i, &sample) in batch.header().sample_ids.iter().enumerate() {
            let digest = Sha256::digest(batch.image(i)).into();
            rows.insert((batch.step(), batch.first_row() + i as u64), (sample, digest));
        }
    }
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_keep_the_rows_see_what_others_see() {
    let server = with_memory(64).await;
    let steps = steps(&server).await;
    for (world_size, accumulate, lanes) in [(1, 1, 1), (2, 1, 2), (2, 2, 4), (1, 2, 4)] {
        let expected = pull_all(&server.connect().await, job(lanes), 0..steps).await;
        for first in [0, 9] {
            let mut rows = Rows::new();
            for rank in 0..world_size {
                let share = RankShare { rank, world_size, accumulate };
                rows.append(&mut pull_fresh(&server, job(lanes), share, first..steps).await);
            }
            let wanted: Rows = expected
                .iter()
                .filter(|((step, _), _)| *step >= first)
                .map(|(&at, &row)| (at, row))
                .collect();
            assert!(rows == wanted, "{world_size} ranks x {accumulate}, {lanes} lanes, from step {first}");
        }
    }
}

/// Headers, labels and substitutions as well, also where samples are undecodable.
#[tokio::test(flavor = "multi_thread")]
async fn batches_that_the_client_completes_are_those_of_the_daemon() {
    let dataset = common::Dataset::new();
    for i in 0..12 {
        match i % 4 {
            3 => dataset.file(&format!("a/{i:02}.jpg"), b"no image"),
            _ => dataset.photo(&format!("b{}/{i:02}.jpg", i % 2), "nature/cat.jpg"),
        };
    }
    let server = Server::with(dataset.path(), |config| config.replay_memory_mib = MemoryMib::Mib(64)).await;
    let connection = server.connect().await;
    let options = RunOptions { max_bad_fraction: 1.0, ..RunOptions::default() };
    let mut whole = Run::start(&connection, job(1), &options).await.unwrap();
    let options = RunOptions { fresh_only: true, ..options };
    let mut fresh = Run::start(&connection, job(1), &options).await.unwrap();
    let mut buffer = ReplayBuffer::new(
        &[connection.address().clone()],
        job(1),
        fresh.plan(),
        RankShare::default(),
        u64::MAX,
    )
    .unwrap();
    let (mut steps, mut substituted) = (0, 0);
    while let Some(expected) = whole.next().await.unwrap() {
        let batch = buffer.complete(fresh.next().await.unwrap().unwrap()).await.unwrap();
        assert_eq!(timeless(batch.header()), timeless(expected.header()));
        assert!(batch.images() == expected.images() && batch.labels().eq(expected.labels()));
        steps += 1;
        substituted += expected.header().substitutions.len();
    }
    assert!(steps > 15 && substituted > 0, "{steps} steps, {substituted} rows substituted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_cannot_keep_the_rows_is_told_why() {
    let server = with_memory(64).await;
    let connection = server.connect().await;
    let plan = connection.plan(job(2)).await.unwrap();
    let share = |world_size| RankShare { rank: 0, world_size, accumulate: 1 };
    let new =
        |world, max| ReplayBuffer::new(&[connection.address().clone()], job(2), &plan, share(world), max);
    assert!(matches!(new(4, u64::MAX), Err(ClientError::ReplayLanes { lanes: 2, batches: 4 })));
    let bytes = new(2, u64::MAX).unwrap().bytes();
    assert_eq!(bytes, plan.stages[2].replay_buffer_bytes / 2);
    assert!(matches!(new(2, bytes - 1), Err(ClientError::ReplayMemory { .. })));
    // The world size is part of such a job: the fingerprint of another one is another.
    let other = connection.plan(job(4)).await.unwrap();
    assert_ne!(plan.fingerprint, other.fingerprint);
    let expected = Expected { fingerprint: plan.fingerprint.to_vec(), fields: Vec::new() };
    let options = RunOptions { expected, ..RunOptions::default() };
    let error = Run::start(&connection, job(4), &options).await.unwrap_err();
    assert!(matches!(error, ClientError::Daemon { code: Code::FailedPrecondition, .. }), "{error}");
    let mixing = "name = 'm'\n[[operation]]\nname = 'random_resized_crop'\nside = 'bandwidth'\n\
                  [[operation]]\nname = 'normalize'\n[[operation]]\nname = 'mix'\ngroup = 2\n";
    let recipe = Some(proto::job::Recipe::RecipeToml(mixing.to_owned()));
    let options = RunOptions { fresh_only: true, ..RunOptions::default() };
    let mut run = Run::start(&connection, proto::Job { recipe, ..job(1) }, &options).await.unwrap();
    let error = run.next().await.unwrap_err().to_string();
    assert!(error.contains("mixing comes after replay"), "{error}");
}
