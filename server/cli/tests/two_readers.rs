//! Two processes that read the same rows of one job are told of each other by name; nobody else is.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod common;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use common::{
    Dataset,
    fleet::pictures,
    logged::{Daemon, free_port, listens, until},
};
use tempfile::TempDir;

/// The daemon's log lines about two readers, and the notice to each reader.
const IN_THE_LOG: &str = "two readers get the same rows";
const TOLD: &str = "gets the same rows of this job";

/// A `bandwise pull` that runs until it is killed, or to its end.
struct Pull {
    child: Child,
    said: PathBuf,
    batches: PathBuf,
}

impl Pull {
    fn start(folder: &Path, name: &str, connect: &str, more: &[&str]) -> Self {
        let (said, batches) = (folder.join(format!("{name}.err")), folder.join(format!("{name}.out")));
        let child = Command::new(env!("CARGO_BIN_EXE_bandwise"))
            .args(["pull", "--connect", connect, "--dataset", "d", "--curriculum", "none", "--digest"])
            .args(["--recipe", "plain"])
            .args(more)
            .env_remove("BANDWISE_LOG")
            .stdin(Stdio::null())
            .stdout(File::create(&batches).unwrap())
            .stderr(File::create(&said).unwrap())
            .spawn()
            .unwrap();
        Self { child, said, batches }
    }

    /// One that does not end.
    fn endless(folder: &Path, name: &str, connect: &str, more: &[&str]) -> Self {
        let endless = ["--epochs", "100000", "--batch-size", "4", "--patience", "60"];
        Self::start(folder, name, connect, &[&endless[..], more].concat())
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.said).unwrap()
    }

    /// Waits for so many batches more.
    fn comes_on(&self, batches: usize) {
        let count = || fs::read_to_string(&self.batches).unwrap().lines().count();
        let before = count();
        until("batches come", || count() >= before + batches);
    }

    fn is_told(&self) -> String {
        until("the reader is told", || self.said().contains(TOLD));
        self.said()
    }

    fn ends(mut self) -> String {
        let status = self.child.wait().unwrap();
        let said = self.said();
        assert!(status.success(), "{said}");
        said
    }
}

impl Drop for Pull {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Place {
    folder: TempDir,
    daemon: Daemon,
    #[expect(dead_code, reason = "kept until the daemon ends")]
    pictures: Dataset,
}

impl Place {
    fn new(more: &[&str]) -> Self {
        let (folder, pictures) = (TempDir::new().unwrap(), pictures(40));
        let daemon = Daemon::start(folder.path(), pictures.path(), more);
        Self { folder, daemon, pictures }
    }

    fn unix(&self) -> String {
        format!("unix:{}", self.daemon.socket().display())
    }

    fn pull(&self, name: &str, more: &[&str]) -> Pull {
        Pull::endless(self.folder.path(), name, &self.unix(), more)
    }

    fn nobody_is_told(&self) {
        assert!(!self.daemon.log().contains(IN_THE_LOG), "{}", self.daemon.log());
        for entry in fs::read_dir(self.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "err") {
                let said = fs::read_to_string(&path).unwrap();
                assert!(!said.contains(TOLD), "{}: {said}", path.display());
            }
        }
    }
}

#[test]
fn both_are_told_and_the_log_names_them() {
    let port = free_port();
    let place = Place::new(&["--listen", &format!("127.0.0.1:{port}")]);
    listens(port);
    for (round, address) in [place.unix(), format!("127.0.0.1:{port}")].iter().enumerate() {
        // Another job each, since a reader is told once.
        let seed = ["--seed", &format!("{}", 5 + round)];
        let start =
            |name: &str| Pull::endless(place.folder.path(), &format!("{name}{round}"), address, &seed);
        let (one, other) = (start("one"), start("other"));
        for (pull, about) in [(&one, &other), (&other, &one)] {
            let said = pull.is_told();
            let name = format!("pid {}, rank 0 of 1", about.child.id());
            assert!(said.contains(&name) && said.contains("WORLD_SIZE"), "no '{name}' in: {said}");
        }
        place.daemon.says(IN_THE_LOG, round + 1);
        for pull in [&one, &other] {
            let name = format!("pid {}, rank 0 of 1", pull.child.id());
            assert!(place.daemon.log().contains(&name), "{}", place.daemon.log());
            pull.comes_on(50);
            assert_eq!(pull.said().matches(TOLD).count(), 1, "{}", pull.said());
        }
        assert_eq!(place.daemon.log().matches(IN_THE_LOG).count(), round + 1, "{}", place.daemon.log());
    }
}

#[test]
fn ranks_that_know_of_each_other_and_other_jobs_are_not_told() {
    let place = Place::new(&[]);
    let rank = |rank: &'static str| ["--rank", rank, "--world-size", "2"];
    let pulls = [
        place.pull("rank0", &rank("0")),
        place.pull("rank1", &rank("1")),
        place.pull("another", &["--seed", "2"]),
    ];
    for pull in &pulls {
        pull.comes_on(100);
    }
    place.nobody_is_told();
}

#[test]
fn a_reader_that_connects_again_or_takes_the_place_of_a_dead_one_is_not_told() {
    let mut place = Place::new(&[]);
    let pull = place.pull("steady", &[]);
    pull.comes_on(50);
    place.daemon.replace();
    pull.comes_on(50);
    place.daemon.replace();
    pull.comes_on(50);
    place.nobody_is_told();
    drop(pull);
    // The next attempts of a run, the one before being killed in the middle.
    for attempt in 0..4 {
        place.pull(&format!("attempt{attempt}"), &[]).comes_on(30);
    }
    place.nobody_is_told();
}

#[test]
fn a_resumed_run_and_a_validation_again_and_again_are_not_told() {
    let place = Place::new(&[]);
    let state = place.folder.path().join("state.json");
    let state = state.to_str().unwrap();
    let training = place.pull("training", &["--seed", "9"]);
    let part = ["--epochs", "4", "--batch-size", "4", "--save-state", state];
    for epoch in 0..3 {
        let name = format!("validation{epoch}");
        let whole = ["--epochs", "1", "--batch-size", "5"];
        Pull::start(place.folder.path(), &name, &place.unix(), &whole).ends();
        let resume: &[&str] = if epoch > 0 { &["--resume", state] } else { &[] };
        let more = [&part[..], &["--steps", "10"], resume].concat();
        Pull::start(place.folder.path(), &format!("part{epoch}"), &place.unix(), &more).ends();
    }
    training.comes_on(50);
    place.nobody_is_told();
}

#[test]
fn several_daemons_and_hedges_are_one_reader() {
    let (one, other) = (Place::new(&[]), Place::new(&[]));
    let both = format!("{},{}", one.unix(), other.unix());
    let pull = Pull::endless(one.folder.path(), "both", &both, &[]);
    pull.comes_on(200);
    one.nobody_is_told();
    other.nobody_is_told();
}
