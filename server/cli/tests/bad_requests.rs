//! Whatever a peer sends gets a typed error with the offending value, and the daemon keeps serving.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod common;

use bandwise_client::proto::{self, GetBatchRequest};
use bandwise_proto::detail_of;
use common::{Server, get_batch, job, photos, raw_client};
use tonic::{Code, Status};

type Client = proto::loader_client::LoaderClient<tonic::transport::Channel>;

const STEPS: u64 = 63;

fn request(job: proto::Job) -> GetBatchRequest {
    GetBatchRequest { job: Some(job), rows: 2, ..GetBatchRequest::default() }
}

/// The request's error, after which the daemon must still serve.
async fn refused(client: &mut Client, request: GetBatchRequest) -> Status {
    let status = get_batch(client, request).await.expect_err("refused");
    let good = get_batch(client, self::request(job(4))).await;
    assert!(good.is_ok(), "after {status:?}: {good:?}");
    status
}

fn toml(text: &str) -> proto::Job {
    proto::Job { curriculum: Some(proto::job::Curriculum::CurriculumToml(text.to_owned())), ..job(4) }
}

fn stage(bandwidth: &str) -> proto::Job {
    toml(&format!("name = 'x'\n[[stage]]\nshare = 1.0\nmagnitude = 1.0\nbandwidth = {bandwidth}\n"))
}

fn named(curriculum: &str) -> proto::Job {
    proto::Job { curriculum: Some(proto::job::Curriculum::CurriculumName(curriculum.to_owned())), ..job(4) }
}

