//! An error is the error that it is, however much is wrong: no text outgrows the headers that carry it.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod common;

use bandwise_client::proto;
use bandwise_proto::detail_of;
use common::{Server, job, photos, raw_client};
use tonic::{Code, Status};

/// Bytes of headers that plain gRPC clients accept, less what is beside the error.
const HEADER_BYTES: usize = 7 << 10;

/// Bytes of an error in headers: the text, percent-encoded, and the details in base 64.
fn sent_bytes(status: &Status) -> usize {
    let plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'%';
    let text: usize = status.message().bytes().map(|byte| if plain(byte) { 1 } else { 3 }).sum();
    text + status.details().len().div_ceil(3) * 4
}

fn check(what: &str, status: &Status, code: Code) {
    assert_eq!(status.code(), code, "{what}: {status}");
    assert!(sent_bytes(status) <= HEADER_BYTES, "{what}: {} bytes", sent_bytes(status));
    assert!(detail_of(status).is_some(), "{what}: no detail");
}

fn curriculum(text: String) -> proto::Job {
    proto::Job { curriculum: Some(proto::job::Curriculum::CurriculumToml(text)), ..job(4) }
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_without_number_are_told_in_few_words() {
    let server = Server::start(&photos()).await;
    let mut client = raw_client(&server).await;
    let stage = "[[stage]]\nshare=0.9\nbandwidth=3\nmagnitude=99\nbatch=0\nreplay=0\nreplay_buffer=0\n";
    let wrong = |count| format!("name='x'\nsplit='steps'\nwarmup_share=0.1\n{}", stage.repeat(count));
    let (long, wide) = ("x".repeat(200_000), "\u{e9}".repeat(90_000));
    let named = |name: &str| proto::Job {
        datasets: vec![proto::DatasetShare { name: name.to_owned(), weight: None }],
        ..job(4)
    };
    let recipe = proto::job::Recipe::RecipeToml(format!("{long} = 1\n"));
    for (what, job, code) in [
        ("a wrong stage", curriculum(wrong(1)), Code::InvalidArgument),
        ("wrong stages", curriculum(wrong(32)), Code::InvalidArgument),
        ("very many wrong stages", curriculum(wrong(2000)), Code::InvalidArgument),
        ("a long name", curriculum(format!("name = '{long}'\n")), Code::InvalidArgument),
        ("a long key", curriculum(format!("{long} = 1\n")), Code::InvalidArgument),
        ("a long key of odd letters", curriculum(format!("'{wide}' = 1\n")), Code::InvalidArgument),
        (
            "many keys",
            curriculum((0..20_000).map(|i| format!("k{i} = 1\n")).collect()),
            Code::InvalidArgument,
        ),
        ("a recipe's long key", proto::Job { recipe: Some(recipe), ..job(4) }, Code::InvalidArgument),
        ("a long dataset", named(&"z".repeat(900_000)), Code::InvalidArgument),
        ("a dataset of odd letters", named(&wide), Code::InvalidArgument),
        ("an unknown dataset of odd letters", named(&"\u{e9}".repeat(128)), Code::NotFound),
    ] {
        let status = client.plan(proto::PlanRequest { job: Some(job) }).await.unwrap_err();
        check(what, &status, code);
    }
    let classes_of = "z".repeat(900_000);
    let status = client.describe(proto::DescribeRequest { classes_of }).await.unwrap_err();
    check("classes of a long dataset", &status, Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_differ_are_counted_and_the_first_are_named() {
    let server = Server::start(&photos()).await;
    let mut client = raw_client(&server).await;
    let field = |name: String, value: String| proto::JobField { name, value };
    let many = (0..3000).map(|i| field(format!("stage.{i}.magnitude"), "y".repeat(100))).collect();
    for expected_fields in [many, vec![field("seed".to_owned(), "y".repeat(500_000))]] {
        let expected_fingerprint = vec![1; 32].into();
        let open =
            proto::Open { job: Some(job(4)), expected_fingerprint, expected_fields, ..Default::default() };
        let want = proto::Want { open: Some(open), ..proto::Want::default() };
        let status = client.stream_batches(tokio_stream::once(want)).await.unwrap_err();
        check("fields", &status, Code::FailedPrecondition);
        assert!(status.message().contains("more"), "{status}");
    }
}
