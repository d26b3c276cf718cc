//! Names and labels of samples: those that ImageFolder has, in parts that fit, and refused by reason.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod common;

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt as _, path::PathBuf};

use bandwise_client::proto::{Sample, SamplesRequest};
use bandwise_proto::{MAX_SAMPLE_IDS, MAX_SAMPLES_BYTES, detail_of};
use common::{Dataset, Server, photos, raw_client};
use prost::Message as _;
use tonic::Code;

/// Paths below the photographs with the positions of their folders, in order of names.
fn expected() -> Vec<(Vec<u8>, u32)> {
    let sorted = |folder: PathBuf| {
        let mut entries: Vec<PathBuf> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        entries
    };
    let name = |file: &PathBuf| file.strip_prefix(photos()).unwrap().as_os_str().as_bytes().to_vec();
    let classes = sorted(photos()).into_iter().filter(|entry| entry.is_dir());
    let of_class = |(class, label)| sorted(class).into_iter().map(move |file| (name(&file), label));
    classes.zip(0..).flat_map(of_class).collect()
}

fn pair(sample: Sample) -> (Vec<u8>, u32) {
    (sample.name.to_vec(), sample.label)
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_labels_are_those_of_the_folder() {
    let server = Server::start(&photos()).await;
    let connection = server.connect().await;
    let digest = connection.describe("").await.unwrap().datasets[0].digest.clone();
    let expected = expected();
    assert_eq!(expected.len(), 12);
    let all: Vec<u64> = (0..12).collect();
    let samples = connection.samples("photos", &digest, &all).await.unwrap();
    assert_eq!(samples.into_iter().map(pair).collect::<Vec<_>>(), expected);
    // In any order and again, more than fit into a request, and none.
    let ids: Vec<u64> = (0..20_000).map(|i| i * 7 % 12).collect();
    let samples = connection.samples("photos", &[], &ids).await.unwrap();
    assert_eq!(samples.len(), ids.len());
    for (id, sample) in ids.iter().zip(samples) {
        assert_eq!(pair(sample), expected[*id as usize]);
    }
    assert_eq!(connection.samples("photos", &[], &[]).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_bytes() {
    let dataset = Dataset::new();
    let photo =
        fs::read(photos().join("nature").read_dir().unwrap().next().unwrap().unwrap().path()).unwrap();
    let folder = dataset.path().join("class/in side");
    fs::create_dir_all(&folder).unwrap();
    let names: [&[u8]; 3] = [b"a\n\\.jpg", "é.jpg".as_bytes(), b"\xff.jpg"];
    for name in names {
        fs::write(folder.join(OsStr::from_bytes(name)), &photo).unwrap();
    }
    let server = Server::start(dataset.path()).await;
    let mut got: Vec<Vec<u8>> = server
        .connect()
        .await
        .samples("photos", &[], &[0, 1, 2])
        .await
        .unwrap()
        .into_iter()
        .map(|sample| sample.name.to_vec())
        .collect();
    got.sort();
    let mut expected: Vec<Vec<u8>> = names.iter().map(|name| [b"class/in side/", *name].concat()).collect();
    expected.sort();
    assert_eq!(got, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn long_answers_come_in_parts() {
    let dataset = Dataset::new();
    let photo =
        fs::read(photos().join("nature").read_dir().unwrap().next().unwrap().unwrap().path()).unwrap();
    let name = format!("class/{}/{}.jpg", "f".repeat(250), "n".repeat(240));
    dataset.file(&name, &photo);
    let server = Server::start(dataset.path()).await;
    let ids = vec![0; MAX_SAMPLE_IDS];
    let request =
        SamplesRequest { dataset: "photos".to_owned(), sample_ids: ids.clone(), ..SamplesRequest::default() };
    let answer = raw_client(&server).await.samples(request).await.unwrap().into_inner();
    assert!(answer.encoded_len() <= MAX_SAMPLES_BYTES, "{} bytes", answer.encoded_len());
    assert!((2000..ids.len()).contains(&answer.samples.len()), "{}", answer.samples.len());
    let whole = server.connect().await.samples("photos", &[], &ids).await.unwrap();
    assert_eq!(whole.len(), ids.len());
    assert!(whole.iter().all(|sample| sample.name == name.as_bytes()));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_questions_are_refused_by_reason() {
    let server = Server::start(&photos()).await;
    let client = &mut raw_client(&server).await;
    let good =
        SamplesRequest { dataset: "photos".to_owned(), sample_ids: vec![0], ..SamplesRequest::default() };
    let digest = |bytes: Vec<u8>| SamplesRequest { expected_digest: bytes.into(), ..good.clone() };
    let ids = |sample_ids| SamplesRequest { sample_ids, ..good.clone() };
    let dataset = SamplesRequest { dataset: "other".to_owned(), ..good.clone() };
    for (request, code, reason, part) in [
        (dataset, Code::NotFound, "unknown_dataset", "photos"),
        (digest(vec![7; 32]), Code::FailedPrecondition, "digest_differs", "0707"),
        (digest(vec![7; 31]), Code::InvalidArgument, "invalid_field", "31 bytes"),
        (ids(vec![0; MAX_SAMPLE_IDS + 1]), Code::ResourceExhausted, "limit", "8193"),
        (ids(vec![3, 12]), Code::OutOfRange, "sample_out_of_range", "sample 12 "),
        (ids(vec![u64::MAX]), Code::OutOfRange, "sample_out_of_range", "12 samples"),
    ] {
        let status = client.samples(request).await.unwrap_err();
        let detail = detail_of(&status).expect("a detail");
        assert_eq!((status.code(), detail.reason.as_str()), (code, reason), "{status:?}");
        assert!(status.message().contains(part), "no '{part}' in: {}", status.message());
        assert_eq!(detail.sample.is_some(), code == Code::OutOfRange);
        assert_eq!(detail.limit.is_empty(), code != Code::ResourceExhausted);
    }
    assert_eq!(client.samples(good).await.unwrap().into_inner().samples.len(), 1);
}
