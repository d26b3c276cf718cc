//! Batch memory has a ceiling, whatever a client asks for and does not read.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod common;

use std::{sync::atomic::Ordering, time::Duration};

use bandwise_client::proto;
use bandwise_server::config::Source;
use common::{Server, get_batch, photos, raw_client};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;

const MIB: u64 = 1 << 20;

/// Rows of a batch of 4.6 MiB.
const ROWS: u64 = 32;

async fn server(prefetch_mib: u64) -> Server {
    Server::with(&photos(), |config| {
        config.source = Some(Source::Synthetic);
        (config.prefetch_mib, config.max_batch_mib) = (prefetch_mib, 8);
    })
    .await
}

fn job() -> proto::Job {
    proto::Job {
        datasets: vec![proto::DatasetShare { name: "synthetic".to_owned(), weight: None }],
        curriculum: Some(proto::job::Curriculum::CurriculumName("none".to_owned())),
        dtype: proto::Dtype::U8.into(),
        ..common::job(ROWS)
    }
}

fn in_use(server: &Server) -> u64 {
    server.daemon.stats().batch_bytes_in_use.load(Ordering::Relaxed)
}

async fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..3000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_calls_take_one_batch_beyond_the_budget_and_all_are_answered() {
    let server = server(1).await;
    let (read, reading) = watch::channel(false);
    let mut calls = Vec::new();
    for step in 0..12 {
        let (mut client, mut reading) = (raw_client(&server).await, reading.clone());
        calls.push(tokio::spawn(async move {
            let request = proto::GetBatchRequest { job: Some(job()), step, rows: ROWS, ..Default::default() };
            let mut parts = client.get_batch(request).await.unwrap().into_inner();
            reading.wait_for(|&read| read).await.unwrap();
            let mut bytes = 0;
            while let Some(part) = parts.message().await.unwrap() {
                bytes += part.data.len();
            }
            bytes
        }));
    }
    wait_until("a batch is made", || in_use(&server) > 4 * MIB).await;
    for _ in 0..50 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert!(in_use(&server) <= 9 * MIB + 4096, "{} bytes", in_use(&server));
    }
    read.send(true).unwrap();
    for call in calls {
        assert_eq!(call.await.unwrap() as u64, ROWS * (3 * 224 * 224 + 8));
    }
    wait_until("all memory is back", || in_use(&server) == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_erred_keeps_no_more_than_is_on_its_way() {
    let server = server(64).await;
    let (wants, outbound) = mpsc::channel(8);
    let steps = proto::WantSteps { first_step: 0, count: 12, stride: 1, first_row: 0, rows: ROWS };
    let open = proto::Open { job: Some(job()), ..proto::Open::default() };
    wants.send(proto::Want { open: Some(open), steps: Some(steps), ..Default::default() }).await.unwrap();
    let mut client = raw_client(&server).await;
    let parts = client.stream_batches(ReceiverStream::new(outbound)).await.unwrap();
    wait_until("all are made", || in_use(&server) > 50 * MIB).await;
    let wrong = proto::WantSteps { first_step: u64::MAX, ..steps };
    wants.send(proto::Want { steps: Some(wrong), ..Default::default() }).await.unwrap();
    wait_until("all but those on their way are gone", || in_use(&server) < 10 * MIB).await;
    let mut parts = parts.into_inner();
    let status = loop {
        match parts.message().await {
            Ok(part) => assert!(part.is_some(), "the stream ended without a status"),
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), tonic::Code::OutOfRange, "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_calls_stop_nobody_who_reads() {
    let server = server(1).await;
    let mut unread = Vec::new();
    for step in 0..3 {
        let mut client = raw_client(&server).await;
        let request = proto::GetBatchRequest { job: Some(job()), step, rows: 8, ..Default::default() };
        unread.push((client.get_batch(request).await.unwrap(), client));
    }
    let mut client = raw_client(&server).await;
    for step in 0..5 {
        let request = proto::GetBatchRequest { job: Some(job()), step, rows: 8, ..Default::default() };
        let answer = tokio::time::timeout(Duration::from_mins(1), get_batch(&mut client, request));
        assert_eq!(answer.await.expect("in time").unwrap().0.rows, 8);
    }
}
