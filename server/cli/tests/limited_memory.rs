//! A daemon whose memory is limited lives on when it runs out: rows that cannot be kept are made again.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod common;

use std::{fs, path::Path, time::Duration};

use bandwise_client::{Address, Run, RunOptions, Transport, proto};
use common::{
    Dataset,
    process::{Process, connect},
};
use rustix::process::{Pid, Resource, Rlimit, prlimit};

const MIB: u64 = 1 << 20;

/// Beyond what the daemon has mapped before its first batch: less than it is told that it may take.
const LEFT_MIB: u64 = 420;

fn start(folder: &Path, dataset: &Path) -> (Process, Address) {
    let (socket, config) = (folder.join("l.sock"), folder.join("bandwise.toml"));
    let text = format!(
        "listen = ['unix:{}']\nthreads = 2\nprefetch_mib = 4096\nreplay_memory_mib = 4096\n\
         replay_shortage = 'recompute'\ncache_dir = '{}'\n[[dataset]]\nname = 'd'\npath = '{}'\n",
        socket.display(),
        folder.join("cache").display(),
        dataset.display()
    );
    fs::write(&config, text).unwrap();
    let log = fs::File::create(folder.join("log")).unwrap();
    (Process::serve(|command| command.arg("--config").arg(config).stderr(log)), Address::Unix(socket))
}

/// Limits the memory to what is mapped now and some more.
fn limit(daemon: &Process) {
    let limit = Rlimit { current: Some(daemon.status_kib("VmSize") * 1024 + LEFT_MIB * MIB), maximum: None };
    prlimit(Some(Pid::from_child(&daemon.0)), Resource::As, limit).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_cannot_be_kept_are_made_again() {
    let (pictures, folder) = (Dataset::new(), tempfile::TempDir::new().unwrap());
    let photo = fs::read_dir(common::photos().join("nature")).unwrap().next().unwrap().unwrap().path();
    let name = format!("nature/{}", photo.file_name().unwrap().display());
    for i in 0..64 {
        pictures.photo(&format!("a/{i}.jpg"), &name);
    }
    let (mut daemon, address) = start(folder.path(), pictures.path());
    let connection = connect(&address).await;
    limit(&daemon);
    // 32 rows of 588 KiB a step: the buffer wants several times what there is.
    let curriculum = "name = 'r'\nsplit = 'steps'\nwarmup_share = 0\n[[stage]]\nshare = 1\nbandwidth = 224\n\
                      magnitude = 0\nreplay = 2\nreplay_buffer = 64\n";
    let job = proto::Job {
        datasets: vec![proto::DatasetShare { name: "d".to_owned(), weight: None }],
        curriculum: Some(proto::job::Curriculum::CurriculumToml(curriculum.to_owned())),
        recipe: Some(proto::job::Recipe::RecipeName("plain".to_owned())),
        epochs: 100.0,
        dtype: proto::Dtype::F32.into(),
        ..common::job(64)
    };
    let options = RunOptions {
        steps: Some(40),
        window: 3,
        transport: Transport::Grpc,
        patience: Duration::from_secs(10),
        ..RunOptions::default()
    };
    let mut run = Run::start(&connection, job, &options).await.unwrap();
    let mut steps = 0;
    while let Some(batch) = run.next().await.unwrap() {
        assert_eq!(batch.rows(), 64);
        steps += 1;
    }
    assert_eq!(steps, 40);
    assert!(daemon.0.try_wait().unwrap().is_none(), "the daemon has ended");
    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    let warnings = log.lines().filter(|line| line.contains("no memory for rows")).count();
    assert!((1..=3).contains(&warnings), "{warnings} warnings:\n{log}");
}
