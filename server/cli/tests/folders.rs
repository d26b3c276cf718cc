//! Datasets as daemons and commands meet them: repaired in place, with splits, flat, with names that are no text.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod common;

use std::{
    ffi::OsStr,
    fs::{self, File},
    os::unix::ffi::OsStrExt as _,
    path::Path,
    process::Command,
    time::{Duration, SystemTime},
};

use bandwise_dataset::NoProgress;
use bandwise_server::{
    config::{Config, DatasetConfig, Settings},
    server::open_datasets,
};
use common::{Dataset, Server, get_batch, job, photos, raw_client};
use serde_json::Value;
use tempfile::TempDir;

/// A command's two outputs, and its exit code.
fn bandwise(cache: &TempDir, args: &[&str]) -> (String, i32) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bandwise"));
    let output = command.args(args).env("XDG_CACHE_HOME", cache.path()).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (String::from_utf8_lossy(&said).into_owned(), output.status.code().unwrap())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Lets the folders look as if nothing had changed for an hour, so that indexes are kept.
fn age(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            age(&entry.path());
        }
    }
    let then = SystemTime::UNIX_EPOCH + Duration::from_hours(480_000);
    File::open(folder).unwrap().set_modified(then).unwrap();
}

/// Two photographs, and half of one.
fn with_half() -> Dataset {
    let dataset = Dataset::new();
    dataset.photo("a/1.jpg", "nature/cat.jpg");
    dataset.photo("b/1.jpg", "thing/cup.jpg");
    let whole = fs::read(dataset.path().join("a/1.jpg")).unwrap();
    dataset.file("a/2.jpg", &whole[..whole.len() / 2]);
    age(dataset.path());
    dataset
}

#[test]
fn check_sees_a_file_that_was_repaired_in_place() {
    let (dataset, cache) = (with_half(), TempDir::new().unwrap());
    let check = || bandwise(&cache, &["check", text(dataset.path())]);
    let (said, code) = check();
    assert!(code == 1 && said.contains("undecodable 1") && said.contains("a/2.jpg"), "{said}");
    dataset.photo("a/2.jpg", "thing/cup.jpg");
    for _ in 0..2 {
        let (said, code) = check();
        assert!(
            code == 0 && said.contains("all 3 samples can be used") && said.contains("scanned"),
            "{said}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_serves_what_was_repaired_before_it_started() {
    let (dataset, cache) = (with_half(), TempDir::new().unwrap());
    let serve = || Server::with(dataset.path(), |config| config.cache_dir = Some(cache.path().to_owned()));
    let failing = bandwise_proto::v1::Job { on_bad_sample: 3, ..job(3) };
    let request = || bandwise_proto::v1::GetBatchRequest {
        job: Some(failing.clone()),
        rows: 3,
        ..bandwise_proto::v1::GetBatchRequest::default()
    };
    let server = serve().await;
    assert!(get_batch(&mut raw_client(&server).await, request()).await.is_err(), "half an image");
    dataset.photo("a/2.jpg", "thing/cup.jpg");
    let error = get_batch(&mut raw_client(&server).await, request()).await.unwrap_err();
    assert!(error.message().contains("restart"), "{error}");
    assert!(!error.message().contains(text(dataset.path())), "a path of the daemon's host: {error}");
    drop(server);
    let server = serve().await;
    get_batch(&mut raw_client(&server).await, request()).await.unwrap();
}

#[test]
fn index_makes_digests_with_content_ahead() {
    let (dataset, cache) = (with_half(), TempDir::new().unwrap());
    let index = |more: &[&str]| {
        let args = [&["index", "--json", text(dataset.path())], more].concat();
        let (said, code) = bandwise(&cache, &args);
        assert_eq!(code, 0, "{said}");
        serde_json::from_str::<Value>(&said).unwrap()
    };
    std::thread::sleep(Duration::from_millis(150));
    let plain = index(&[]);
    let content = index(&["--content"]);
    assert_eq!((content["hashed"].as_u64(), content["index_from_cache"].as_bool()), (Some(3), Some(true)));
    assert_ne!(plain["digest"], content["digest"]);
    assert_eq!(index(&["--content"])["hashed"], 0);
    // One byte of the same size.
    let mut bytes = fs::read(dataset.path().join("a/2.jpg")).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    dataset.file("a/2.jpg", &bytes);
    let changed = index(&["--content"]);
    assert_eq!((&changed["hashed"], &index(&[])["digest"]), (&1.into(), &plain["digest"]));
    assert_ne!(changed["digest"], content["digest"]);
    let of_a_daemon = |content: bool| {
        let path = dataset.path().to_owned();
        let dataset = DatasetConfig { name: "d".to_owned(), path, content, ..DatasetConfig::default() };
        let config = Config {
            listen: vec!["unix:unused".to_owned()],
            dataset: vec![dataset],
            cache_dir: Some(cache.path().join("bandwise")),
            ..Config::default()
        };
        let catalog = open_datasets(&Settings::check(&config).unwrap(), |_| Box::new(NoProgress)).unwrap();
        assert_eq!(catalog["d"].hashed(), 0, "it uses what was made ahead");
        catalog["d"].digest().to_string()
    };
    assert_eq!(of_a_daemon(true), changed["digest"]);
    assert_eq!(of_a_daemon(false), plain["digest"]);
    dataset.file("c/readme.txt", b"");
    let (said, code) = bandwise(&cache, &["index", "--content", text(dataset.path())]);
    assert!(code == 1 && said.contains("--allow-empty-classes"), "{said}");
    fs::remove_dir_all(dataset.path().join("c")).unwrap();
    let (said, code) = bandwise(&cache, &["index", text(dataset.path()), "--cache-dir", "/dev/null/x"]);
    assert!(code == 1 && said.contains("--cache-dir"), "{said}");
}

/// ImageNet as it comes: a flat val, and folders of other things.
fn with_flat_val() -> Dataset {
    let dataset = Dataset::new();
    dataset.photo("train/a/1.jpg", "nature/cat.jpg");
    dataset.photo("train/b/1.jpg", "thing/cup.jpg");
    dataset.photo("val/1.jpg", "thing/cup.jpg");
    dataset.file("Annotations/readme.txt", b"");
    dataset
}

#[tokio::test(flavor = "multi_thread")]
async fn splits_are_served_and_clients_are_told_of_what_is_not() {
    let dataset = with_flat_val();
    let server = Server::start(dataset.path()).await;
    let described = server.connect().await.describe("photos/train").await.unwrap();
    let names: Vec<&str> = described.datasets.iter().map(|dataset| dataset.name.as_str()).collect();
    assert_eq!((names, described.classes), (vec!["photos/train"], vec!["a".to_owned(), "b".to_owned()]));
    let warnings = &described.datasets[0].warnings;
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("val (images lie directly in it"), "{warnings:?}");
    assert!(warnings[1].contains("Annotations") && warnings[1].contains("--splits never"), "{warnings:?}");
    let error = server.connect().await.describe("photos").await.unwrap_err().to_string();
    assert!(error.contains("photos/train"), "{error}");
    drop(server);
    let whole = |config: &mut Config| {
        config.dataset[0].splits = "never".parse().unwrap();
        config.dataset[0].allow_empty_classes = true;
    };
    let server = Server::with(dataset.path(), whole).await;
    let described = server.connect().await.describe("photos").await.unwrap();
    assert_eq!(described.classes, ["Annotations", "train", "val"]);
    assert!(described.datasets[0].warnings.is_empty());
}

#[test]
fn commands_say_which_folder_they_want() {
    let (dataset, cache) = (with_flat_val(), TempDir::new().unwrap());
    let (sheet, train) = (cache.path().join("s.png"), dataset.path().join("train"));
    let preview = |folder: &Path| {
        bandwise(
            &cache,
            &["preview", "--curriculum", "none", "--dataset", text(folder), "--out", text(&sheet)],
        )
    };
    let bench = |folder: &Path| {
        let args = ["bench", "--curriculum", "none", "--seconds", "0.05", "--dataset", text(folder)];
        bandwise(&cache, &args)
    };
    for (said, code) in [preview(dataset.path()), bench(dataset.path())] {
        assert!(
            code == 1 && said.contains("holds the splits train") && said.contains(text(&train)),
            "{said}"
        );
    }
    for (said, code) in [preview(&dataset.path().join("val")), bench(&dataset.path().join("val"))] {
        assert!(
            code == 1 && said.contains("CLASS/IMAGE.jpg") && said.contains("1 images lie directly"),
            "{said}"
        );
    }
    for (said, code) in [preview(&train), bench(&train)] {
        assert_eq!(code, 0, "{said}");
    }
    let (said, code) = bandwise(&cache, &["check", "--json", text(dataset.path())]);
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &report["split"], &report["samples"]), (0, &"train".into(), &2.into()));
    assert_eq!(report["warnings"].as_array().unwrap().len(), 2, "{report}");
}

