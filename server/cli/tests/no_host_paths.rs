//! Clients learn names within a dataset, never where it lies on the daemon's host. The daemon's own log says it.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod common;

use std::{
    collections::BTreeSet,
    fs::{self, File},
    os::unix::{
        fs::{PermissionsExt as _, symlink},
        net::UnixStream,
    },
    path::{Path, PathBuf},
    process::{Child, Command},
    time::{Duration, Instant, SystemTime},
};

use bandwise_client::{
    Address, Connection, Run, RunOptions,
    proto::{self, loader_client::LoaderClient},
};
use bandwise_proto::detail_of;
use common::{fleet::LIMIT, get_batch, photos};
use tempfile::TempDir;
use tonic::{Status, transport::Channel};

/// The folder of all datasets, and a word that is in no other text.
const SECRET: &str = "whereabouts";

/// A daemon as a process, with a log; its sockets lie elsewhere than its datasets.
struct Host {
    _datasets: TempDir,
    root: PathBuf,
    sockets: TempDir,
    child: Option<Child>,
}

impl Host {
    fn new() -> Self {
        let (datasets, sockets) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let root = datasets.path().join(SECRET);
        Self { _datasets: datasets, root, sockets, child: None }
    }

    fn file(&self, name: &str, content: &[u8]) {
        let path = self.root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn photo(&self, name: &str) {
        self.file(name, &cup());
    }

    fn socket(&self) -> PathBuf {
        self.sockets.path().join("a.sock")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.sockets.path().join("log")).unwrap()
    }

