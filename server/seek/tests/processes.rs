//! Several processes on one file, which are killed.
//!
//! A child is this program again, with one test that does nothing on its own.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use bandwise_seek::{SeekOptions, SeekStore, SeekTrouble};

use common::{PATIENCE, has, hash, open, place, put, record};

/// Path, first image, and the one after the last.
const TASK: &str = "BANDWISE_SEEK_TASK";

/// Small batches, so that many locks and writes are there to be interrupted.
fn options(path: &Path) -> SeekOptions {
    SeekOptions { queue_bytes: 32 << 10, ..SeekOptions::new(path, 100) }
}

fn child(program: &Path, test: &str, task: &str) -> Command {
    let mut command = Command::new(program);
    command.args([test, "--exact", "--ignored", "--nocapture"]).env(TASK, task);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn start_writer(path: &Path, first: u64, end: u64) -> Child {
    let task = format!("{}\n{first}\n{end}", path.display());
    child(&env::current_exe().unwrap(), "child_that_writes", &task).spawn().unwrap()
}

#[test]
#[ignore = "a child of the other tests"]
fn child_that_writes() {
    let task = env::var(TASK).unwrap();
    let parts: Vec<&str> = task.split('\n').collect();
    let (first, end) = (parts[1].parse::<u64>().unwrap(), parts[2].parse::<u64>().unwrap());
    let go = Path::new(parts[0]).with_extension("go");
    while !go.exists() {
        thread::yield_now();
    }
    let store = open(&options(Path::new(parts[0])));
    for i in first..end {
        put(&store, hash(i), &record(i));
    }
    assert!(store.flush(PATIENCE));
}

/// Lets the children begin.
fn go(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path.with_extension("go"), "").unwrap();
}

#[test]
fn processes_write_and_read_at_once() {
    let (_folder, path) = place();
    // They race to create it too, and to add tables.
    let mut children: Vec<Child> = (0..4).map(|i| start_writer(&path, 1000 * i, 1000 * i + 12_000)).collect();
    go(&path);
    let store = open(&options(&path));
    while children.iter_mut().any(|child| child.try_wait().unwrap().is_none()) {
        (0..15_000).for_each(|i| {
            has(&store, i);
        });
    }
    assert!(children.iter_mut().all(|child| child.wait().unwrap().success()));
    let store = open(&options(&path));
    assert!((0..15_000).all(|i| has(&store, i)));
    let report = SeekStore::inspect(&path).unwrap();
    assert_eq!(report.entries, 15_000, "none is there twice");
    assert!(report.tables > 1);
}

#[test]
fn killed_writers_leave_a_file_of_use() {
    let (_folder, path) = place();
    go(&path);
    let store = open(&options(&path));
    for round in 0..40 {
        let mut writers = [start_writer(&path, 0, 100_000), start_writer(&path, round * 50, 100_000)];
        thread::sleep(Duration::from_millis(15 + hash(round) % 60));
        for writer in &mut writers {
            writer.kill().unwrap();
            // None has ended by itself.
            assert_eq!(writer.wait().unwrap().signal(), Some(9));
        }
        (0..round * 100).step_by(7).for_each(|i| {
            has(&store, i);
        });
    }
    let stored = (0..100_000).filter(|&i| has(&store, i)).count();
    let after = open(&options(&path));
    let seen = (0..100_000).filter(|&i| has(&after, i)).count();
    assert!(seen >= stored && seen > 1000, "{seen} {stored}");
    (0..3000).for_each(|i| put(&after, hash(i), &record(i)));
    assert!(after.flush(PATIENCE));
    assert!((0..3000).all(|i| has(&after, i)));
}

#[test]
#[ignore = "a child of the next test"]
fn child_that_may_not_write() {
    let path = env::var(TASK).unwrap();
    let (store, trouble) = SeekStore::open(&options(Path::new(&path)));
    assert!(matches!(trouble, Some(SeekTrouble::ReadOnly { .. })), "{trouble:?}");
    assert!(has(&store, 1));
    store.put(hash(2), &record(2));
    assert!(store.flush(PATIENCE) && !has(&store, 2) && !store.put(hash(2), &record(2)));
    assert!(has(&store, 1) && store.stats().refused == 2 && store.take_trouble().is_none());
    // And there is no other place.
    let beside = Path::new(&path).with_extension("other");
    let (store, trouble) = SeekStore::open(&options(&beside));
    assert!(matches!(trouble, Some(SeekTrouble::Closed { .. })), "{trouble:?}");
    assert!(!has(&store, 1));
}

#[test]
fn a_file_of_another_user_is_read() {
    let (folder, path) = place();
    let store = open(&options(&path));
    put(&store, hash(1), &record(1));
    assert!(store.flush(PATIENCE));
    drop(store);
    let kept = path.parent().unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o444)).unwrap();
    fs::set_permissions(kept, Permissions::from_mode(0o555)).unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    // A place where others may run it, whatever folder the build is in.
    let program = folder.path().join("program");
    fs::copy(env::current_exe().unwrap(), &program).unwrap();
    let mut command = child(&program, "child_that_may_not_write", path.to_str().unwrap());
    if fs::metadata(&path).unwrap().uid() == 0 {
        command.uid(65534).gid(65534);
    }
    let status = command.status().unwrap();
    fs::set_permissions(kept, Permissions::from_mode(0o755)).unwrap();
    assert!(status.success());
}
