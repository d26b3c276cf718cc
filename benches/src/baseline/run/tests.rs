//! The whole bench once, on a tiny corpus and with a daemon in this process.

use std::path::Path;

use bandwise_client::Connection;
use bandwise_dataset::NoProgress;
use bandwise_server::{
    config::{Config, DatasetConfig, Settings as DaemonSettings},
    server::{Daemon as InProcess, open_datasets},
};
use clap::ValueEnum as _;
use tempfile::TempDir;

use super::*;
use crate::corpus::{MakeOptions, make};

const IMAGES: u64 = 24;

fn corpus(folder: &Path) -> Corpus {
    let options = MakeOptions {
        from: Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/assets/photos"),
        out: folder.join("corpus"),
        images: IMAGES,
        classes: 3,
        seed: 5,
        mean_bytes: 40_000.0,
    };
    make(&options, || {}).unwrap();
    Corpus::load(&options.out).unwrap()
}

fn source(connection: &Connection) -> Source<'_> {
    Source { connection, dataset: "tiny", batch: settings().batch, process: None }
}

fn settings() -> Settings {
    Settings { rounds: 1, threads: 1, time: Duration::from_millis(1), batch: 2 }
}

async fn daemon(folder: &Path, dataset: &Path) -> (InProcess, Connection) {
    let config = Config {
        listen: vec![format!("unix:{}", folder.join("test.sock").display())],
        threads: 1,
        cache_dir: Some(folder.join("cache")),
        dataset: vec![DatasetConfig {
            name: "tiny".to_owned(),
            path: dataset.to_owned(),
            ..DatasetConfig::default()
        }],
        ..Config::default()
    };
    let settings = DaemonSettings::check(&config).unwrap();
    let catalog = open_datasets(&settings, |_| Box::new(NoProgress)).unwrap();
    let daemon = InProcess::start(&settings, catalog).await.unwrap();
    let connection = Connection::open(&daemon.addresses()[0]).await.unwrap();
    (daemon, connection)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_subject_is_measured() {
    let folder = TempDir::new().unwrap();
    let corpus = corpus(folder.path());
    let (_daemon, connection) = daemon(folder.path(), &corpus.folder).await;
    let mut asked = Vec::new();
    let (settings, source) = (settings(), source(&connection));
    let run = with_daemon(&corpus, &settings, &source, |subject| asked.push(subject.clone()));
    let outcome = run.await.unwrap();
    assert_eq!(asked, Subject::all());
    assert!(outcome.subjects.iter().all(|subject| subject.images_per_cpu_s.rate.min > 0.0), "{outcome:?}");
    assert_eq!(outcome.subjects[0].images_per_s.of_whole_frames.median, 1.0);
}

#[test]
fn each_loop_is_measured_alone() {
    let folder = TempDir::new().unwrap();
    let mut corpus = corpus(folder.path());
    for &which in BareLoop::value_variants() {
        assert!(loop_rate(which, &corpus, 1, Duration::from_millis(1)).unwrap().per_s > 0.0, "{which:?}");
    }
    // Behind the files that are compared beforehand: the loop itself has to find it.
    corpus.files[20..].fill(b"no JPEG".to_vec());
    for &which in BareLoop::value_variants() {
        loop_rate(which, &corpus, 1, Duration::from_mins(1)).unwrap_err();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_with_other_files_is_found_out() {
    let folder = TempDir::new().unwrap();
    let mut corpus = corpus(folder.path());
    let (_daemon, connection) = daemon(folder.path(), &corpus.folder).await;
    corpus.files.reverse();
    let error = with_daemon(&corpus, &settings(), &source(&connection), |_| {}).await.unwrap_err();
    assert!(error.to_string().contains("is not what the recipe gives"), "{error}");
}