    /// A daemon that serves the folders under the root, by their names.
    fn start(&mut self, names: &[&str]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bandwise"));
        command.args(["serve", "--threads", "2"]).env("XDG_CACHE_HOME", self.root.join("cache"));
        command.arg("--listen").arg(format!("unix:{}", self.socket().display()));
        for name in names {
            command.arg("--dataset").arg(format!("{name}={}", self.root.join(name).display()));
        }
        command.env_remove("BANDWISE_LOG").stderr(File::create(self.sockets.path().join("log")).unwrap());
        self.child = Some(command.spawn().unwrap());
        let begun = Instant::now();
        while UnixStream::connect(self.socket()).is_err() {
            assert!(begun.elapsed() < LIMIT, "the daemon does not listen: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop();
    }
}

fn cup() -> Vec<u8> {
    fs::read(photos().join("thing/cup.jpg")).unwrap()
}

/// The texts that a client got.
#[derive(Default)]
struct Heard {
    /// Stable words of errors and substitutions.
    reasons: BTreeSet<String>,
    /// Texts of errors and warnings.
    texts: Vec<String>,
}

impl Heard {
    #[track_caller]
    fn text(&mut self, text: &str) {
        assert!(!text.contains(SECRET), "{text}");
        self.texts.push(text.to_owned());
    }

    #[track_caller]
    fn refusal(&mut self, status: &Status) {
        self.text(status.message());
        // Texts in a message are there as they are.
        self.text(&String::from_utf8_lossy(status.details()));
        let detail = detail_of(status).unwrap_or_else(|| panic!("{status:?}"));
        self.reasons.insert(detail.reason);
    }

    #[track_caller]
    fn answer<T: std::fmt::Debug>(&mut self, answer: Result<T, Status>) {
        match answer {
            Ok(answer) => self.text(&format!("{answer:?}")),
            Err(status) => self.refusal(&status),
        }
    }

    #[track_caller]
    fn has(&self, part: &str) {
        assert!(self.texts.iter().any(|text| text.contains(part)), "{part}: {:#?}", self.texts);
    }
}

/// One pass over a dataset in index order, a row a step.
fn eval(dataset: &str, policy: proto::BadSample) -> proto::Job {
    proto::Job {
        datasets: vec![proto::DatasetShare { name: dataset.to_owned(), weight: None }],
        curriculum: Some(proto::job::Curriculum::CurriculumName("none".to_owned())),
        epochs: 1.0,
        global_batch: 1,
        recipe: Some(proto::job::Recipe::RecipeName("eval".to_owned())),
        on_bad_sample: policy.into(),
        ..proto::Job::default()
    }
}

/// Samples of which each is odd in its own way, as soon as `spoil` has been called.
fn odd_dataset(host: &Host) {
    for name in ["missing", "grown", "folder", "circle", "locked", "good"] {
        host.photo(&format!("odd/a/{name}.jpg"));
    }
    host.photo("elsewhere/target.jpg");
    symlink(host.root.join("elsewhere/target.jpg"), host.root.join("odd/a/linked.jpg")).unwrap();
    symlink(host.root.join("elsewhere/never.jpg"), host.root.join("odd/a/broken_link.jpg")).unwrap();
    symlink(host.root.join("odd"), host.root.join("odd/a/up")).unwrap();
    let pipe = Command::new("mkfifo").arg(host.root.join("odd/a/pipe.jpg")).status().unwrap();
    assert!(pipe.success());
    host.file("odd/b/empty.jpg", b"");
    host.file("odd/b/text.jpg", b"not an image at all");
    host.file("odd/b/half.jpg", &cup()[..cup().len() / 2]);
    for (name, head) in [
        ("png", &b"\x89PNG\r\n\x1a\n"[..]),
        ("gif", b"GIF89a"),
        ("webp", b"RIFF\x10\0\0\0WEBPVP8 "),
        ("tiff", b"II*\0\x08\0\0\0"),
        ("bmp", b"BM"),
        ("heic", b"\0\0\0\x18ftypheic"),
    ] {
        host.file(&format!("odd/b/head_of.{name}"), &[head, &[1; 40]].concat());
        host.file(&format!("odd/b/head_of_{name}.jpg"), &[head, &[1; 40]].concat());
    }
}

/// The changes to files while a daemon serves them.
fn spoil(host: &Host) {
    let path = |name: &str| host.root.join("odd/a").join(name);
    fs::remove_file(path("missing.jpg")).unwrap();
    fs::write(path("grown.jpg"), [cup(), vec![0; 9]].concat()).unwrap();
    for name in ["folder.jpg", "circle.jpg"] {
        fs::remove_file(path(name)).unwrap();
    }
    fs::create_dir(path("folder.jpg")).unwrap();
    symlink(path("circle.jpg"), path("circle.jpg")).unwrap();
    fs::set_permissions(path("locked.jpg"), fs::Permissions::from_mode(0o000)).unwrap();
    fs::remove_file(host.root.join("elsewhere/target.jpg")).unwrap();
}

/// Folders that a daemon warns of, each for another reason.
fn odd_layouts(host: &Host) {
    for name in ["train/a/1", "train/b/1", "val/1", "test/x/1", "extra/a/1"] {
        host.photo(&format!("beside/{name}.jpg"));
    }
    symlink(host.root.join("nowhere"), host.root.join("beside/valid")).unwrap();
    for name in ["train/a/1", "train/b/1", "holiday/1"] {
        host.photo(&format!("classes/{name}.jpg"));
    }
    for name in ["train/1", "val/1"] {
        host.photo(&format!("flat/{name}.jpg"));
    }
}

/// Lets the files and folders look as if nothing had changed for an hour, so that the index is kept.
fn age(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            age(&entry.path());
        }
    }
    let then = SystemTime::UNIX_EPOCH + Duration::from_hours(480_000);
    File::open(folder).unwrap().set_modified(then).unwrap();
}

/// A dataset of which a file is written over at the same size between two starts.
fn rewritten_dataset(host: &mut Host) {
    host.photo("rewritten/a/1.jpg");
    host.photo("rewritten/a/2.jpg");
    age(&host.root.join("rewritten"));
    host.start(&["rewritten"]);
    host.stop();
    let path = host.root.join("rewritten/a/2.jpg");
    let mut bytes = cup();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    age(&host.root.join("rewritten"));
}

async fn client(host: &Host) -> LoaderClient<Channel> {
    let uri = format!("unix:{}", host.socket().display());
    LoaderClient::new(tonic::transport::Endpoint::from_shared(uri).unwrap().connect().await.unwrap())
}

/// All answers that are about a dataset as a whole.
async fn ask_about(client: &mut LoaderClient<Channel>, heard: &mut Heard, dataset: &str) {
    let of = |classes_of: &str| proto::DescribeRequest { classes_of: classes_of.to_owned() };
    heard.answer(client.describe(of(dataset)).await);
    heard.answer(client.plan(proto::PlanRequest { job: Some(eval(dataset, proto::BadSample::Fail)) }).await);
    for (sample_ids, digest) in [(vec![0, 1], 0), (vec![u64::MAX], 0), (vec![0], 32), (vec![0], 5)] {
        let expected_digest = vec![7; digest].into();
        let request = proto::SamplesRequest { dataset: dataset.to_owned(), expected_digest, sample_ids };
        heard.answer(client.samples(request).await);
    }
}

