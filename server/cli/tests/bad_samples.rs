//! Undecodable samples follow the job's policy, unreadable ones are this daemon's matter, and nothing stops it.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod common;

use std::{fs, os::unix::ffi::OsStrExt as _, time::Duration};

use bandwise_client::{Batch, ClientError, Connection, Run, RunOptions, proto};
use common::{Dataset, Server, photos, pull_all};
use image::{ColorType, ImageFormat};
use tonic::Code;

/// One pass over the dataset in index order, with images as they are in the files.
fn eval(samples: u64, policy: proto::BadSample) -> proto::Job {
    proto::Job {
        datasets: vec![proto::DatasetShare { name: "photos".to_owned(), weight: None }],
        curriculum: Some(proto::job::Curriculum::CurriculumName("none".to_owned())),
        epochs: 1.0,
        global_batch: samples,
        recipe: Some(proto::job::Recipe::RecipeName("eval".to_owned())),
        dtype: proto::Dtype::U8.into(),
        on_bad_sample: policy.into(),
        ..proto::Job::default()
    }
}

async fn first_batch(connection: &Connection, job: proto::Job) -> Result<Batch, ClientError> {
    let mut run = Run::start(connection, job, &RunOptions::default()).await?;
    Ok(run.next().await?.expect("the plan has a step"))
}

fn photo(name: &str) -> Vec<u8> {
    fs::read(photos().join(name)).unwrap()
}

/// A JPEG whose header claims `width` x `height`.
fn claim(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = photo("thing/cup.jpg");
    let start = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]).expect("a baseline frame");
    bytes[start + 5..start + 7].copy_from_slice(&height.to_be_bytes());
    bytes[start + 7..start + 9].copy_from_slice(&width.to_be_bytes());
    bytes
}

fn png(width: u32, height: u32, color: ColorType, fill: u8) -> Vec<u8> {
    let data = vec![fill; (width * height) as usize * usize::from(color.bytes_per_pixel())];
    let mut file = std::io::Cursor::new(Vec::new());
    image::write_buffer_with_format(&mut file, &data, width, height, color, ImageFormat::Png).unwrap();
    file.into_inner()
}

