//! Shared memory: the same bytes as over gRPC, and nothing left behind, whatever the trainer does.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod common;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{ErrorKind, Read as _},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use bandwise_client::{
    Address, Batch, Connection, Expected, RankShare, Reply, Run, RunOptions, Transport, proto,
};
use bandwise_shm::receive_descriptor;
use common::{
    Dataset, Server, job, photos, pull_all,
    sharing::{Raw, knock, wait_for, wait_for_nothing},
};
use sha2::{Digest as _, Sha256};

/// Mixes rows two by two.
const MIXING: &str = "name = 'mixing'\n[[operation]]\nname = 'random_resized_crop'\nside = 'bandwidth'\n\
    [[operation]]\nname = 'normalize'\n[[operation]]\nname = 'mix'\ngroup = 2\n";

/// Everything that a row is: sample, label, partner, SHA-256 of the image; by (step, row).
type Rows = BTreeMap<(u64, u64), (u64, i64, Option<(i64, u32)>, [u8; 32])>;

fn options(transport: Transport, steps: u64) -> RunOptions {
    let patience = Duration::ZERO;
    RunOptions { transport, steps: Some(steps), window: 3, patience, ..RunOptions::default() }
}

async fn start(server: &Server, job: proto::Job, options: &RunOptions) -> Run {
    let run = Run::start(&server.connect().await, job, options).await.unwrap();
    assert_eq!(run.transport(), options.transport);
    run
}

fn collect(rows: &mut Rows, batch: &Batch) {
    let partners: Vec<Option<(i64, u32)>> = match batch.partners() {
        Some(partners) => partners.map(|(label, lam)| Some((label, lam.to_bits()))).collect(),
        None => vec![None; batch.rows() as usize],
    };
    for (i, (label, partner)) in batch.labels().zip(partners).enumerate() {
        let digest = Sha256::digest(batch.image(i)).into();
        let row = (batch.header().sample_ids[i], label, partner, digest);
        assert!(rows.insert((batch.step(), batch.first_row() + i as u64), row).is_none(), "a row came twice");
    }
}

