//! Shared memory beyond its stream: counted while a trainer has it, and gone afterwards, whatever the trainer keeps.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod common;

use std::{
    os::linux::fs::MetadataExt as _,
    process::{Child, Command, Stdio},
    time::Duration,
};

use bandwise_client::{Address, Batch, Run, RunOptions, Transport, proto};
use common::{
    Server, job, photos,
    process::{Process, connect},
    sharing::{Fetched, Raw, counted, wait_for, wait_for_nothing},
};
use rustix::process::{Pid, Signal, kill_process};
use sha2::{Digest as _, Sha256};

/// Slots of [`Raw`] in whole pages.
const SLOT: u64 = 2_002_944;

fn shared(steps: u64) -> RunOptions {
    let (transport, patience) = (Transport::SharedMemory, Duration::ZERO);
    RunOptions { transport, steps: Some(steps), window: 3, patience, ..RunOptions::default() }
}

/// A stream of which all three slots are handed out.
async fn handed_out(server: &Server) -> (Raw, Fetched) {
    let mut raw = Raw::open(server).await;
    let fetched = raw.fetch(server);
    raw.want(3).await;
    for _ in 0..3 {
        raw.slot().await;
    }
    (raw, fetched)
}

fn digest(batch: &Batch) -> Vec<u8> {
    Sha256::digest(batch.images()).to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_descriptor_keeps_no_memory() {
    let server = Server::start(&photos()).await;
    let (raw, mut fetched) = handed_out(&server).await;
    let (grant, before) = (raw.grant.clone(), fetched.taken());
    let batch = fetched.bytes(&grant, 1);
    drop(raw);
    wait_for(&server, "the stream is over", |it| it.streams == 0).await;
    wait_for(&server, "all slots are kept", |it| (it.kept_bytes, it.shared_bytes) == (3 * SLOT, 3 * SLOT))
        .await;
    assert_eq!((fetched.taken(), fetched.bytes(&grant, 1)), (before, batch.clone()));
    // One slot is still held.
    fetched.tell_held(1 << 1);
    wait_for(&server, "two slots come back", |it| (it.kept_bytes, it.shared_bytes) == (SLOT, SLOT)).await;
    assert!(fetched.taken() <= before / 2, "{} of {before} bytes", fetched.taken());
    assert!(fetched.bytes(&grant, 1) == batch);
    // A slot that was given back does not come again.
    fetched.tell_held(u64::MAX);
    let Fetched { file, lease } = fetched;
    drop(lease);
    wait_for_nothing(&server).await;
    let kept = Fetched { file, lease: std::os::unix::net::UnixStream::pair().unwrap().0 };
    assert_eq!(kept.taken(), 0, "the descriptor is there, and no memory");
    assert!(kept.bytes(&grant, 1).iter().all(|&byte| byte == 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_handed_out_goes_with_the_stream() {
    let server = Server::start(&photos()).await;
    let mut raw = Raw::open(&server).await;
    let fetched = raw.fetch(&server);
    raw.want(3).await;
    let slots = [raw.slot().await, raw.slot().await, raw.slot().await];
    let three = fetched.taken();
    raw.release(slots.to_vec()).await;
    // The daemon has read the release when it has answered what comes behind it.
    raw.want(1).await;
    let last = raw.slot().await;
    raw.release(vec![last]).await;
    raw.want(1).await;
    let last = raw.slot().await;
    drop(raw);
    wait_for(&server, "one slot is kept", |it| (it.streams, it.shared_bytes) == (0, SLOT)).await;
    let one = fetched.taken();
    assert!(0 < one && one <= three / 2, "{three} bytes of three slots became {one}, with slot {last}");
    drop(fetched);
    wait_for_nothing(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openings_of_one_client_stay_within_its_share() {
    let budget = 20 << 20;
    let server = Server::with(&photos(), |config| config.shared_memory_mib = 20).await;
    let (mut kept, mut refused) = (Vec::new(), 0);
    for _ in 0..20 {
        let mut raw = Raw::open(&server).await;
        if raw.grant.token.is_empty() {
            assert_eq!(raw.grant.refusal_reason, "share_of_client", "{}", raw.grant.refusal);
            // The stream goes on, over gRPC.
            raw.want(1).await;
            let part = raw.parts.message().await.unwrap().unwrap();
            assert!(part.header.is_some() && part.slot.is_none());
            refused += 1;
            continue;
        }
        let fetched = raw.fetch(&server);
        raw.want(u64::from(raw.grant.slots)).await;
        for _ in 0..raw.grant.slots {
            raw.slot().await;
        }
        kept.push(fetched);
        drop(raw);
        let taken: u64 = kept.iter().map(Fetched::taken).sum();
        let counted = counted(&server).shared_bytes;
        assert!(taken <= counted && counted <= budget / 4 * 3, "{taken} of {counted} bytes");
    }
    assert!(!kept.is_empty() && refused > 10);
    // Another client still gets memory.
    assert!(pull_shared(&server).wait().unwrap().success());
    // Descriptors are kept, leases are not.
    let (files, leases): (Vec<_>, Vec<_>) = kept.into_iter().map(|it| (it.file, it.lease)).unzip();
    drop(leases);
    wait_for_nothing(&server).await;
    assert_eq!(files.iter().map(|file| file.metadata().unwrap().st_blocks()).sum::<u64>(), 0);
}

/// Another client on this host, for two steps of the same job.
fn pull_shared(server: &Server) -> Child {
    Command::new(env!("CARGO_BIN_EXE_bandwise"))
        .args(["pull", "--connect", &server.uri(), "--dataset", "photos", "--transport", "shm"])
        .args(["--curriculum", "none", "--epochs", "9", "--batch-size", "2", "--steps", "2"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_stream_leaves_memory_to_others_and_auto_takes_grpc() {
    let server = Server::with(&photos(), |config| config.shared_memory_mib = 12).await;
    let connection = server.connect().await;
    let idle = Run::start(&connection, job(4), &RunOptions { window: 60, ..shared(90) }).await.unwrap();
    assert_eq!(idle.transport(), Transport::SharedMemory);
    let error = Run::start(&connection, job(4), &shared(3)).await.unwrap_err().to_string();
    assert!(error.contains("one client may have 9437184 of 12582912"), "{error}");
    let auto = RunOptions { transport: Transport::Auto, ..shared(3) };
    let mut auto = Run::start(&connection, job(4), &auto).await.unwrap();
    assert_eq!(auto.transport(), Transport::Grpc);
    assert_eq!(auto.next().await.unwrap().unwrap().rows(), 4);
    assert!(pull_shared(&server).wait().unwrap().success());
    drop((idle, auto));
    wait_for_nothing(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_behind_another_gets_as_much_memory() {
    let server = Server::with(&photos(), |config| config.shared_memory_mib = 256).await;
    let request = || proto::SharedMemoryRequest { slots: 16, slot_bytes: 10 << 20, lease: true };
    let mut client = common::raw_client(&server).await;
    for _ in 0..6 {
        let mut raw = Raw::ask_over(&mut client, request()).await;
        assert_eq!(raw.grant.slots, 16, "{}", raw.grant.refusal);
        let fetched = raw.fetch(&server);
        raw.want(4).await;
        let slots = [raw.slot().await, raw.slot().await];
        raw.release(slots.to_vec()).await;
        drop((raw, fetched));
        // Its memory may be on its way back when the next one opens.
        wait_for(&server, "the stream is over", |it| it.streams == 0).await;
    }
    wait_for_nothing(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_without_a_lease_get_no_memory() {
    let server = Server::start(&photos()).await;
    let request = proto::SharedMemoryRequest { slots: 3, slot_bytes: 2_000_000, lease: false };
    let mut old = Raw::ask(&server, request).await;
    assert_eq!((old.grant.refusal_reason.as_str(), old.grant.token.len()), ("no_lease", 0));
    assert!(old.grant.refusal.contains("update the client"), "{}", old.grant.refusal);
    old.want(1).await;
    assert!(old.parts.message().await.unwrap().unwrap().slot.is_none());
    assert!(!old.parts.message().await.unwrap().unwrap().data.is_empty(), "batches come over gRPC");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_ends_before_its_stream_keeps_nothing() {
    let server = Server::start(&photos()).await;
    let (mut raw, Fetched { file, lease }) = handed_out(&server).await;
    drop(lease);
    // The stream goes on: of its slots, only it says who has them.
    raw.release(vec![2]).await;
    raw.want(1).await;
    assert_eq!(raw.slot().await, 2);
    drop(raw);
    wait_for_nothing(&server).await;
    let kept = Fetched { file, lease: std::os::unix::net::UnixStream::pair().unwrap().0 };
    assert_eq!(kept.taken(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_stops_waits_for_no_lease_and_leaves_batches_as_they_are() {
    let server = Server::with(&photos(), |config| config.drain_seconds = 3600).await;
    let connection = server.connect().await;
    let mut run = Run::start(&connection, job(4), &shared(30)).await.unwrap();
    let batches = [run.next().await.unwrap().unwrap(), run.next().await.unwrap().unwrap()];
    let digests = batches.each_ref().map(digest);
    drop((run, connection));
    wait_for(&server, "the stream is over", |it| it.streams == 0 && it.kept_bytes > 0).await;
    let Server { daemon, .. } = server;
    tokio::time::timeout(Duration::from_mins(2), daemon.stop()).await.expect("leases hold up the daemon");
    assert_eq!(batches.each_ref().map(digest), digests);
}

fn start(socket: &std::path::Path) -> Process {
    let config = socket.with_file_name("bandwise.toml");
    std::fs::write(&config, "drain_seconds = 1\n").unwrap();
    Process::serve(|command| {
        command
            .args(["--threads", "1", "--config"])
            .arg(config)
            .args(["--dataset", &format!("photos={}", photos().display())])
            .arg("--listen")
            .arg(format!("unix:{}", socket.display()))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_daemon_empties_nothing_that_a_trainer_holds() {
    for ends_by_itself in [true, false] {
        let folder = tempfile::TempDir::new().unwrap();
        let socket = folder.path().join("s.sock");
        let mut daemon = start(&socket);
        let connection = connect(&Address::Unix(socket)).await;
        // Of a stream that is over, and of one that runs.
        let mut over = Run::start(&connection, job(4), &shared(30)).await.unwrap();
        let first = over.next().await.unwrap().unwrap();
        drop(over);
        let mut run = Run::start(&connection, job(4), &shared(30)).await.unwrap();
        let second = run.next().await.unwrap().unwrap();
        assert!(first.is_shared() && second.is_shared());
        let digests = (digest(&first), digest(&second));
        if ends_by_itself {
            kill_process(Pid::from_child(&daemon.0), Signal::TERM).unwrap();
        } else {
            daemon.0.kill().unwrap();
        }
        daemon.0.wait().unwrap();
        assert!((digest(&first), digest(&second)) == digests);
        drop((run, first, second));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_of_killed_trainers_end() {
    let server = Server::start(&photos()).await;
    for _ in 0..5 {
        let mut trainer = Command::new(env!("CARGO_BIN_EXE_bandwise"))
            .args(["pull", "--connect", &server.uri(), "--dataset", "photos", "--transport", "shm"])
            .args(["--curriculum", "none", "--epochs", "100000", "--batch-size", "4"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        wait_for(&server, "the trainer has batches", |it| it.shared_bytes > 0 && it.batch_bytes_in_use > 0)
            .await;
        trainer.kill().unwrap();
        trainer.wait().unwrap();
        wait_for_nothing(&server).await;
    }
}