/// All answers about single batches, of a whole pass and beyond.
async fn ask_for_batches(client: &mut LoaderClient<Channel>, heard: &mut Heard, dataset: &str, steps: u64) {
    for policy in [proto::BadSample::Fail, proto::BadSample::Substitute, proto::BadSample::Zero] {
        for step in 0..=steps {
            let job = Some(eval(dataset, policy));
            let request = proto::GetBatchRequest { job, step, rows: 1, ..proto::GetBatchRequest::default() };
            match get_batch(client, request).await {
                Ok((header, _)) => {
                    heard.text(&format!("{header:?}"));
                    heard.reasons.extend(header.substitutions.into_iter().map(|made| made.reason));
                }
                Err(status) => heard.refusal(&status),
            }
        }
    }
}

/// Jobs that are refused.
async fn ask_wrongly(client: &mut LoaderClient<Channel>, heard: &mut Heard) {
    let good = || eval("odd", proto::BadSample::Fail);
    let toml = |text: &str| Some(proto::job::Curriculum::CurriculumToml(text.to_owned()));
    for job in [
        eval("other", proto::BadSample::Fail),
        proto::Job { curriculum: toml("stage = ["), ..good() },
        proto::Job { curriculum: toml("name = 'x'\n[[stage]]\nepochs = 1\nbandwidth = 7\n"), ..good() },
        proto::Job { recipe: Some(proto::job::Recipe::RecipeName("none".to_owned())), ..good() },
        proto::Job { global_batch: 1 << 40, ..good() },
    ] {
        heard.answer(client.plan(proto::PlanRequest { job: Some(job.clone()) }).await);
        let request = proto::GetBatchRequest { job: Some(job), rows: 1, ..proto::GetBatchRequest::default() };
        heard.answer(get_batch(client, request).await);
    }
    let expected_fingerprint = vec![7; 32].into();
    let request =
        proto::GetBatchRequest { job: Some(good()), rows: 1, expected_fingerprint, ..Default::default() };
    heard.answer(get_batch(client, request).await);
    let of = proto::DescribeRequest { classes_of: "other".to_owned() };
    heard.answer(client.describe(of).await);
}

/// The error with which a stream of batches ends a run.
async fn run(host: &Host, dataset: &str) -> String {
    let connection = Connection::open(&Address::Unix(host.socket())).await.unwrap();
    let options = RunOptions { patience: Duration::ZERO, ..RunOptions::default() };
    let mut run = Run::start(&connection, eval(dataset, proto::BadSample::Fail), &options).await.unwrap();
    loop {
        match run.next().await {
            Ok(batch) => assert!(batch.is_some(), "the run has ended well"),
            Err(error) => return error.to_string(),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_text_for_clients_says_where_datasets_lie() {
    let mut host = Host::new();
    odd_dataset(&host);
    odd_layouts(&host);
    rewritten_dataset(&mut host);
    host.start(&["odd", "beside", "classes", "flat", "rewritten"]);
    spoil(&host);
    let (mut client, mut heard) = (client(&host).await, Heard::default());
    for dataset in ["odd", "beside/train", "classes", "flat", "rewritten", "other"] {
        ask_about(&mut client, &mut heard, dataset).await;
    }
    let described = client.describe(proto::DescribeRequest::default()).await.unwrap().into_inner();
    let odd = described.datasets.iter().find(|dataset| dataset.name == "odd").unwrap();
    ask_for_batches(&mut client, &mut heard, "odd", odd.samples).await;
    ask_wrongly(&mut client, &mut heard).await;
    heard.text(&run(&host, "odd").await);
    // Nothing of all this was missing.
    for reason in [
        "unreadable",
        "empty",
        "unknown_format",
        "truncated",
        "unknown_dataset",
        "invalid_field",
        "digest_differs",
        "fingerprint_differs",
        "sample_out_of_range",
        "step_out_of_range",
    ] {
        assert!(heard.reasons.contains(reason), "{reason}: {:?}", heard.reasons);
    }
    for part in [
        "is missing",
        "bytes and had",
        "not a regular file",
        "cannot be read",
        "is broken",
        "leads back",
        "not served beside",
        "were taken for classes",
        "looks like a split",
        "written over",
        "a/missing.jpg",
    ] {
        heard.has(part);
    }
    let log = host.log();
    assert!(log.contains(&format!("{SECRET}/odd/a/")) && log.contains("unreadable sample"), "{log}");
}
