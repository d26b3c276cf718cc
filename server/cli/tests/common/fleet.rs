//! Daemons as processes of their own, which can be killed, stopped and started again; and tiny pictures for them.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use bandwise_client::{Address, DaemonReport, RankShare, Run, RunOptions, proto};
use image::{ExtendedColorType, ImageEncoder as _, codecs::png::PngEncoder};
use rustix::process::{Pid, Signal, kill_process};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::sync::Barrier;

use super::{Dataset, Rows};

/// A hang is a failure.
pub const LIMIT: Duration = Duration::from_mins(1);

/// Steps of 24 rows, 4 an epoch, 20 epochs; the stages begin at steps 0, 24 and 48.
pub const STEPS: u64 = 80;
pub const GLOBAL_BATCH: u64 = 24;
pub const STEPS_PER_EPOCH: u64 = 4;
pub const BORDERS: [u64; 2] = [24, 48];

/// Samples of [`pictures`]: 4 are left over in each epoch.
pub const SAMPLES: u64 = 100;

const CURRICULUM: &str = "name = 'tiny'\nbase = 32\n\
    [[stage]]\nepochs = 6\nbandwidth = 16\nmagnitude = 1\n\
    [[stage]]\nepochs = 6\nbandwidth = 24\nmagnitude = 5\n\
    [[stage]]\nepochs = 8\nbandwidth = 32\nmagnitude = 9\n";

/// Noise of 8 to 16 pixels a side, in three classes.
pub fn pictures(samples: u64) -> Dataset {
    let dataset = Dataset::new();
    for sample in 0..samples {
        let side = 8 + sample as u32 % 9;
        let pixels: Vec<u8> = (0..side * side * 3)
            .map(|i| (u64::from(i) * 2_654_435_761 + sample * 40_503).to_le_bytes()[1])
            .collect();
        let mut file = Vec::new();
        PngEncoder::new(&mut file).write_image(&pixels, side, side, ExtendedColorType::Rgb8).unwrap();
        dataset.file(&format!("{}/{sample:04}.png", ["a", "b", "c"][sample as usize % 3]), &file);
    }
    dataset
}

/// A job over [`pictures`].
pub fn tiny_job() -> proto::Job {
    proto::Job {
        datasets: vec![proto::DatasetShare { name: "tiny".to_owned(), weight: None }],
        curriculum: Some(proto::job::Curriculum::CurriculumToml(CURRICULUM.to_owned())),
        epochs: 20.0,
        global_batch: GLOBAL_BATCH,
        seed: 3,
        dtype: proto::Dtype::F16.into(),
        ..proto::Job::default()
    }
}

/// A daemon of one thread, killed with the value.
pub struct Process {
    child: Child,
    socket: PathBuf,
    dataset: PathBuf,
}

impl Process {
    /// A daemon that serves `dataset` as `tiny` and listens.
    pub fn start(socket: PathBuf, dataset: &Path) -> Self {
        let child = spawn(&socket, dataset);
        let process = Self { child, socket, dataset: dataset.to_owned() };
        process.wait_until_it_listens();
        process
    }