#[test]
fn check_lists_every_bad_sample_in_json() {
    let (dataset, cache) = (Dataset::new(), TempDir::new().unwrap());
    for n in 0..130 {
        dataset.file(&format!("a/{n:03}.jpg"), b"no image");
    }
    let (said, code) = bandwise(&cache, &["check", text(dataset.path())]);
    assert!(code == 1 && said.contains("and 80 more; --json lists all of them"), "{said}");
    let (said, _) = bandwise(&cache, &["check", "--json", text(dataset.path())]);
    let report: Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
    let bad = report["content"]["bad_samples"].as_array().unwrap();
    assert!(bad.iter().map(|bad| bad["sample"].as_u64().unwrap()).eq(0..130));
}

#[tokio::test(flavor = "multi_thread")]
async fn class_names_that_are_no_text_are_told_apart() {
    let dataset = Dataset::new();
    let names: [&[u8]; 2] = [b"caf\xe8", b"caf\xe9"];
    for name in names {
        let folder = dataset.path().join(OsStr::from_bytes(name));
        fs::create_dir(&folder).unwrap();
        fs::copy(photos().join("thing/cup.jpg"), folder.join("1.jpg")).unwrap();
    }
    let server = Server::start(dataset.path()).await;
    let described = server.connect().await.describe("photos").await.unwrap();
    assert_eq!(described.class_names, names);
    assert_eq!(described.classes, ["caf\u{fffd}"; 2]);
}

#[test]
fn two_datasets_of_one_name_are_an_error() {
    let dataset = with_flat_val();
    let named = |name: &str, path: &Path| DatasetConfig {
        name: name.to_owned(),
        path: path.to_owned(),
        ..DatasetConfig::default()
    };
    let config = Config {
        listen: vec!["unix:unused".to_owned()],
        dataset: vec![named("d/train", &photos()), named("d", dataset.path())],
        ..Config::default()
    };
    let settings = Settings::check(&config).unwrap();
    let error = open_datasets(&settings, |_| Box::new(NoProgress)).unwrap_err().to_string();
    assert!(error.contains("'d/train'"), "{error}");
}