fn dataset(name: &str) -> proto::Job {
    proto::Job { datasets: vec![proto::DatasetShare { name: name.to_owned(), weight: None }], ..job(4) }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_jobs_name_the_field_and_the_value() {
    let server = Server::start(&photos()).await;
    let client = &mut raw_client(&server).await;
    let long = "x".repeat(700_000);
    let recipe =
        |name: &str| proto::Job { recipe: Some(proto::job::Recipe::RecipeName(name.to_owned())), ..job(4) };
    let weight = vec![proto::DatasetShare { name: "photos".to_owned(), weight: Some(f64::NAN) }];
    let two = vec![proto::DatasetShare { name: "photos".to_owned(), weight: None }; 2];
    for (case, job, code, parts) in [
        (
            "no dataset",
            proto::Job { datasets: Vec::new(), ..job(4) },
            Code::InvalidArgument,
            vec!["datasets"],
        ),
        ("two datasets", proto::Job { datasets: two, ..job(4) }, Code::InvalidArgument, vec!["2 of them"]),
        ("weight", proto::Job { datasets: weight, ..job(4) }, Code::InvalidArgument, vec!["NaN"]),
        ("other dataset", dataset("other"), Code::NotFound, vec!["'other'", "photos"]),
        ("megabyte name", dataset(&long), Code::InvalidArgument, vec!["datasets.name", "700000", "..."]),
        (
            "no curriculum",
            proto::Job { curriculum: None, ..job(4) },
            Code::InvalidArgument,
            vec!["curriculum"],
        ),
        (
            "preset",
            named("efficienttrian"),
            Code::InvalidArgument,
            vec!["efficienttrian", "efficienttrain++-deit"],
        ),
        ("long preset", named(&long), Code::InvalidArgument, vec!["curriculum_name", "700000"]),
        ("no toml", toml("stage = ["), Code::InvalidArgument, vec!["curriculum_toml"]),
        ("long toml", toml(&long), Code::InvalidArgument, vec!["curriculum_toml"]),
        ("B 0", stage("0"), Code::InvalidArgument, vec!["bandwidth", "0"]),
        ("B odd", stage("97"), Code::InvalidArgument, vec!["bandwidth", "97"]),
        ("B above the base", stage("226"), Code::InvalidArgument, vec!["bandwidth", "226"]),
        ("B NaN", stage("nan"), Code::InvalidArgument, vec!["bandwidth"]),
        ("NaN epochs", proto::Job { epochs: f64::NAN, ..job(4) }, Code::InvalidArgument, vec!["NaN"]),
        (
            "infinite epochs",
            proto::Job { epochs: f64::INFINITY, ..job(4) },
            Code::InvalidArgument,
            vec!["inf"],
        ),
        ("no epochs", proto::Job { epochs: 0.0, ..job(4) }, Code::InvalidArgument, vec!["0"]),
        ("huge epochs", proto::Job { epochs: 1e300, ..job(4) }, Code::InvalidArgument, vec!["1000000"]),
        ("no rows", job(0), Code::InvalidArgument, vec!["0"]),
        ("N below the batch", job(13), Code::InvalidArgument, vec!["13", "12"]),
        ("huge batch", job(u64::MAX), Code::InvalidArgument, vec!["18446744073709551615"]),
        ("recipe", recipe("plane"), Code::InvalidArgument, vec!["plane", "efficienttrain++"]),
        ("order", proto::Job { order: 77, ..job(4) }, Code::InvalidArgument, vec!["order", "77"]),
        ("tail", proto::Job { tail: -1, ..job(4) }, Code::InvalidArgument, vec!["tail", "-1"]),
        (
            "policy",
            proto::Job { on_bad_sample: 9, ..job(4) },
            Code::InvalidArgument,
            vec!["on_bad_sample", "9"],
        ),
        ("dtype", proto::Job { dtype: 99, ..job(4) }, Code::InvalidArgument, vec!["dtype", "99"]),
        ("i64", proto::Job { dtype: proto::Dtype::I64.into(), ..job(4) }, Code::InvalidArgument, vec!["i64"]),
        ("layout", proto::Job { layout: i32::MAX, ..job(4) }, Code::InvalidArgument, vec!["layout"]),
        ("fidelity", proto::Job { fidelity: 5, ..job(4) }, Code::InvalidArgument, vec!["fidelity", "5"]),
        (
            "method",
            proto::Job { low_frequency: 8, ..job(4) },
            Code::InvalidArgument,
            vec!["low_frequency", "8"],
        ),
        (
            "lanczos for the ICCV recipe",
            proto::Job { low_frequency: proto::LowFrequency::Lanczos.into(), ..recipe("efficienttrain") },
            Code::InvalidArgument,
            vec!["efficienttrain", "fourier"],
        ),
    ] {
        let status = refused(client, request(job)).await;
        assert_eq!(status.code(), code, "{case}: {status:?}");
        assert!(detail_of(&status).is_some(), "{case}: no detail");
        assert!(status.message().len() < 2000, "{case}: {} bytes", status.message().len());
        for part in parts {
            assert!(status.message().contains(part), "{case}: no '{part}' in: {}", status.message());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_steps_and_rows_are_out_of_range() {
    let server = Server::start(&photos()).await;
    let client = &mut raw_client(&server).await;
    let steps = client.plan(proto::PlanRequest { job: Some(job(4)) }).await.unwrap().into_inner().steps;
    assert_eq!(steps, STEPS);
    for (step, first_row, rows, code, reason) in [
        (0, 0, 0, Code::InvalidArgument, "invalid_field"),
        (0, 0, 5, Code::OutOfRange, "rows_out_of_range"),
        (0, 4, 1, Code::OutOfRange, "rows_out_of_range"),
        (0, 0, 1 << 31, Code::OutOfRange, "rows_out_of_range"),
        (0, u64::MAX, 2, Code::OutOfRange, "rows_out_of_range"),
        (STEPS, 0, 1, Code::OutOfRange, "step_out_of_range"),
        (u64::MAX, 0, 1, Code::OutOfRange, "step_out_of_range"),
    ] {
        let status = refused(client, GetBatchRequest { step, first_row, rows, ..request(job(4)) }).await;
        let detail = detail_of(&status).expect("a detail");
        assert_eq!(
            (status.code(), detail.reason.as_str()),
            (code, reason),
            "{step} {first_row} {rows}: {status:?}"
        );
        if code == Code::OutOfRange {
            assert_eq!(detail.step, Some(step));
        }
    }
    assert!(get_batch(client, GetBatchRequest { step: STEPS - 1, ..request(job(4)) }).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_beyond_the_limits_name_them() {
    let server = Server::with(&photos(), |config| config.max_batch_mib = 1).await;
    let client = &mut raw_client(&server).await;
    // 4 rows of 96 x 96 f32 fit into 1 MiB, 12 do not.
    let large = proto::Job { dtype: proto::Dtype::F32.into(), ..job(12) };
    let status = refused(client, GetBatchRequest { rows: 12, ..request(large) }).await;
    let detail = detail_of(&status).unwrap();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(detail.limit.contains("max_batch_bytes = 1048576"), "{detail:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fingerprint_that_differs_is_named() {
    let server = Server::start(&photos()).await;
    let client = &mut raw_client(&server).await;
    let plan = |job| proto::PlanRequest { job: Some(job) };
    let mine = client.plan(plan(job(4))).await.unwrap().into_inner();
    let expected = |fingerprint: Vec<u8>| GetBatchRequest {
        expected_fingerprint: fingerprint.into(),
        ..request(job(4))
    };
    assert!(get_batch(client, expected(mine.fingerprint.to_vec())).await.is_ok());
    assert_eq!(refused(client, expected(vec![1; 32])).await.code(), Code::FailedPrecondition);
    assert_eq!(refused(client, expected(vec![1; 31])).await.code(), Code::InvalidArgument);
    // A stream that knows the fields behind its fingerprint is told which differ.
    let other = client.plan(plan(proto::Job { seed: 99, ..job(4) })).await.unwrap().into_inner();
    let open = proto::Open {
        job: Some(job(4)),
        expected_fingerprint: other.fingerprint,
        expected_fields: other.fields,
        ..proto::Open::default()
    };
    let want = proto::Want { open: Some(open), ..proto::Want::default() };
    let status = client.stream_batches(tokio_stream::iter([want])).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert_eq!(detail_of(&status).unwrap().differing_fields, ["seed: 99 -> 7"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_wants_end_their_stream_only() {
    let server = Server::with(&photos(), |config| config.max_pending_batches = 8).await;
    let client = &mut raw_client(&server).await;
    let open = || proto::Want {
        open: Some(proto::Open { job: Some(job(4)), ..proto::Open::default() }),
        ..proto::Want::default()
    };
    let steps = |first_step, count, stride, rows| proto::Want {
        steps: Some(proto::WantSteps { first_step, count, stride, first_row: 0, rows }),
        ..proto::Want::default()
    };
    let release =
        proto::Want { release: Some(proto::ReleaseSlots { slots: vec![3] }), ..proto::Want::default() };
    for (case, wants, code) in [
        ("nothing", vec![], Code::InvalidArgument),
        ("no open", vec![steps(0, 1, 1, 4)], Code::InvalidArgument),
        ("open twice", vec![open(), open()], Code::InvalidArgument),
        (
            "no job",
            vec![proto::Want { open: Some(proto::Open::default()), ..proto::Want::default() }],
            Code::InvalidArgument,
        ),
        ("no steps", vec![open(), steps(0, 0, 1, 4)], Code::InvalidArgument),
        ("beyond the plan", vec![open(), steps(STEPS - 1, 2, 1, 4)], Code::OutOfRange),
        ("overflow", vec![open(), steps(2, 3, u64::MAX, 4)], Code::OutOfRange),
        ("rows", vec![open(), steps(0, 1, 1, 1 << 31)], Code::OutOfRange),
        ("too many", vec![open(), steps(0, u64::MAX, 0, 4)], Code::ResourceExhausted),
        ("slots", vec![open(), release], Code::InvalidArgument),
    ] {
        let status = match client.stream_batches(tokio_stream::iter(wants)).await {
            Err(status) => status,
            Ok(response) => {
                let mut parts = response.into_inner();
                loop {
                    match parts.message().await {
                        Ok(Some(_)) => {}
                        Ok(None) => panic!("{case}: the stream ended well"),
                        Err(status) => break status,
                    }
                }
            }
        };
        assert_eq!(status.code(), code, "{case}: {status:?}");
        assert!(detail_of(&status).is_some(), "{case}: no detail");
        assert!(get_batch(client, request(job(4))).await.is_ok(), "after {case}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_and_garbage_do_not_stop_the_daemon() {
    use tokio::io::AsyncWriteExt as _;
    let server = Server::start(&photos()).await;
    let client = &mut raw_client(&server).await;
    // A message above the limit.
    let status = refused(client, request(toml(&"#".repeat(3 << 20)))).await;
    assert_ne!(status.code(), Code::Ok);
    // Bytes that are no HTTP/2.
    let bandwise_client::Address::Unix(path) = server.daemon.addresses()[0].clone() else {
        panic!("a socket")
    };
    for garbage in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0xff; 4096],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\xff\xff\xff\xff",
    ] {
        let mut socket = tokio::net::UnixStream::connect(&path).await.unwrap();
        // The daemon may already have hung up.
        let _ = socket.write_all(garbage).await;
    }
    assert!(get_batch(client, request(job(4))).await.is_ok());
}
