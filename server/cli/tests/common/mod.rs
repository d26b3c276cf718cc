//! A real daemon on a private Unix socket, and a real client for it.

#![allow(dead_code, unreachable_pub, reason = "every test file uses a part")]

pub mod fleet;
pub mod logged;
pub mod process;
pub mod sharing;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use bandwise_client::{Connection, RankShare, Run, RunOptions, Transport, proto};
use bandwise_dataset::NoProgress;
use bandwise_server::{
    config::{Config, DatasetConfig, Settings},
    server::{Daemon, open_datasets},
};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// The photographs that are part of the binary.
pub fn photos() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/photos")
}

/// A daemon that ends with the value.
pub struct Server {
    pub daemon: Daemon,
    folder: TempDir,
}

impl Server {
    /// A daemon with 2 threads that serves `dataset` as `photos`.
    pub async fn start(dataset: &Path) -> Self {
        Self::with(dataset, |_| {}).await
    }

    /// The same with changes to its configuration.
    pub async fn with(dataset: &Path, change: impl FnOnce(&mut Config)) -> Self {
        let folder = TempDir::new().unwrap();
        let mut config = Config {
            listen: vec![format!("unix:{}", folder.path().join("test.sock").display())],
            threads: 2,
            drain_seconds: 5,
            dataset: vec![DatasetConfig {
                name: "photos".to_owned(),
                path: dataset.to_owned(),
                ..DatasetConfig::default()
            }],
            cache_dir: Some(folder.path().join("cache")),
            ..Config::default()
        };
        change(&mut config);
        let settings = Settings::check(&config).unwrap();
        let catalog = open_datasets(&settings, |_| Box::new(NoProgress)).unwrap();
        Self { daemon: Daemon::start(&settings, catalog).await.unwrap(), folder }
    }

    pub async fn connect(&self) -> Connection {
        Connection::open(&self.daemon.addresses()[0]).await.unwrap()
    }

    /// The address as a plain gRPC client writes it.
    pub fn uri(&self) -> String {
        self.daemon.addresses()[0].to_string()
    }
}

/// The photographs under `efficienttrain++`, in steps of `global_batch` rows, with small half-precision batches.
pub fn job(global_batch: u64) -> proto::Job {
    proto::Job {
        datasets: vec![proto::DatasetShare { name: "photos".to_owned(), weight: None }],
        curriculum: Some(proto::job::Curriculum::CurriculumName("efficienttrain++".to_owned())),
        epochs: 10.0,
        global_batch,
        seed: 7,
        dtype: proto::Dtype::F16.into(),
        ..proto::Job::default()
    }
}

/// What a row was: sample and SHA-256 of the image, by (step, row).
pub type Rows = BTreeMap<(u64, u64), (u64, [u8; 32])>;

/// Pulls `steps` steps for one rank, over gRPC.
pub async fn pull(
    connection: &Connection,
    job: proto::Job,
    share: RankShare,
    steps: std::ops::Range<u64>,
) -> Rows {
    let options = RunOptions {
        share,
        from_step: steps.start,
        steps: Some(steps.end - steps.start),
        window: 3,
        transport: Transport::Grpc,
        ..RunOptions::default()
    };
    let mut run = Run::start(connection, job, &options).await.unwrap();
    let mut rows = Rows::new();
    while let Some(batch) = run.next().await.unwrap() {
        for (i, &sample) in batch.header().sample_ids.iter().enumerate() {
            let digest = Sha256::digest(batch.image(i)).into();
            let before = rows.insert((batch.step(), batch.first_row() + i as u64), (sample, digest));
            assert!(before.is_none(), "a row came twice");
        }
    }
    rows
}

/// Pulls everything as the only rank.
pub async fn pull_all(connection: &Connection, job: proto::Job, steps: std::ops::Range<u64>) -> Rows {
    pull(connection, job, RankShare::default(), steps).await
}

/// A folder of class folders that a test fills.
pub struct Dataset(pub TempDir);

impl Dataset {
    pub fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// A photograph, by its path below the photographs.
    pub fn photo(&self, name: &str, photo: &str) -> PathBuf {
        self.file(name, &fs::read(photos().join(photo)).unwrap())
    }
}

/// One batch by `GetBatch`, from its parts.
pub async fn get_batch(
    client: &mut proto::loader_client::LoaderClient<tonic::transport::Channel>,
    request: proto::GetBatchRequest,
) -> Result<(proto::BatchHeader, Vec<u8>), tonic::Status> {
    let mut parts = client.get_batch(request).await?.into_inner();
    let header = parts.message().await?.unwrap().header.expect("the first part is the header");
    let mut bytes = Vec::new();
    while let Some(part) = parts.message().await? {
        assert_eq!(part.offset, bytes.len() as u64);
        bytes.extend_from_slice(&part.data);
    }
    Ok((header, bytes))
}

/// A plain generated client.
pub async fn raw_client(server: &Server) -> proto::loader_client::LoaderClient<tonic::transport::Channel> {
    let channel = tonic::transport::Endpoint::from_shared(server.uri()).unwrap().connect().await.unwrap();
    proto::loader_client::LoaderClient::new(channel)
}