/// Every kind of bad file, each followed by a good one.
fn mixed() -> (Dataset, Vec<(u64, &'static str)>) {
    let dataset = Dataset::new();
    let cup = photo("thing/cup.jpg");
    let bad: [(&str, Vec<u8>, &str); 5] = [
        ("empty", Vec::new(), "empty"),
        ("huge", claim(20_000, 20_000), "too_many_pixels"),
        ("text", b"not an image at all".to_vec(), "unknown_format"),
        ("truncated", cup[..cup.len() / 2].to_vec(), "truncated"),
        ("unfinished", cup[..cup.len() - 2].to_vec(), "truncated"),
    ];
    let mut expected = Vec::new();
    for (i, (name, content, reason)) in bad.into_iter().enumerate() {
        dataset.file(&format!("a/{name}.jpg"), &content);
        dataset.photo(&format!("a/{name}_good.jpg"), "nature/cat.jpg");
        expected.push((2 * i as u64, reason));
    }
    (dataset, expected)
}

#[tokio::test(flavor = "multi_thread")]
async fn undecodable_samples_are_replaced_by_the_next_one() {
    let (dataset, bad) = mixed();
    let server = Server::start(dataset.path()).await;
    let batch = first_batch(&server.connect().await, eval(10, proto::BadSample::Unspecified)).await.unwrap();
    let found: Vec<_> = batch
        .header()
        .substitutions
        .iter()
        .map(|s| (s.row, s.requested, s.delivered, s.reason.clone()))
        .collect();
    let expected: Vec<_> = bad.iter().map(|&(id, reason)| (id, id, id + 1, reason.to_owned())).collect();
    assert_eq!(found, expected);
    let delivered: Vec<u64> = batch.header().sample_ids.clone();
    assert_eq!(delivered, [1, 1, 3, 3, 5, 5, 7, 7, 9, 9]);
    // `eval` draws nothing, so the substitute's image is its own.
    assert_eq!(batch.image(0), batch.image(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn zero_rows_and_failing_batches_are_what_the_job_asks_for() {
    let (dataset, bad) = mixed();
    let server = Server::start(dataset.path()).await;
    let connection = server.connect().await;
    let batch = first_batch(&connection, eval(10, proto::BadSample::Zero)).await.unwrap();
    for (row, label) in batch.labels().enumerate() {
        let is_bad = bad.iter().any(|&(id, _)| id == row as u64);
        assert_eq!(label, if is_bad { -1 } else { 0 });
        assert_eq!(batch.image(row).iter().all(|&v| v == 0), is_bad, "row {row}");
    }
    let error = first_batch(&connection, eval(10, proto::BadSample::Fail)).await.unwrap_err();
    let ClientError::Daemon { code: Code::DataLoss, detail: Some(detail), .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!((detail.sample, detail.sample_name.as_str(), detail.step), (Some(0), "a/empty.jpg", Some(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_substitute_takes_the_draws_of_the_row_and_brings_its_label() {
    let damaged = Dataset::new();
    damaged.file("a/bad.jpg", b"");
    damaged.photo("b/good.jpg", "nature/cat.jpg");
    damaged.photo("c/other.jpg", "place/palace.jpg");
    let server = Server::start(damaged.path()).await;
    let job = proto::Job {
        recipe: None,
        order: proto::Order::Sequential.into(),
        ..eval(3, proto::BadSample::Unspecified)
    };
    let batch = first_batch(&server.connect().await, job.clone()).await.unwrap();
    assert_eq!(batch.labels().collect::<Vec<_>>(), [1, 1, 2]);
    assert_ne!(batch.image(0), batch.image(1), "other draws, other crop");
    // Row 0 is what the good file would have given under the name of the bad one.
    let repaired = Dataset::new();
    repaired.photo("a/bad.jpg", "nature/cat.jpg");
    repaired.photo("b/good.jpg", "nature/cat.jpg");
    repaired.photo("c/other.jpg", "place/palace.jpg");
    let other = Server::start(repaired.path()).await;
    let expected = first_batch(&other.connect().await, job).await.unwrap();
    assert_eq!(batch.image(0), expected.image(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_in_a_row_are_data_loss() {
    for (bad, fails) in [(63, false), (64, true)] {
        let dataset = Dataset::new();
        for i in 0..bad {
            dataset.file(&format!("a/{i:03}.jpg"), b"x");
        }
        dataset.photo("b/good.jpg", "nature/cat.jpg");
        let server = Server::start(dataset.path()).await;
        let result = first_batch(&server.connect().await, eval(1, proto::BadSample::Substitute)).await;
        match (fails, result) {
            (false, Ok(batch)) => assert_eq!(batch.header().sample_ids, [63]),
            (true, Err(ClientError::Daemon { code: Code::DataLoss, detail: Some(detail), .. })) => {
                assert_eq!((detail.reason.as_str(), detail.sample), ("no_substitute", Some(0)));
            }
            (_, other) => panic!("{bad} bad samples: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_samples_are_never_replaced() {
    let dataset = Dataset::new();
    let missing = dataset.photo("a/missing.jpg", "nature/cat.jpg");
    let changed = dataset.photo("b/changed.jpg", "nature/cat.jpg");
    dataset.photo("c/good.jpg", "nature/cat.jpg");
    let server = Server::start(dataset.path()).await;
    let connection = server.connect().await;
    fs::remove_file(missing).unwrap();
    fs::write(changed, b"shorter").unwrap();
    let job = proto::Job { order: proto::Order::Sequential.into(), ..eval(1, proto::BadSample::Substitute) };
    for (step, name, word) in [(0, "a/missing.jpg", "missing"), (1, "b/changed.jpg", "size_changed")] {
        let options =
            RunOptions { window: 3, from_step: step, patience: Duration::ZERO, ..RunOptions::default() };
        let mut run = Run::start(&connection, job.clone(), &options).await.unwrap();
        let error = run.next().await.unwrap_err();
        assert!(error.is_retryable());
        let ClientError::Unreadable { step: found, name: named, cause, .. } = error else {
            panic!("{error:?}");
        };
        assert_eq!((found, named.as_str(), cause.as_str()), (step, name, word));
    }
    // The stream of the failed batch goes on.
    assert!(pull_all(&connection, job, 2..3).await.contains_key(&(2, 0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_images_are_images() {
    let dataset = Dataset::new();
    dataset.file("a/1x1.png", &png(1, 1, ColorType::Rgb8, 200));
    dataset.file("b/tall.png", &png(1, 5000, ColorType::Rgb8, 90));
    dataset.file("c/wide.png", &png(5000, 1, ColorType::L8, 17));
    dataset.file("d/alpha.png", &png(30, 20, ColorType::Rgba8, 55));
    dataset.file("e/deep.png", &png(30, 20, ColorType::L16, 1));
    dataset.file("f/png_named.jpg", &png(40, 40, ColorType::La8, 33));
    dataset.photo("g/jpeg_named.png", "nature/cat.jpg");
    let server = Server::start(dataset.path()).await;
    let connection = server.connect().await;
    for recipe in ["eval", "plain", "mae"] {
        let job = proto::Job {
            recipe: Some(proto::job::Recipe::RecipeName(recipe.to_owned())),
            order: proto::Order::Sequential.into(),
            ..eval(7, proto::BadSample::Fail)
        };
        let batch = first_batch(&connection, job).await.unwrap();
        // 16-bit grey is clamped, not shifted: 0x0101 is white.
        for (row, value) in [(0, 200), (1, 90), (2, 17), (3, 55), (4, 255), (5, 33)] {
            assert!(batch.image(row).iter().all(|&v| v == value), "{recipe}, row {row}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_belong_to_the_job() {
    let dataset = Dataset::new();
    dataset.file("a/large.png", &png(400, 400, ColorType::Rgb8, 9));
    dataset.file("b/small.png", &png(40, 40, ColorType::Rgb8, 9));
    let server = Server::with(dataset.path(), |config| config.decode_limits.max_megapixels = 200).await;
    let connection = server.connect().await;
    let with = |max_pixels, max_encoded_bytes| proto::Job {
        decode_limits: Some(proto::DecodeLimits { max_pixels, max_encoded_bytes }),
        ..eval(2, proto::BadSample::Substitute)
    };
    let plain = connection.plan(with(0, 0)).await.unwrap().fingerprint;
    let limited = connection.plan(with(10_000, 0)).await.unwrap().fingerprint;
    assert_ne!(plain, limited);
    let reasons = |batch: &Batch| -> Vec<String> {
        batch.header().substitutions.iter().map(|s| s.reason.clone()).collect()
    };
    assert!(reasons(&first_batch(&connection, with(0, 0)).await.unwrap()).is_empty());
    assert_eq!(reasons(&first_batch(&connection, with(10_000, 0)).await.unwrap()), ["too_many_pixels"]);
    assert_eq!(reasons(&first_batch(&connection, with(0, 1000)).await.unwrap()), ["too_long"]);
    let error = connection.plan(with(200_000_001, 0)).await.unwrap_err();
    let ClientError::Daemon { code: Code::ResourceExhausted, detail: Some(detail), .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(detail.limit, "max_pixels = 200000000");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_need_not_be_utf8() {
    let dataset = Dataset::new();
    let folder = dataset.path().join("a");
    fs::create_dir(&folder).unwrap();
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.jpg");
    fs::write(folder.join(name), photo("nature/cat.jpg")).unwrap();
    fs::write(folder.join("b.jpg"), b"bad").unwrap();
    let server = Server::start(dataset.path()).await;
    let connection = server.connect().await;
    let batch = first_batch(&connection, eval(2, proto::BadSample::Substitute)).await.unwrap();
    assert_eq!(batch.header().sample_ids, [1, 1]);
}
