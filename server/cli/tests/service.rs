//! The wire: parts, order, cancelling, limits of clients, health, reflection, drain, TCP.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod common;

use std::time::Duration;

use bandwise_client::{Connection, Expected, Reply, Run, RunOptions, proto};
use common::{Server, get_batch, job, photos, pull_all, raw_client};
use prost::Message as _;
use tonic::Code;

fn steps(first_step: u64, count: u64, stride: u64) -> proto::WantSteps {
    proto::WantSteps { first_step, count, stride, first_row: 1, rows: 2 }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_says_what_it_is_and_fits_into_small_parts() {
    let server = Server::start(&photos()).await;
    let mut client = raw_client(&server).await;
    let job = proto::Job { dtype: proto::Dtype::F32.into(), ..job(12) };
    let plan = client.plan(proto::PlanRequest { job: Some(job.clone()) }).await.unwrap().into_inner();
    let last = plan.steps - 1;
    let request =
        proto::GetBatchRequest { job: Some(job), step: last, first_row: 2, rows: 9, ..Default::default() };
    let mut parts = client.get_batch(request.clone()).await.unwrap().into_inner();
    let mut sizes = Vec::new();
    while let Some(part) = parts.message().await.unwrap() {
        assert_eq!((part.step, part.first_row), (last, 2));
        sizes.push(part.encoded_len());
    }
    assert!(sizes.iter().all(|&size| size <= bandwise_proto::MAX_PART_BYTES), "{sizes:?}");
    let (header, bytes) = get_batch(&mut client, request).await.unwrap();
    assert_eq!((header.step, header.rows, header.bandwidth), (last, 9, 224));
    assert_eq!(header.magnitude, 9.0);
    assert!(header.progress > 0.85 && header.progress < 1.0, "{}", header.progress);
    assert_eq!(header.fingerprint, plan.fingerprint);
    assert_eq!(header.sample_ids.len(), 9);
    let tensors: Vec<_> =
        header.tensors.iter().map(|t| (t.name.as_str(), t.dtype(), t.shape.clone(), t.byte_length)).collect();
    assert_eq!(
        tensors,
        [
            ("images", proto::Dtype::F32, vec![9, 3, 224, 224], 9 * 3 * 224 * 224 * 4),
            ("labels", proto::Dtype::I64, vec![9], 72),
        ]
    );
    assert_eq!(bytes.len() as u64, 9 * 3 * 224 * 224 * 4 + 72);
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_come_in_the_order_of_the_wants() {
    let server = Server::start(&photos()).await;
    let mut stream = server.connect().await.stream(job(4), Expected::default()).await.unwrap();
    stream.want(steps(40, 3, 5));
    stream.want(steps(3, 2, 0));
    let mut got = Vec::new();
    while got.len() < 5 {
        match stream.next().await.unwrap().expect("the stream goes on") {
            Reply::Batch(batch) => got.push((batch.step(), batch.first_row(), batch.rows())),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(got, [40, 45, 50, 3, 4].map(|step| (step, 1, 2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_steps_do_not_come() {
    let server = Server::with(&photos(), |config| config.threads = 1).await;
    let mut stream = server.connect().await.stream(job(4), Expected::default()).await.unwrap();
    stream.want(steps(0, 60, 1));
    stream.cancel((20..60).collect());
    stream.want(steps(62, 1, 1));
    let mut got = Vec::new();
    loop {
        let Reply::Batch(batch) = stream.next().await.unwrap().unwrap() else { panic!("a batch") };
        got.push(batch.step());
        if batch.step() == 62 {
            break;
        }
    }
    let kept: Vec<u64> = got.iter().copied().filter(|step| *step < 20).collect();
    assert!(kept.into_iter().eq(0..20));
    assert!(got.len() < 50, "most of the cancelled steps were not made: {got:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_stream_stops_its_work_and_frees_its_memory() {
    let server = Server::with(&photos(), |config| config.threads = 1).await;
    let stats = std::sync::Arc::clone(server.daemon.stats());
    let load = |counter: &std::sync::atomic::AtomicU64| counter.load(std::sync::atomic::Ordering::Relaxed);
    let stream = server.connect().await.stream(job(12), Expected::default()).await.unwrap();
    stream.want(proto::WantSteps { first_step: 0, count: 20, stride: 1, first_row: 0, rows: 12 });
    while load(&stats.rows) < 3 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    drop(stream);
    for _ in 0..500 {
        if load(&stats.streams) == 0 && load(&stats.batch_bytes_in_use) == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!((load(&stats.streams), load(&stats.batch_bytes_in_use)), (0, 0));
    assert!(load(&stats.rows) < 20 * 12, "the work went on to its end");
    let rows = load(&stats.rows);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(load(&stats.rows), rows);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_beyond_the_limit_are_refused_and_places_come_back() {
    let server = Server::with(&photos(), |config| config.max_streams = 2).await;
    let connection = server.connect().await;
    let open = || connection.stream(job(4), Expected::default());
    let (one, two) = (open().await.unwrap(), open().await.unwrap());
    let error = open().await.unwrap_err();
    assert!(error.to_string().contains("2 streams"), "{error}");
    drop(one);
    for attempt in 0.. {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if open().await.is_ok() {
            break;
        }
        assert!(attempt < 500, "the place of the dropped stream did not come back");
    }
    drop(two);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_stream_does_not_hold_up_another() {
    // Room for a few batches only, all of which the stalled stream asks for.
    let server = Server::with(&photos(), |config| config.prefetch_mib = 4).await;
    let connection = server.connect().await;
    let big = proto::Job { dtype: proto::Dtype::F32.into(), ..job(12) };
    let stalled = connection.stream(big.clone(), Expected::default()).await.unwrap();
    stalled.want(proto::WantSteps { first_step: 0, count: 20, stride: 1, first_row: 0, rows: 12 });
    let other = server.connect().await;
    let pulled = tokio::time::timeout(Duration::from_mins(1), pull_all(&other, big, 0..6)).await;
    assert_eq!(pulled.expect("the other stream is served").len(), 6 * 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn tcp_serves_the_same_bytes() {
    let server = Server::with(&photos(), |config| config.listen.push("127.0.0.1:0".to_owned())).await;
    let tcp = server.daemon.addresses()[1].clone();
    assert!(matches!(tcp, bandwise_client::Address::Tcp { port: 1.., .. }), "{tcp}");
    let over_tcp = pull_all(&Connection::open(&tcp).await.unwrap(), job(4), 0..3).await;
    assert_eq!(over_tcp, pull_all(&server.connect().await, job(4), 0..3).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn describe_names_what_is_served() {
    let server = Server::start(&photos()).await;
    let connection = server.connect().await;
    let description = connection.describe("photos").await.unwrap();
    assert_eq!(description.classes, ["nature", "people", "place", "science", "thing"]);
    assert!(description.class_names.iter().eq(description.classes.iter().map(String::as_bytes)));
    assert!(description.datasets[0].warnings.is_empty());
    assert_eq!(description.datasets.len(), 1);
    assert_eq!((description.datasets[0].samples, description.datasets[0].classes), (12, 5));
    assert_eq!(description.datasets[0].digest.len(), 32);
    assert!(description.curricula.contains(&"efficienttrain++".to_owned()));
    assert!(connection.describe("other").await.unwrap_err().to_string().contains("NOT_FOUND"));
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_reflection_answer() {
    let server = Server::start(&photos()).await;
    let channel = tonic::transport::Endpoint::from_shared(server.uri()).unwrap().connect().await.unwrap();
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel.clone());
    let check = tonic_health::pb::HealthCheckRequest { service: "bandwise.v1.Loader".to_owned() };
    let status = health.check(check).await.unwrap().into_inner().status();
    assert_eq!(status, tonic_health::pb::health_check_response::ServingStatus::Serving);
    let mut reflection =
        tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient::new(channel);
    let list = tonic_reflection::pb::v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(
            tonic_reflection::pb::v1::server_reflection_request::MessageRequest::ListServices(String::new()),
        ),
    };
    let mut replies =
        reflection.server_reflection_info(tokio_stream::iter([list])).await.unwrap().into_inner();
    let reply = format!("{:?}", replies.message().await.unwrap());
    assert!(reply.contains("bandwise.v1.Loader"), "{reply}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draining_daemon_keeps_its_promises_and_takes_no_more() {
    let server = Server::start(&photos()).await;
    let connection = server.connect().await;
    let mut stream = connection.stream(job(4), Expected::default()).await.unwrap();
    stream.want(steps(0, 10, 1));
    let Some(Reply::Batch(_)) = stream.next().await.unwrap() else { panic!("a batch") };
    let stopping = tokio::spawn(server.daemon.stop());
    let (mut batches, mut told) = (1, false);
    while batches < 10 {
        match stream.next().await.unwrap().expect("the promised batches come") {
            Reply::Batch(_) => batches += 1,
            Reply::Draining => told = true,
            other @ Reply::Failed { .. } => panic!("{other:?}"),
        }
    }
    assert!(told, "the daemon said that it drains");
    stream.want(steps(20, 1, 1));
    let Some(Reply::Failed { step: 20, error, .. }) = stream.next().await.unwrap() else {
        panic!("a refusal")
    };
    assert!(error.is_retryable(), "{error}");
    drop(stream);
    drop(connection);
    tokio::time::timeout(Duration::from_secs(10), stopping).await.expect("the daemon stops").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_refuse_what_does_not_divide_or_lies_beyond() {
    let server = Server::start(&photos()).await;
    let connection = server.connect().await;
    let share = bandwise_client::RankShare { rank: 0, world_size: 3, accumulate: 1 };
    let error =
        Run::start(&connection, job(4), &RunOptions { share, ..RunOptions::default() }).await.unwrap_err();
    assert!(error.to_string().contains("1, 2, 4"), "{error}");
    let options = RunOptions { from_step: 1000, ..RunOptions::default() };
    let error = Run::start(&connection, job(4), &options).await.unwrap_err();
    assert!(error.to_string().contains("63 steps"), "{error}");
    let expected = Expected { fingerprint: vec![0; 32], fields: Vec::new() };
    let options = RunOptions { expected, ..RunOptions::default() };
    let error = Run::start(&connection, job(4), &options).await.unwrap_err();
    assert!(
        matches!(error, bandwise_client::ClientError::Daemon { code: Code::FailedPrecondition, .. }),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wants_during_a_drain_do_not_cost_the_promised_batches() {
    let server = Server::with(&photos(), |config| config.threads = 1).await;
    let connection = server.connect().await;
    let options = RunOptions { window: 6, patience: Duration::ZERO, ..RunOptions::default() };
    let mut run = Run::start(&connection, job(4), &options).await.unwrap();
    run.next().await.unwrap().expect("a batch");
    let stopping = tokio::spawn(server.daemon.stop());
    let mut delivered = 1;
    let error = loop {
        match run.next().await {
            Ok(Some(_)) => delivered += 1,
            Ok(None) => panic!("the run has more steps"),
            Err(error) => break error,
        }
    };
    assert!(error.is_retryable(), "{error}");
    assert!(delivered >= 6, "all six batches that were promised came, not {delivered}");
    drop((run, connection));
    tokio::time::timeout(Duration::from_secs(10), stopping).await.expect("the daemon stops").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_nobody_reads_does_not_block_its_connection() {
    let server = Server::start(&photos()).await;
    let connection = server.connect().await;
    let big = proto::Job { dtype: proto::Dtype::F32.into(), ..job(12) };
    let unread = connection.stream(big.clone(), Expected::default()).await.unwrap();
    // 20 batches of 7 MB: more than a window holds.
    unread.want(proto::WantSteps { first_step: 1, count: 20, stride: 1, first_row: 0, rows: 12 });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let pulled = tokio::time::timeout(Duration::from_secs(30), pull_all(&connection, big, 0..4)).await;
    assert_eq!(pulled.expect("the other stream is served").len(), 4 * 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_cannot_be_read_is_answered() {
    let server = Server::start(&photos()).await;
    let mut client = raw_client(&server).await;
    let open = proto::Want {
        open: Some(proto::Open { job: Some(job(4)), ..proto::Open::default() }),
        ..proto::Want::default()
    };
    let flood = proto::Want {
        cancel: Some(proto::CancelSteps { steps: vec![u64::MAX; 200_000] }),
        ..proto::Want::default()
    };
    let wants = tokio_stream::StreamExt::chain(tokio_stream::iter([open, flood]), tokio_stream::pending());
    let mut parts = client.stream_batches(wants).await.unwrap().into_inner();
    let answer = tokio::time::timeout(Duration::from_secs(10), parts.message()).await.expect("an answer");
    assert!(answer.is_err(), "{answer:?}");
}
