//! Samples that a daemon cannot read: asked for again while the run is patient, then an error of their own with name and
//! reason; replaced only where the job says so.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod common;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use bandwise_client::{ClientError, ReplayBuffer, Run, RunOptions, RunState, proto};
use common::{Dataset, Server, fleet::LIMIT, pull_all};

/// Eight photographs; sample `i` is `a/i.jpg`.
fn dataset() -> Dataset {
    let dataset = Dataset::new();
    for i in 0..8 {
        let photo = ["nature/cat.jpg", "place/palace.jpg"][i % 2];
        dataset.photo(&format!("a/{i}.jpg"), photo);
    }
    dataset
}

/// One pass in index order, two samples a step.
fn job(policy: proto::Unreadable) -> proto::Job {
    proto::Job {
        datasets: vec![proto::DatasetShare { name: "photos".to_owned(), weight: None }],
        curriculum: Some(proto::job::Curriculum::CurriculumName("none".to_owned())),
        epochs: 1.0,
        global_batch: 2,
        recipe: Some(proto::job::Recipe::RecipeName("eval".to_owned())),
        dtype: proto::Dtype::U8.into(),
        on_unreadable: policy.into(),
        ..proto::Job::default()
    }
}

fn patient(milliseconds: u64) -> RunOptions {
    RunOptions { patience: Duration::from_millis(milliseconds), window: 2, ..RunOptions::default() }
}

async fn start(server: &Server, policy: proto::Unreadable, options: &RunOptions) -> Run {
    Run::start(&server.connect().await, job(policy), options).await.unwrap()
}

/// The next batch, which must not take for ever.
async fn next(run: &mut Run) -> Result<Vec<u64>, ClientError> {
    let batch = tokio::time::timeout(LIMIT, run.next()).await.expect("an answer")?;
    Ok(batch.map(|batch| batch.header().sample_ids.clone()).unwrap_or_default())
}

fn fifo(path: &Path) {
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, 0o644.into(), 0).unwrap();
}

