//! The synthetic dataset: rows that are a pure function, whatever the memory held before.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod common;

use bandwise_client::{Connection, Expected, Reply, Run, RunOptions, Transport, proto};
use bandwise_server::config::Source;
use common::{Server, job, photos, pull_all};

/// Samples of the synthetic dataset, as the command's help says.
const SAMPLES: u64 = 1_281_167;

/// Mixes neighbours, so that workers write images.
const MIXING: &str = "name = 'mixing'\n[[operation]]\nname = 'random_resized_crop'\nside = 'bandwidth'\n\
    [[operation]]\nname = 'normalize'\n[[operation]]\nname = 'mix'\ngroup = 2\n";

fn synthetic(rows: u64, dtype: proto::Dtype) -> proto::Job {
    proto::Job {
        datasets: vec![proto::DatasetShare { name: "synthetic".to_owned(), weight: None }],
        dtype: dtype.into(),
        ..job(rows)
    }
}

async fn assert_pure(connection: &Connection, job: proto::Job, rows: u64) {
    let mut stream = connection.stream(job, Expected::default()).await.unwrap();
    stream.want(proto::WantSteps { first_step: 3, count: 6, stride: 50, first_row: 0, rows });
    for _ in 0..6 {
        let Some(Reply::Batch(batch)) = stream.next().await.unwrap() else { panic!("a batch") };
        assert!(batch.images().iter().all(|&byte| byte == 60), "step {}", batch.step());
        let ids = &batch.header().sample_ids;
        assert!(ids.iter().all(|&id| id < SAMPLES));
        assert!(batch.labels().eq(ids.iter().map(|id| (id % 1000) as i64)));
    }
}

async fn server() -> Server {
    Server::with(&photos(), |config| config.source = Some(Source::Synthetic)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn ready_made_rows_keep_clear_of_other_batches() {
    let server = server().await;
    let connection = server.connect().await;
    let description = connection.describe("synthetic").await.unwrap();
    assert_eq!((description.classes.len(), description.datasets.len()), (1000, 2));
    for _ in 0..3 {
        // Rows of both kinds and layouts of equal size in turns: 8 rows in u8 take as many pages as 4 in f16.
        assert_pure(&connection, synthetic(8, proto::Dtype::U8), 8).await;
        assert_pure(&connection, synthetic(4, proto::Dtype::F16), 4).await;
        let photographs = proto::Job { dtype: proto::Dtype::U8.into(), ..job(8) };
        assert_eq!(pull_all(&connection, photographs, 0..3).await.len(), 3 * 8);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_mixed_leave_no_trace() {
    let server = server().await;
    let connection = server.connect().await;
    let mixed = proto::Job {
        recipe: Some(proto::job::Recipe::RecipeToml(MIXING.to_owned())),
        ..synthetic(8, proto::Dtype::U8)
    };
    for _ in 0..2 {
        let mut stream = connection.stream(mixed.clone(), Expected::default()).await.unwrap();
        stream.want(proto::WantSteps { first_step: 0, count: 2, stride: 1, first_row: 0, rows: 8 });
        let Some(Reply::Batch(batch)) = stream.next().await.unwrap() else { panic!("a batch") };
        assert!(batch.partners().unwrap().all(|(label, lam)| label < 1000 && (0.0..=1.0).contains(&lam)));
        drop((batch, stream));
        assert_pure(&connection, synthetic(8, proto::Dtype::U8), 8).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_batches_pass_and_too_large_ones_are_refused() {
    let server = server().await;
    let connection = server.connect().await;
    let curriculum = Some(proto::job::Curriculum::CurriculumName("none".to_owned()));
    let large = |rows| proto::Job { curriculum: curriculum.clone(), ..synthetic(rows, proto::Dtype::F32) };
    for transport in [Transport::Grpc, Transport::SharedMemory] {
        let options = RunOptions { transport, window: 1, steps: Some(1), ..RunOptions::default() };
        let mut run = Run::start(&connection, large(400), &options).await.unwrap();
        let batch = run.next().await.unwrap().unwrap();
        assert_eq!(batch.images().len(), 400 * 3 * 224 * 224 * 4);
        assert!(batch.images().iter().all(|&byte| byte == 60), "{transport}");
    }
    // 4 GiB and more, by either way: the slots of such a run are no size for shared memory, so gRPC is taken.
    let mut run = Run::start(&connection, large(8000), &RunOptions::default()).await.unwrap();
    assert_eq!(run.transport(), Transport::Grpc);
    let error = run.next().await.unwrap_err().to_string();
    assert!(error.contains("RESOURCE_EXHAUSTED") && error.contains("2147483648 bytes"), "{error}");
}
