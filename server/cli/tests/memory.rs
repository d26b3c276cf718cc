//! The daemon's memory does not grow with the number of streams that came and went.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod common;

use std::{fs, path::Path, time::Duration};

use bandwise_client::{Address, Expected, Run, RunOptions, Transport, proto};
use common::{
    job, photos,
    process::{Process, connect},
};

fn start(socket: &Path) -> Process {
    Process::serve(|command| {
        command
            .args(["--threads", "2", "--prefetch-mib", "32"])
            .arg("--dataset")
            .arg(format!("photos={}", photos().display()))
            .arg("--listen")
            .arg(format!("unix:{}", socket.display()))
            .env("XDG_CACHE_HOME", socket.parent().unwrap())
    })
}

/// Open descriptors.
fn open_descriptors(process: &Process) -> usize {
    fs::read_dir(format!("/proc/{}/fd", process.0.id())).unwrap().count()
}

/// Opens `count` streams of alternating sizes one after the other and drops each in the middle of a batch.
///
/// All want the same crops: resize weights are kept by size, and would grow with every new one.
async fn churn(address: &Address, count: u64) {
    let connection = connect(address).await;
    for i in 0..count {
        let mut job = job(12);
        job.dtype = if i % 2 == 0 { proto::Dtype::U8 } else { proto::Dtype::F32 }.into();
        let mut stream = connection.stream(job, Expected::default()).await.unwrap();
        stream.want(proto::WantSteps { first_step: 0, count: 7, stride: 1, first_row: 0, rows: 12 });
        if i % 4 != 0 {
            stream.next().await.unwrap().unwrap();
        }
    }
}

/// Opens `count` runs through shared memory and drops each with batches in hand and on the way.
async fn churn_shared(address: &Address, count: u64) {
    let connection = connect(address).await;
    for i in 0..count {
        let mut job = proto::Job { seed: i % 5, ..job(12) };
        job.dtype = if i % 2 == 0 { proto::Dtype::U8 } else { proto::Dtype::F32 }.into();
        let options = RunOptions { transport: Transport::SharedMemory, window: 3, ..RunOptions::default() };
        let mut run = Run::start(&connection, job, &options).await.unwrap();
        let mut held = Vec::new();
        for _ in 0..i % 4 {
            held.push(run.next().await.unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_streams_with_shared_memory_leave_nothing() {
    let folder = tempfile::TempDir::new().unwrap();
    let socket = folder.path().join("m.sock");
    let process = start(&socket);
    let address = Address::Unix(socket);
    churn_shared(&address, 200).await;
    let (before, descriptors) = (process.status_kib("VmRSS"), open_descriptors(&process));
    churn_shared(&address, 100).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let (after, now) = (process.status_kib("VmRSS"), open_descriptors(&process));
    // Resident memory counts what is mapped and shared as well: one pool that stays would be several times as much.
    assert!(after as f64 <= before as f64 * 1.1, "{before} KiB grew to {after} KiB");
    assert!(now <= descriptors, "{descriptors} descriptors became {now}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_dropped_streams_leave_nothing() {
    let folder = tempfile::TempDir::new().unwrap();
    let socket = folder.path().join("m.sock");
    let process = start(&socket);
    let address = Address::Unix(socket);
    // Scratch memory, kept blocks and allocator arenas reach their size first.
    churn(&address, 200).await;
    let mut looks = Vec::new();
    for _ in 0..12 {
        churn(&address, 40).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        looks.push(process.status_kib("VmRSS"));
    }
    // Some of that grows late, at once and once: another arena, pages of a kept block that were never written before.
    // What every stream leaves behind shows between all looks.
    let mut growth: Vec<u64> = looks.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
    growth.sort_unstable();
    assert!(growth[growth.len() / 2] <= 40, "more than 1 KiB a stream: {looks:?} KiB");
    assert!(looks[11] <= looks[0] + (32 << 10), "more than the budget: {looks:?} KiB");
}
