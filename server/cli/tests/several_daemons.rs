//! Several daemons, one job: the same rows, each once, whatever happens to the daemons.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod common;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use bandwise_client::{
    Address, ClientError, DaemonReport, RankShare, Run, RunOptions, RunState, Transport, proto,
};
use common::{
    Dataset, Rows,
    fleet::{
        BORDERS, Fleet, GLOBAL_BATCH, Halt, LIMIT, Process, SAMPLES, STEPS, STEPS_PER_EPOCH, copy_of,
        each_sample_once_an_epoch, finish, pull_rank, start_ranks, tiny_job,
    },
};
use rustix::process::Signal;

fn world(world_size: u64, accumulate: u64) -> RunOptions {
    let share = RankShare { rank: 0, world_size, accumulate };
    RunOptions { share, window: 4, ..RunOptions::default() }
}

/// What one rank gets from one daemon that nothing happens to.
async fn undisturbed(address: Address) -> Rows {
    let rows = pull_rank(vec![address], tiny_job(), world(1, 1), Vec::new()).await.rows;
    assert_eq!(rows.len() as u64, STEPS * GLOBAL_BATCH);
    each_sample_once_an_epoch(&rows, SAMPLES, GLOBAL_BATCH);
    rows
}

/// A figure of one daemon over all ranks.
fn total(reports: &[Vec<DaemonReport>], daemon: usize, figure: impl Fn(&DaemonReport) -> u64) -> u64 {
    reports.iter().map(|report| figure(&report[daemon])).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn ranks_accumulation_and_the_number_of_daemons_do_not_show() {
    let fleet = Fleet::start(3, SAMPLES);
    let addresses = fleet.addresses();
    let expected = undisturbed(addresses[0].clone()).await;
    for (daemons, world_size, accumulate) in
        [(1, 2, 1), (2, 1, 1), (3, 1, 4), (2, 2, 2), (3, 4, 1), (3, 8, 1), (2, 8, 3)]
    {
        let transport = if world_size == 4 { Transport::Grpc } else { Transport::Auto };
        let priority = if world_size == 2 { proto::Priority::High } else { proto::Priority::Normal };
        let options = RunOptions { transport, priority, ..world(world_size, accumulate) };
        let (rows, reports) = finish(start_ranks(&addresses[..daemons], &tiny_job(), &options, &[])).await;
        assert!(rows == expected, "{daemons} daemons, {world_size} ranks, accumulate {accumulate}");
        for daemon in 0..daemons {
            assert!(total(&reports, daemon, |report| report.batches) > 0, "daemon {daemon} was not asked");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_go_on_where_their_state_says_at_any_daemon() {
    let fleet = Fleet::start(2, SAMPLES);
    let addresses = fleet.addresses();
    let expected = undisturbed(addresses[0].clone()).await;
    // 18 steps from all over the plan beside the borders; 37 and 80 have no common divisor.
    let cuts = BORDERS.into_iter().chain((1..=18).map(|i| i * 37 % STEPS));
    for (i, cut) in cuts.enumerate() {
        let accumulate = 1 + i as u64 % 3;
        let before = RunOptions { from_step: cut.saturating_sub(2), ..world(1, accumulate) };
        let mut run = Run::with_daemons(&addresses[i % 2..=i % 2], tiny_job(), &before).await.unwrap();
        while run.state().step < cut {
            run.next().await.unwrap().expect("the plan goes on");
        }
        // With accumulation a step may have been begun; it counts as not begun.
        if accumulate > 1 {
            run.next().await.unwrap().expect("the first batch of the step");
        }
        let state: RunState = serde_json::from_str(&serde_json::to_string(&run.state()).unwrap()).unwrap();
        assert_eq!(state.step, cut);
        let steps = if BORDERS.contains(&cut) { STEPS } else { 3 };
        let after = RunOptions { steps: Some(steps), ..world(1, 1).resume(&state) };
        let other = &addresses[(i + 1) % 2..][..1];
        let rows = pull_rank(other.to_vec(), tiny_job(), after, Vec::new()).await.rows;
        let end = STEPS.min(cut + steps);
        assert!(rows.iter().eq(expected.range((cut, 0)..(end, 0))), "resumed at step {cut}");
    }
    let mut run = Run::with_daemons(&addresses, tiny_job(), &world(1, 1)).await.unwrap();
    while run.next().await.unwrap().is_some() {}
    assert_eq!(run.state().step, STEPS);
    let again = world(1, 1).resume(&run.state());
    let mut nothing = Run::with_daemons(&addresses, tiny_job(), &again).await.unwrap();
    assert!(nothing.next().await.unwrap().is_none());
    let other_job = proto::Job { seed: 4, dtype: proto::Dtype::U8.into(), ..tiny_job() };
    let error = Run::with_daemons(&addresses, other_job, &again).await.unwrap_err().to_string();
    assert!(error.contains("seed: 3 -> 4") && error.contains("dtype"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_killed_in_the_middle_is_not_missed() {
    let mut fleet = Fleet::start(3, SAMPLES);
    let expected = undisturbed(fleet.addresses()[0].clone()).await;
    let halt = Halt::at(20, 3);
    let ranks = start_ranks(&fleet.addresses(), &tiny_job(), &world(3, 1), std::slice::from_ref(&halt));
    halt.meet().await;
    fleet.daemons[1].kill();
    halt.meet().await;
    let (rows, reports) = finish(ranks).await;
    assert!(rows == expected);
    each_sample_once_an_epoch(&rows, SAMPLES, GLOBAL_BATCH);
    assert!(total(&reports, 1, |report| report.batches) > 0, "it was asked before");
    assert!(reports.iter().all(|report| report[1].state == "lost"), "{reports:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_hangs_is_not_waited_for() {
    let fleet = Fleet::start(3, SAMPLES);
    let expected = undisturbed(fleet.addresses()[0].clone()).await;
    let halt = Halt::at(20, 3);
    let ranks = start_ranks(&fleet.addresses(), &tiny_job(), &world(3, 1), std::slice::from_ref(&halt));
    halt.meet().await;
    fleet.daemons[2].signal(Signal::STOP);
    halt.meet().await;
    let (rows, reports) = finish(ranks).await;
    fleet.daemons[2].signal(Signal::CONT);
    assert!(rows == expected);
    each_sample_once_an_epoch(&rows, SAMPLES, GLOBAL_BATCH);
    assert!(total(&reports, 2, |report| report.batches) > 0, "it was asked before");
    // It is what it was when it goes on.
    let options = RunOptions { steps: Some(8), ..world(1, 1) };
    let after = pull_rank(vec![fleet.daemons[2].address()], tiny_job(), options, Vec::new()).await.rows;
    assert!(after.iter().eq(expected.range(..(8, 0))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_waits_for_its_only_daemon_to_come_back() {
    let mut fleet = Fleet::start(1, SAMPLES);
    let expected = undisturbed(fleet.addresses()[0].clone()).await;
    let halts = [Halt::at(10, 2), Halt::at(50, 2)];
    let ranks = start_ranks(&fleet.addresses(), &tiny_job(), &world(2, 2), &halts);
    halts[0].meet().await;
    fleet.daemons[0].kill();
    halts[0].meet().await;
    // Now they wait.
    tokio::time::sleep(Duration::from_millis(300)).await;
    fleet.daemons[0].start_again();
    halts[1].meet().await;
    halts[1].meet().await;
    let (rows, reports) = finish(ranks).await;
    assert!(rows == expected);
    assert!(total(&reports, 0, |report| report.retried) > 0, "{reports:?}");
    let patience = Duration::from_millis(300);
    let options = RunOptions { patience, ..world(1, 1) };
    let mut run = Run::with_daemons(&fleet.addresses(), tiny_job(), &options).await.unwrap();
    run.next().await.unwrap().expect("a batch");
    assert!(tokio::time::timeout(Duration::from_millis(50), run.watch()).await.is_err(), "nothing is lost");
    fleet.daemons[0].kill();
    tokio::time::timeout(LIMIT, run.watch()).await.expect("the loss is noticed while nothing is wanted");
    assert!(tokio::time::timeout(Duration::from_millis(50), run.watch()).await.is_err(), "it was noticed");
    let error = loop {
        match tokio::time::timeout(LIMIT, run.next()).await.expect("patience ends") {
            Ok(batch) => drop(batch.expect("the plan goes on")),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, ClientError::NoDaemon { .. }) && error.is_retryable(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn daemons_are_replaced_one_by_one_without_an_error() {
    let mut fleet = Fleet::start(2, SAMPLES);
    let expected = undisturbed(fleet.addresses()[0].clone()).await;
    let halts = [Halt::at(10, 3), Halt::at(30, 3), Halt::at(60, 3)];
    let ranks = start_ranks(&fleet.addresses(), &tiny_job(), &world(3, 1), &halts);
    for (daemon, halt) in [0, 1].into_iter().zip(&halts) {
        halt.meet().await;
        fleet.daemons[daemon].signal(Signal::TERM);
        halt.meet().await;
        fleet.daemons[daemon].terminate().await;
        fleet.daemons[daemon].start_again();
    }
    halts[2].meet().await;
    halts[2].meet().await;
    let (rows, _) = finish(ranks).await;
    assert!(rows == expected);
    each_sample_once_an_epoch(&rows, SAMPLES, GLOBAL_BATCH);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_missing_at_one_daemon_is_asked_for_at_the_other() {
    let mut fleet = Fleet::start(1, SAMPLES);
    let copy = copy_of(&fleet.pictures);
    fleet.daemons.push(Process::start(fleet.folder.path().join("copy.sock"), copy.path()));
    let expected = undisturbed(fleet.addresses()[0].clone()).await;
    let missing = "b/0040.png";
    fs::remove_file(copy.path().join(missing)).unwrap();
    let (rows, reports) = finish(start_ranks(&fleet.addresses(), &tiny_job(), &world(2, 1), &[])).await;
    assert!(rows == expected);
    assert!(total(&reports, 1, |report| report.retried) > 0, "{reports:?}");
    // Missing at both, it is an error in its place, and the run can go on behind it.
    fs::remove_file(fleet.pictures.path().join(missing)).unwrap();
    let options = RunOptions { patience: Duration::from_millis(300), ..world(1, 1) };
    let mut run = Run::with_daemons(&fleet.addresses(), tiny_job(), &options).await.unwrap();
    let (mut batches, mut errors) = (0, Vec::new());
    for _ in 0..2 * STEPS_PER_EPOCH {
        match tokio::time::timeout(LIMIT, run.next()).await.expect("an answer") {
            Ok(batch) => batches += u64::from(batch.is_some()),
            Err(error @ ClientError::Unreadable { .. }) => errors.push(error.to_string()),
            Err(error) => panic!("{error:?}"),
        }
    }
    assert!((6..=8).contains(&batches), "{errors:?}");
    assert!(errors.iter().all(|error| error.contains(missing)), "{errors:?}");
    assert_eq!(errors.len() as u64, 2 * STEPS_PER_EPOCH - batches);
    assert!(!errors.is_empty() || batches == 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn daemons_that_make_something_else_of_the_job_are_not_used() {
    let mut fleet = Fleet::start(1, SAMPLES);
    let expected = undisturbed(fleet.addresses()[0].clone()).await;
    let other: Dataset = common::fleet::pictures(SAMPLES - 1);
    fleet.daemons.push(Process::start(fleet.folder.path().join("other.sock"), other.path()));
    let nobody = Address::Unix(fleet.folder.path().join("nobody.sock"));
    let mut addresses = fleet.addresses();
    addresses.push(nobody.clone());
    let (rows, reports) = finish(start_ranks(&addresses, &tiny_job(), &world(1, 1), &[])).await;
    assert!(rows == expected);
    let states: Vec<&str> = reports[0].iter().map(|report| report.state).collect();
    assert_eq!(states, ["open", "refused", "lost"]);
    assert_eq!((reports[0][1].batches, reports[0][2].batches), (0, 0));
    // The expected fingerprint decides, not the order of the list.
    let state = Run::with_daemons(&addresses, tiny_job(), &world(1, 1)).await.unwrap().state();
    addresses.swap(0, 1);
    let options = RunOptions { steps: Some(2), ..world(1, 1).resume(&state) };
    let rows = pull_rank(addresses.clone(), tiny_job(), options.clone(), Vec::new()).await.rows;
    assert!(rows.iter().eq(expected.range(..(2, 0))));
    let error = Run::with_daemons(&addresses[..1], tiny_job(), &options).await.unwrap_err().to_string();
    assert!(error.contains("dataset.digest: "), "{error}");
    let error = Run::with_daemons(&[nobody.clone(), nobody], tiny_job(), &world(1, 1)).await.unwrap_err();
    assert!(matches!(error, ClientError::Connect { .. }), "{error}");
    let error = Run::with_daemons(&[], tiny_job(), &world(1, 1)).await.unwrap_err();
    assert!(matches!(error, ClientError::NoAddress), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_ranks_share_four_daemons_fairly() {
    let mut fleet = Fleet::start(4, 256);
    let job = proto::Job { global_batch: 64, ..tiny_job() };
    let options = |world_size| RunOptions { steps: Some(24), ..world(world_size, 1) };
    let one = pull_rank(fleet.addresses()[..1].to_vec(), job.clone(), options(1), Vec::new()).await.rows;
    let halt = Halt::at(16, 64);
    let ranks = start_ranks(&fleet.addresses(), &job, &options(64), std::slice::from_ref(&halt));
    halt.meet().await;
    fleet.daemons[3].kill();
    halt.meet().await;
    let (rows, reports) = finish(ranks).await;
    assert!(rows == one);
    each_sample_once_an_epoch(&rows, 256, 64);
    let shares: Vec<u64> = (0..4).map(|daemon| total(&reports, daemon, |report| report.batches)).collect();
    assert_eq!(shares.iter().sum::<u64>(), 24 * 64);
    // Equal shares would be 448 for those that live on and 256 for the other. On a busy machine daemons are not equal,
    // and are not asked as if they were; that equal ones get equal shares is tested on a fake clock.
    assert!(shares[..3].iter().all(|&share| share >= 448 / 16), "{shares:?}");
    assert!(shares[3] >= 256 / 16, "{shares:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_beyond_what_a_daemon_takes_is_no_error() {
    let folder = tempfile::TempDir::new().unwrap();
    let pictures = common::fleet::pictures(SAMPLES);
    let server = common::Server::with(pictures.path(), |config| {
        config.max_pending_batches = 2;
        // Spaces and other characters that mean something in URIs.
        config.listen = vec![format!("unix:{}", folder.path().join("a b%20?#.sock").display())];
    })
    .await;
    let job = proto::Job {
        datasets: vec![proto::DatasetShare { name: "photos".to_owned(), weight: None }],
        ..tiny_job()
    };
    let options = RunOptions { window: 50, steps: Some(8), ..world(1, 6) };
    let rows = pull_rank(server.daemon.addresses().to_vec(), job, options, Vec::new()).await.rows;
    assert_eq!(rows.len() as u64, 8 * GLOBAL_BATCH);
}

#[test]
fn pull_says_which_daemon_is_lost_and_when_it_is_back() {
    let mut fleet = Fleet::start(1, SAMPLES);
    let address = fleet.addresses()[0].to_string();
    let mut pull = Command::new(env!("CARGO_BIN_EXE_bandwise"))
        .args(["pull", "--connect", &address, "--dataset", "tiny", "--curriculum", "none", "--digest"])
        .args(["--epochs", "100000", "--batch-size", "4", "--patience", "30"])
        .env_remove("BANDWISE_LOG")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut digests = BufReader::new(pull.stdout.take().unwrap()).lines();
    assert!(digests.next().is_some(), "a batch comes");
    let rest = thread::spawn(move || digests.count());
    // It ends when patience does, and with it the lines.
    let mut said = BufReader::new(pull.stderr.take().unwrap()).lines().map(Result::unwrap);
    fleet.daemons[0].kill();
    let lost = said.next().expect("a line about the loss");
    for part in ["WARN", "lost the daemon", "up to 30 s", &address, "the connection broke"] {
        assert!(lost.contains(part), "no '{part}' in: {lost}");
    }
    fleet.daemons[0].start_again();
    let back = said.next().expect("a line about the return");
    assert!(back.contains("is back") && back.contains(&address), "{back}");
    pull.kill().unwrap();
    pull.wait().unwrap();
    rest.join().unwrap();
}