fn forbid(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_an_error_of_its_own_when_patience_is_over() {
    type Damage = fn(&Path);
    let kinds: [(&str, &str, Damage); 5] = [
        ("0.jpg", "missing", |path| fs::remove_file(path).unwrap()),
        ("1.jpg", "missing", |path| {
            fs::remove_file(path).unwrap();
            symlink("nowhere", path).unwrap();
        }),
        ("2.jpg", "not_a_file", |path| {
            fs::remove_file(path).unwrap();
            fifo(path);
        }),
        ("3.jpg", "size_changed", |path| fs::write(path, b"shorter").unwrap()),
        ("4.jpg", "permission_denied", forbid),
    ];
    for while_it_runs in [false, true] {
        for (file, cause, damage) in kinds {
            // The index has a file that is gone, or shorter, as it is.
            if !while_it_runs && matches!((file, cause), ("0.jpg", _) | (_, "size_changed")) {
                continue;
            }
            let dataset = dataset();
            let path = dataset.path().join("a").join(file);
            if !while_it_runs {
                damage(&path);
            }
            let server = Server::start(dataset.path()).await;
            if while_it_runs {
                damage(&path);
            }
            if cause == "permission_denied" && fs::File::open(&path).is_ok() {
                // For root nothing is forbidden.
                continue;
            }
            let sample = file.as_bytes()[0] - b'0';
            let options = RunOptions { from_step: u64::from(sample) / 2, ..patient(400) };
            let mut run = start(&server, proto::Unreadable::Fail, &options).await;
            let error = next(&mut run).await.unwrap_err();
            assert!(error.is_retryable());
            let text = error.to_string();
            let ClientError::Unreadable { step, sample: found, name, cause: found_cause, seconds, .. } =
                error
            else {
                panic!("{error:?}");
            };
            assert_eq!((step, found), (options.from_step, u64::from(sample)));
            assert_eq!((name.as_str(), found_cause.as_str()), (&*format!("a/{file}"), cause));
            assert!(seconds >= 0.4 && text.contains(&name), "{text}");
            // The stream has lost nothing else, the run continues behind it.
            let following: Vec<u64> = (2 * step + 2..8).take(2).collect();
            assert_eq!(next(&mut run).await.unwrap(), following);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_comes_back_is_waited_for_and_gives_the_same_bytes() {
    let dataset = dataset();
    let server = Server::start(dataset.path()).await;
    let connection = server.connect().await;
    let expected = pull_all(&connection, job(proto::Unreadable::Fail), 0..4).await;
    let (file, aside) = (dataset.path().join("a/3.jpg"), dataset.path().join("aside"));
    fs::rename(&file, &aside).unwrap();
    let mut run = start(&server, proto::Unreadable::Fail, &patient(60_000)).await;
    assert_eq!(next(&mut run).await.unwrap(), [0, 1]);
    // Many tries later it is still not an error.
    let waits = tokio::time::timeout(Duration::from_secs(1), run.next()).await;
    assert!(waits.is_err(), "{waits:?}");
    assert_eq!(run.state().step, 1);
    fs::rename(&aside, &file).unwrap();
    for samples in [[2, 3], [4, 5], [6, 7]] {
        assert_eq!(next(&mut run).await.unwrap(), samples);
    }
    assert!(next(&mut run).await.unwrap().is_empty());
    assert!(pull_all(&connection, job(proto::Unreadable::Fail), 0..4).await == expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_resumes_where_a_file_was_missing() {
    let dataset = dataset();
    let server = Server::start(dataset.path()).await;
    let (file, aside) = (dataset.path().join("a/2.jpg"), dataset.path().join("aside"));
    let mut run = start(&server, proto::Unreadable::Fail, &patient(0)).await;
    assert_eq!(next(&mut run).await.unwrap(), [0, 1]);
    // The next one may be made already, the last one is not.
    fs::rename(dataset.path().join("a/7.jpg"), &aside).unwrap();
    assert_eq!(next(&mut run).await.unwrap(), [2, 3]);
    assert_eq!(next(&mut run).await.unwrap(), [4, 5]);
    let outcome = next(&mut run).await;
    fs::rename(&aside, dataset.path().join("a/7.jpg")).unwrap();
    let state: RunState = match outcome {
        Err(ClientError::Unreadable { name, .. }) if name == "a/7.jpg" => run.state(),
        other => panic!("{other:?}"),
    };
    assert!(file.exists());
    let mut again = start(&server, proto::Unreadable::Fail, &patient(0).resume(&state)).await;
    assert_eq!(next(&mut again).await.unwrap(), [6, 7]);
}

#[tokio::test(flavor = "multi_thread")]
async fn others_take_the_place_only_where_the_job_says_so_and_each_is_reported() {
    let dataset = dataset();
    dataset.file("a/4.jpg", b"not an image at all");
    let server = Server::start(dataset.path()).await;
    let connection = server.connect().await;
    let missing = dataset.path().join("a/1.jpg");
    fs::remove_file(&missing).unwrap();
    fifo(&missing);
    fs::remove_file(dataset.path().join("a/3.jpg")).unwrap();
    let mut run = start(&server, proto::Unreadable::Substitute, &patient(60_000)).await;
    let (mut ids, mut reported) = (Vec::new(), Vec::new());
    while let Some(batch) = tokio::time::timeout(LIMIT, run.next()).await.unwrap().unwrap() {
        ids.extend(batch.header().sample_ids.iter().copied());
        let told =
            |s: &proto::Substitution| (s.requested, s.delivered, s.reason.clone(), s.requested_name.clone());
        reported.extend(batch.header().substitutions.iter().map(told));
        if batch.step() == 0 {
            let mut own =
                start(&server, proto::Unreadable::Fail, &RunOptions { from_step: 1, ..patient(0) }).await;
            assert!(
                matches!(own.next().await, Err(ClientError::Unreadable { .. })),
                "no other job is concerned"
            );
        }
    }
    assert_eq!(ids, [0, 2, 2, 5, 5, 5, 6, 7], "the place of what is missing wants a picture");
    let word = |requested: u64, delivered: u64, reason: &str| {
        (requested, delivered, reason.to_owned(), format!("a/{requested}.jpg"))
    };
    let expected =
        [word(1, 2, "unreadable_not_a_file"), word(3, 5, "unreadable_missing"), word(4, 5, "unknown_format")];
    assert_eq!(reported, expected);
    // The choice is part of the job, and the ceiling counts such rows.
    let plan = |policy| connection.plan(job(policy));
    let (fail, substitute) =
        (plan(proto::Unreadable::Fail).await.unwrap(), plan(proto::Unreadable::Substitute).await.unwrap());
    assert_ne!(fail.fingerprint, substitute.fingerprint);
    assert_eq!(fail.fingerprint, plan(proto::Unreadable::Unspecified).await.unwrap().fingerprint);
    let strict = RunOptions { max_bad_fraction: 0.001, from_step: 0, ..patient(0) };
    let mut run = start(&server, proto::Unreadable::Substitute, &strict).await;
    assert_eq!(next(&mut run).await.unwrap(), [0, 2]);
    let error = next(&mut run).await.unwrap_err();
    assert!(matches!(error, ClientError::TooManyBad { .. }), "{error:?}");
    assert!(error.to_string().contains("a/3.jpg (unreadable_missing)"), "{error}");
}

/// A disk that is away must not become a batch of whatever else is there.
#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_can_be_read_there_is_no_substitute() {
    let dataset = dataset();
    let server = Server::start(dataset.path()).await;
    fs::rename(dataset.path().join("a"), dataset.path().join("away")).unwrap();
    let mut run = start(&server, proto::Unreadable::Substitute, &patient(100)).await;
    let error = next(&mut run).await.unwrap_err();
    assert!(matches!(&error, ClientError::Unreadable { cause, .. } if cause == "missing"), "{error:?}");
    fs::rename(dataset.path().join("away"), dataset.path().join("a")).unwrap();
    let mut run = start(&server, proto::Unreadable::Substitute, &patient(100)).await;
    assert_eq!(next(&mut run).await.unwrap(), [0, 1]);
}

/// Rows that a client keeps for replay are asked for with the same patience.
#[tokio::test(flavor = "multi_thread")]
async fn rows_to_replay_are_waited_for_too() {
    let dataset = Dataset::new();
    for i in 0..12 {
        dataset.photo(&format!("b{}/{i:02}.jpg", i % 2), "nature/cat.jpg");
    }
    let server = Server::with(dataset.path(), |config| {
        config.replay_memory_mib = bandwise_server::config::MemoryMib::Mib(64);
    })
    .await;
    let connection = server.connect().await;
    let curriculum = "name = 'r'\nbase = 32\n[[stage]]\nepochs = 8\nbandwidth = 32\nmagnitude = 0\nreplay = 2\n\
                      replay_buffer = 4\n";
    let job = proto::Job {
        curriculum: Some(proto::job::Curriculum::CurriculumToml(curriculum.to_owned())),
        epochs: 8.0,
        global_batch: 4,
        recipe: None,
        replay_chunk: 1,
        ..job(proto::Unreadable::Fail)
    };
    let steps = connection.plan(job.clone()).await.unwrap().steps;
    let options = RunOptions { fresh_only: true, from_step: steps - 1, ..patient(60_000) };
    let mut run = Run::start(&connection, job.clone(), &options).await.unwrap();
    let fresh = run.next().await.unwrap().unwrap();
    assert!(!fresh.header().replayed.is_empty(), "the last step replays rows of steps before it");
    fs::rename(dataset.path().join("b0"), dataset.path().join("away")).unwrap();
    fs::rename(dataset.path().join("b1"), dataset.path().join("away1")).unwrap();
    let buffer = |run: &Run, patience| {
        let daemons = [connection.address().clone()];
        let buffer = ReplayBuffer::new(&daemons, job.clone(), run.plan(), options.share, u64::MAX).unwrap();
        buffer.with_patience(Duration::from_millis(patience))
    };
    let mut hasty = buffer(&run, 300);
    let error = tokio::time::timeout(LIMIT, hasty.complete(fresh)).await.unwrap().unwrap_err();
    assert!(matches!(&error, ClientError::Unreadable { seconds, .. } if *seconds >= 0.3), "{error:?}");
    let mut calm = buffer(&run, 60_000);
    let back = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(500)).await;
        fs::rename(dataset.path().join("away"), dataset.path().join("b0")).unwrap();
        fs::rename(dataset.path().join("away1"), dataset.path().join("b1")).unwrap();
        dataset
    });
    let mut run = Run::start(&connection, job.clone(), &options).await.unwrap();
    let fresh = tokio::time::timeout(LIMIT, run.next()).await.unwrap().unwrap().unwrap();
    let whole = tokio::time::timeout(LIMIT, calm.complete(fresh)).await.unwrap().unwrap();
    assert_eq!(whole.rows(), 4);
    back.await.unwrap();
}

fn pull(socket: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bandwise"))
        .args(["pull", "--connect", &format!("unix:{}", socket.display()), "--dataset", "d"])
        .args(["--curriculum", "none", "--recipe", "eval", "--epochs", "1", "--batch-size", "2"])
        .args(more)
        .env_remove("BANDWISE_LOG")
        .output()
        .unwrap()
}

#[test]
fn the_command_names_the_file_and_the_daemons_log_is_not_flooded() {
    let (dataset, folder) = (dataset(), tempfile::TempDir::new().unwrap());
    let file = dataset.path().join("a/3.jpg");
    fs::remove_file(&file).unwrap();
    symlink("nowhere", &file).unwrap();
    let admin = format!("127.0.0.1:{}", common::logged::free_port());
    let daemon = common::logged::Daemon::start(folder.path(), dataset.path(), &["--admin", &admin]);
    let output = pull(&daemon.socket(), &["--patience", "4"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{said}");
    let error = said.lines().last().unwrap();
    for part in ["a/3.jpg", "missing", "no daemon could read"] {
        assert!(error.contains(part), "no '{part}' in: {error}");
    }
    assert_eq!(said.lines().filter(|line| line.contains("requesting it again")).count(), 1, "{said}");
    let named = |log: &str| log.lines().filter(|line| line.contains("unreadable sample")).count();
    assert_eq!(named(&daemon.log()), 1, "{}", daemon.log());
    let output = pull(&daemon.socket(), &["--on-unreadable", "substitute"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && said.contains("a/3.jpg (unreadable_missing)"), "{said}");
    assert_eq!(named(&daemon.log()), 1, "{}", daemon.log());
    let metrics = get(&admin, "/metrics");
    assert!(metrics.contains("\nbandwise_unreadable_rows_substituted_total 1\n"), "{metrics}");
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