async fn rows(server: &Server, job: &proto::Job, options: &RunOptions) -> Rows {
    let (mut run, mut rows) = (start(server, job.clone(), options).await, Rows::new());
    while let Some(batch) = run.next().await.unwrap() {
        assert_eq!(batch.is_shared(), options.transport == Transport::SharedMemory);
        collect(&mut rows, &batch);
    }
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bytes_are_those_of_grpc() {
    let server = Server::start(&photos()).await;
    let mixing = Some(proto::job::Recipe::RecipeToml(MIXING.to_owned()));
    let eval = proto::Job {
        curriculum: Some(proto::job::Curriculum::CurriculumName("none".to_owned())),
        recipe: Some(proto::job::Recipe::RecipeName("eval".to_owned())),
        epochs: 2.0,
        ..job(10)
    };
    let share = |rank, world_size, accumulate| RankShare { rank, world_size, accumulate };
    for (job, share, steps) in [
        // The whole curriculum, with all its changes of stage.
        (job(4), share(0, 1, 1), u64::MAX),
        (job(4), share(1, 2, 2), 20),
        (job(6), share(2, 3, 1), 20),
        // The last steps of epochs are short, and this rank's share of them too.
        (eval.clone(), share(0, 5, 1), u64::MAX),
        (eval, share(0, 2, 5), u64::MAX),
        (proto::Job { recipe: mixing.clone(), ..job(4) }, share(0, 1, 2), 20),
        (proto::Job { recipe: mixing, dtype: proto::Dtype::U8.into(), ..job(12) }, share(0, 1, 1), 20),
        (
            proto::Job { dtype: proto::Dtype::F32.into(), layout: proto::Layout::Nhwc.into(), ..job(3) },
            share(0, 1, 1),
            20,
        ),
    ] {
        let options = |transport| RunOptions { share, ..options(transport, steps) };
        let expected = rows(&server, &job, &options(Transport::Grpc)).await;
        assert!(!expected.is_empty());
        assert!(rows(&server, &job, &options(Transport::SharedMemory)).await == expected, "{share:?}");
    }
    wait_for_nothing(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trainer_that_keeps_everything_goes_on() {
    let server = Server::start(&photos()).await;
    let mut run = start(&server, job(4), &options(Transport::SharedMemory, 40)).await;
    let mut kept = Vec::new();
    while let Some(batch) = run.next().await.unwrap() {
        kept.push(batch);
    }
    // The window of 3 has 5 slots, of which 2 are left to the daemon.
    assert_eq!(kept.iter().filter(|batch| batch.is_shared()).count(), 3);
    // They outlive their stream, and nothing was made on top of them. So long they count.
    drop(run);
    let (mut shared, copied): (Vec<Batch>, Vec<Batch>) = kept.into_iter().partition(Batch::is_shared);
    let place = shared[0].slot_place().unwrap();
    let slot_bytes = place.byte_len() as u64;
    wait_for(&server, "three slots are kept, and no more", |it| {
        (it.kept_bytes, it.shared_bytes) == (3 * slot_bytes, 3 * slot_bytes)
    })
    .await;
    wait_for(&server, "no place is", |it| it.streams + it.batch_bytes_in_use == 0).await;
    let mut rows = Rows::new();
    for batch in shared.iter().chain(&copied) {
        collect(&mut rows, batch);
    }
    // Each comes back by itself, also while the memory is mapped.
    for left in [2, 1, 0] {
        shared.pop();
        wait_for(&server, "a slot comes back", |it| it.kept_bytes == left * slot_bytes).await;
    }
    wait_for_nothing(&server).await;
    drop(place);
    assert!(rows == self::rows(&server, &job(4), &options(Transport::Grpc, 40)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn scribbling_changes_nothing_but_the_scribbled() {
    let server = Server::start(&photos()).await;
    let (mut scribbler, mut neighbour) = (
        start(&server, job(4), &options(Transport::SharedMemory, 30)).await,
        start(&server, job(4), &options(Transport::SharedMemory, 30)).await,
    );
    let (mut scribbled, mut other) = (Rows::new(), Rows::new());
    while let Some(mut batch) = scribbler.next().await.unwrap() {
        collect(&mut scribbled, &batch);
        batch.images_mut().fill(0xff);
        assert!(batch.images().iter().all(|&byte| byte == 0xff));
        collect(&mut other, &neighbour.next().await.unwrap().unwrap());
    }
    let expected = rows(&server, &job(4), &options(Transport::Grpc, 30)).await;
    assert!(scribbled == expected && other == expected);
}

/// A trainer may write into a batch that it has; the daemon must not take its bytes for those that it wrote itself.
#[tokio::test(flavor = "multi_thread")]
async fn rows_of_zeros_are_zeros_where_a_trainer_wrote_before() {
    let dataset = Dataset::new();
    (0..12).for_each(|i| drop(dataset.file(&format!("a/{i}.jpg"), b"no image")));
    let server = Server::start(dataset.path()).await;
    // Samples that are too long are given up before anything is written.
    let limits = proto::DecodeLimits { max_encoded_bytes: 4, ..proto::DecodeLimits::default() };
    let policy = proto::BadSample::Zero.into();
    let job = proto::Job { on_bad_sample: policy, decode_limits: Some(limits), ..job(4) };
    let options = RunOptions { max_bad_fraction: 1.0, ..options(Transport::SharedMemory, 30) };
    let mut run = start(&server, job, &options).await;
    let mut steps = 0;
    while let Some(mut batch) = run.next().await.unwrap() {
        assert!(batch.is_shared() && batch.images().iter().all(|&byte| byte == 0), "step {}", batch.step());
        batch.images_mut().fill(0xff);
        steps += 1;
    }
    assert_eq!(steps, 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn auto_takes_grpc_where_memory_cannot_be_shared() {
    let door = |server: &Server| match &server.daemon.addresses()[0] {
        Address::Unix(path) => PathBuf::from(format!("{}.shm", path.display())),
        tcp @ Address::Tcp { .. } => panic!("{tcp}"),
    };
    let missing = Server::with(&photos(), |config| config.listen.push("127.0.0.1:0".to_owned())).await;
    fs::remove_file(door(&missing)).unwrap();
    let none = Server::with(&photos(), |config| config.shared_memory_mib = 0).await;
    assert!(!door(&none).exists());
    let little = Server::with(&photos(), |config| config.shared_memory_mib = 1).await;
    for (server, reason) in
        [(&missing, "cannot reach"), (&none, "shares no memory"), (&little, "no room for 2 slots")]
    {
        let connection = server.connect().await;
        let auto = Run::start(&connection, job(12), &options(Transport::Auto, 3)).await.unwrap();
        assert_eq!(auto.transport(), Transport::Grpc, "{reason}");
        let error = Run::start(&connection, job(12), &options(Transport::SharedMemory, 3)).await.unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
        assert_eq!(rows(server, &job(12), &options(Transport::Grpc, 3)).await.len(), 36);
    }
    let tcp = Connection::open(&missing.daemon.addresses()[1]).await.unwrap();
    let auto = Run::start(&tcp, job(4), &options(Transport::Auto, 3)).await.unwrap();
    assert_eq!(auto.transport(), Transport::Grpc);
    wait_for_nothing(&little).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fewer_slots_are_granted_where_the_budget_is_small() {
    // Two slots of 12 f16 images of 224 pixels and a bit more.
    let server = Server::with(&photos(), |config| config.shared_memory_mib = 9).await;
    let mut run = start(&server, job(12), &options(Transport::SharedMemory, 12)).await;
    let mut rows = Rows::new();
    let mut before: Option<Batch> = None;
    while let Some(batch) = run.next().await.unwrap() {
        collect(&mut rows, &batch);
        before.replace(batch);
    }
    assert!(rows == self::rows(&server, &job(12), &options(Transport::Grpc, 12)).await);
    let other = Run::start(&server.connect().await, job(12), &options(Transport::Auto, 2)).await.unwrap();
    assert_eq!(other.transport(), Transport::Grpc, "the budget is used up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_works_once_and_the_memory_is_sealed() {
    let server = Server::start(&photos()).await;
    let raw = Raw::open(&server).await;
    let shape = (raw.grant.slots, raw.grant.slot_bytes, raw.grant.token.len());
    assert_eq!(shape, (3, 2_002_944, 16));
    for wrong in [[0; 16], [0xff; 16]] {
        let error = receive_descriptor(knock(&server, &wrong)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    }
    let mut file = File::from(receive_descriptor(knock(&server, &raw.grant.token)).unwrap());
    assert_eq!(file.metadata().unwrap().len(), 3 * 2_002_944);
    for size in [0, 1, 1 << 30] {
        assert!(file.set_len(size).is_err(), "{size} bytes");
    }
    let again = receive_descriptor(knock(&server, &raw.grant.token)).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::UnexpectedEof);
    let mut byte = [1];
    file.read_exact(&mut byte).unwrap();
    assert_eq!(byte, [0], "nothing was written before it was asked for");
    // The token of a stream that is gone opens nothing.
    let gone = Raw::open(&server).await.grant.token;
    wait_until_closed(&server, &gone).await;
    drop(raw);
    wait_for_nothing(&server).await;
}

async fn wait_until_closed(server: &Server, token: &[u8]) {
    // One stream is left: the place of the other one comes back when the daemon has noticed.
    let streams = || server.daemon.stats().streams.load(Ordering::Relaxed);
    for _ in 0..500 {
        if streams() == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(receive_descriptor(knock(server, token)).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_are_released_once() {
    let server = Server::start(&photos()).await;
    for wrong in [vec![7], vec![u32::MAX], vec![0, 0]] {
        let mut raw = Raw::open(&server).await;
        raw.want(6).await;
        let mut slots = Vec::new();
        for _ in 0..3 {
            slots.push(raw.slot().await);
        }
        slots.sort_unstable();
        assert_eq!(slots, [0, 1, 2]);
        // All slots are the client's now: the fourth batch waits for the first that comes back.
        let waiting = tokio::time::timeout(Duration::from_millis(100), raw.parts.message()).await;
        assert!(waiting.is_err(), "{waiting:?}");
        raw.release(vec![1]).await;
        assert_eq!(raw.slot().await, 1);
        raw.release(wrong).await;
        let status = loop {
            match raw.parts.message().await {
                Ok(part) => assert!(part.is_some(), "the stream ended without a status"),
                Err(status) => break status,
            }
        };
        assert_eq!(status.code(), tonic::Code::InvalidArgument, "{status}");
    }
    wait_for_nothing(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_fits_no_slot_is_refused() {
    let server = Server::start(&photos()).await;
    let request = proto::SharedMemoryRequest { slots: 2, slot_bytes: 4096, lease: true };
    let connection = server.connect().await;
    let stream = connection.stream_over(Transport::SharedMemory, request, job(4), Expected::default());
    let mut stream = stream.await.unwrap();
    stream.want(proto::WantSteps { first_step: 0, count: 1, stride: 1, first_row: 0, rows: 4 });
    let error = stream.next().await.unwrap_err().to_string();
    assert!(error.contains("4096 bytes of the stream's slots"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_come_and_go_leave_nothing() {
    let server = Server::start(&photos()).await;
    let connection = server.connect().await;
    for i in 0..40 {
        let options = options(Transport::SharedMemory, 20);
        let mut run = Run::start(&connection, job(4), &options).await.unwrap();
        let mut held = Vec::new();
        for _ in 0..i % 4 {
            held.push(run.next().await.unwrap().unwrap());
        }
        // Sometimes the batches go first, sometimes the stream.
        if i % 2 == 0 {
            drop((run, held));
        } else {
            drop((held, run));
        }
    }
    wait_for_nothing(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_trainer_leaves_nothing_and_others_go_on() {
    let server = Server::start(&photos()).await;
    let expected = pull_all(&server.connect().await, job(4), 0..20).await;
    wait_for_nothing(&server).await;
    let mut trainer = Command::new(env!("CARGO_BIN_EXE_bandwise"))
        .args(["pull", "--connect", &server.uri(), "--dataset", "photos", "--transport", "shm"])
        .args(["--curriculum", "efficienttrain++", "--epochs", "100000", "--batch-size", "4", "--digest"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let stats = server.daemon.stats();
    while stats.batches.load(Ordering::Relaxed) < 40 {
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert!(trainer.try_wait().unwrap().is_none(), "the trainer ended by itself");
    }
    assert!(stats.shared_bytes.load(Ordering::Relaxed) > 0);
    let mut run = start(&server, job(4), &options(Transport::SharedMemory, 20)).await;
    let first = run.next().await.unwrap().unwrap();
    trainer.kill().unwrap();
    trainer.wait().unwrap();
    let mut seen = 4;
    while let Some(batch) = run.next().await.unwrap() {
        seen += batch.rows();
    }
    assert_eq!(seen, expected.len() as u64);
    drop((run, first));
    wait_for_nothing(&server).await;
}

/// A daemon as a process of its own.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_daemon_takes_nothing_from_the_trainer() {
    let folder = tempfile::TempDir::new().unwrap();
    let socket = folder.path().join("s.sock");
    let mut daemon = Process(
        Command::new(env!("CARGO_BIN_EXE_bandwise"))
            .args(["serve", "--source", "synthetic", "--threads", "1", "--listen"])
            .arg(format!("unix:{}", socket.display()))
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let (begun, address) = (Instant::now(), Address::Unix(socket));
    let connection = loop {
        match Connection::open(&address).await {
            Ok(connection) => break connection,
            Err(error) => assert!(begun.elapsed() < Duration::from_secs(30), "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let synthetic = proto::Job {
        datasets: vec![proto::DatasetShare { name: "synthetic".to_owned(), weight: None }],
        ..job(8)
    };
    let mut run = Run::start(&connection, synthetic, &options(Transport::SharedMemory, 1_000)).await.unwrap();
    let mut held = run.next().await.unwrap().unwrap();
    assert!(held.is_shared());
    daemon.0.kill().unwrap();
    daemon.0.wait().unwrap();
    while let Ok(Some(_)) = run.next().await {}
    // The memory has no name, and lives as long as this mapping of it.
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    assert!(maps.lines().any(|line| line.contains("/memfd:bandwise (deleted)")), "{maps}");
    assert!(held.images().iter().all(|&byte| byte == 60));
    held.images_mut().fill(1);
    drop((run, held));
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_travel_beside_slots() {
    let dataset = common::Dataset::new();
    dataset.photo("a/1.jpg", "thing/cup.jpg");
    dataset.file("a/2.jpg", b"no image");
    let server = Server::start(dataset.path()).await;
    let fail = proto::Job { on_bad_sample: proto::BadSample::Fail.into(), ..job(1) };
    let request = proto::SharedMemoryRequest { slots: 2, slot_bytes: 1 << 20, lease: true };
    let connection = server.connect().await;
    let stream = connection.stream_over(Transport::SharedMemory, request, fail, Expected::default());
    let mut stream = stream.await.unwrap();
    stream.want(proto::WantSteps { first_step: 0, count: 8, stride: 1, first_row: 0, rows: 1 });
    let mut failed = 0;
    for _ in 0..8 {
        match stream.next().await.unwrap().unwrap() {
            Reply::Batch(batch) => assert!(batch.header().sample_ids == [0]),
            Reply::Failed { .. } => failed += 1,
            Reply::Draining => panic!("nobody stops the daemon"),
        }
    }
    assert_eq!(
        failed, 4,
        "each epoch has one sample of each kind, and the slots of failed batches come back"
    );
}