    pub fn address(&self) -> Address {
        Address::Unix(self.socket.clone())
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; waits for the end.
    pub async fn terminate(&mut self) {
        self.signal(Signal::TERM);
        let begun = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < LIMIT, "the daemon does not end");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Another daemon in the place of one that has ended.
    pub fn start_again(&mut self) {
        self.child = spawn(&self.socket, &self.dataset);
        self.wait_until_it_listens();
    }

    fn wait_until_it_listens(&self) {
        let begun = Instant::now();
        while UnixStream::connect(&self.socket).is_err() {
            assert!(begun.elapsed() < LIMIT, "the daemon does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn spawn(socket: &Path, dataset: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_bandwise"))
        .args(["serve", "--threads", "1", "--prefetch-mib", "64"])
        .arg("--dataset")
        .arg(format!("tiny={}", dataset.display()))
        .arg("--listen")
        .arg(format!("unix:{}", socket.display()))
        .env("XDG_CACHE_HOME", socket.parent().unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Several daemons over one dataset.
pub struct Fleet {
    pub daemons: Vec<Process>,
    pub pictures: Dataset,
    pub folder: TempDir,
}

impl Fleet {
    pub fn start(daemons: usize, samples: u64) -> Self {
        let (pictures, folder) = (pictures(samples), TempDir::new().unwrap());
        let socket = |i: usize| folder.path().join(format!("{i}.sock"));
        let daemons = (0..daemons).map(|i| Process::start(socket(i), pictures.path())).collect();
        Self { daemons, pictures, folder }
    }

    pub fn addresses(&self) -> Vec<Address> {
        self.daemons.iter().map(Process::address).collect()
    }
}

/// A place where all ranks wait while something happens.
#[derive(Clone)]
pub struct Halt {
    step: u64,
    meeting: Arc<Barrier>,
}

impl Halt {
    /// Before the first batch of `step` of each of `ranks` ranks.
    pub fn at(step: u64, ranks: u64) -> Self {
        Self { step, meeting: Arc::new(Barrier::new(ranks as usize + 1)) }
    }

    /// Waits until all ranks are here, or lets them go on: call it before and behind what happens.
    pub async fn meet(&self) {
        tokio::time::timeout(LIMIT, self.meeting.wait()).await.expect("the ranks go on");
    }
}

/// What a rank has pulled.
pub struct Pulled {
    pub rows: Rows,
    pub daemons: Vec<DaemonReport>,
}

/// Pulls for one rank; at each halt it waits twice.
pub async fn pull_rank(
    addresses: Vec<Address>,
    job: proto::Job,
    options: RunOptions,
    halts: Vec<Halt>,
) -> Pulled {
    let mut halts = halts.into_iter().peekable();
    let mut run = Run::with_daemons(&addresses, job, &options).await.unwrap();
    let mut rows = Rows::new();
    while let Some(batch) = tokio::time::timeout(LIMIT, run.next()).await.expect("a batch comes").unwrap() {
        for (i, &sample) in batch.header().sample_ids.iter().enumerate() {
            let digest = Sha256::digest(batch.image(i)).into();
            let before = rows.insert((batch.step(), batch.first_row() + i as u64), (sample, digest));
            assert!(before.is_none(), "a row came twice");
        }
        if let Some(halt) = halts.next_if(|halt| batch.step() + 1 >= halt.step) {
            drop(batch);
            halt.meet().await;
            halt.meet().await;
        }
    }
    Pulled { rows, daemons: run.daemons() }
}

/// Starts all ranks of a world.
pub fn start_ranks(
    addresses: &[Address],
    job: &proto::Job,
    options: &RunOptions,
    halts: &[Halt],
) -> Vec<tokio::task::JoinHandle<Pulled>> {
    let RankShare { world_size, accumulate, .. } = options.share;
    (0..world_size)
        .map(|rank| {
            let share = RankShare { rank, world_size, accumulate };
            let options = RunOptions { share, ..options.clone() };
            tokio::spawn(pull_rank(addresses.to_vec(), job.clone(), options, halts.to_vec()))
        })
        .collect()
}

/// All rows of all ranks, and what the daemons have done for them.
pub async fn finish(ranks: Vec<tokio::task::JoinHandle<Pulled>>) -> (Rows, Vec<Vec<DaemonReport>>) {
    let (mut rows, mut reports) = (Rows::new(), Vec::new());
    for rank in ranks {
        let mut pulled = rank.await.unwrap();
        let before = rows.len() + pulled.rows.len();
        rows.append(&mut pulled.rows);
        assert_eq!(rows.len(), before, "two ranks had the same row");
        reports.push(pulled.daemons);
    }
    (rows, reports)
}

/// Every epoch shows each sample once, except for what its last step leaves over.
pub fn each_sample_once_an_epoch(rows: &Rows, samples: u64, global_batch: u64) {
    let steps = samples / global_batch;
    let mut epochs: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for ((step, _), (sample, _)) in rows {
        epochs.entry(step / steps).or_default().push(*sample);
    }
    for (epoch, mut shown) in epochs {
        shown.sort_unstable();
        let len = shown.len();
        shown.dedup();
        assert_eq!((shown.len(), len as u64), (len, steps * global_batch), "epoch {epoch}");
        assert!(shown.iter().all(|&sample| sample < samples), "epoch {epoch}");
    }
}

/// A copy of a dataset whose files can be changed on their own.
pub fn copy_of(dataset: &Dataset) -> Dataset {
    let copy = Dataset::new();
    for class in fs::read_dir(dataset.path()).unwrap() {
        for file in fs::read_dir(class.unwrap().path()).unwrap() {
            let file = file.unwrap().path();
            let name = file.strip_prefix(dataset.path()).unwrap();
            copy.file(name.to_str().unwrap(), &fs::read(&file).unwrap());
        }
    }
    copy
}
