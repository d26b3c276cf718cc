//! A trainer's host that vanishes: nothing arrives from it any more, not even a farewell. Two network namespaces and a
//! cable between them, which is cut.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod common;

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use common::fleet::{LIMIT, pictures};
use tempfile::TempDir;

/// By when a daemon has given a vanished trainer's memory back, and a trainer has given up on a vanished daemon. On a
/// busy machine that is later than the 20 to 25 seconds of the design, and far from the minutes that TCP takes.
const NOTICED: Duration = Duration::from_secs(45);

fn ip(args: &str) -> Output {
    Command::new("ip").args(args.split(' ')).output().unwrap()
}

/// Two hosts: this one has the address `.1`, the namespace `.2`.
struct Cable {
    name: String,
    net: String,
}

impl Cable {
    /// None where namespaces cannot be made.
    fn lay() -> Option<Self> {
        let number = std::process::id() % 60_000;
        let cable = Self { name: format!("bw{number}"), net: format!("10.213.{}.", number % 250) };
        let made = Command::new("ip").args(["netns", "add", &cable.name]).output();
        if !made.is_ok_and(|output| output.status.success()) {
            return None;
        }
        let Self { name, net } = &cable;
        for args in [
            format!("link add {name}a type veth peer name {name}b netns {name}"),
            format!("addr add {net}1/24 dev {name}a"),
            format!("link set {name}a up"),
            format!("-n {name} addr add {net}2/24 dev {name}b"),
            format!("-n {name} link set {name}b up"),
        ] {
            if !ip(&args).status.success() {
                return None;
            }
        }
        Some(cable)
    }

    fn cut(&self) {
        assert!(ip(&format!("link set {}a down", self.name)).status.success());
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        ip(&format!("netns del {}", self.name));
        ip(&format!("link del {}a", self.name));
    }
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn status(admin: u16) -> Option<serde_json::Value> {
    let mut stream = TcpStream::connect(("127.0.0.1", admin)).ok()?;
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.write_all(b"GET /api/status HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    serde_json::from_str(answer.split("\r\n\r\n").nth(1)?).ok()
}

/// Waits for `what`, up to `limit`.
fn wait_for(limit: Duration, what: &str, mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < limit, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_cut_cable_is_noticed_on_both_sides() {
    let Some(cable) = Cable::lay() else {
        eprintln!("skipped: network namespaces cannot be made here (needs root and the tool ip)");
        return;
    };
    let (dataset, folder) = (pictures(100), TempDir::new().unwrap());
    let (port, admin) = (free_port(), free_port());
    let address = format!("{}1:{port}", cable.net);
    let binary = env!("CARGO_BIN_EXE_bandwise");
    let _daemon = Killed(
        Command::new(binary)
            .args(["serve", "--threads", "1", "--prefetch-mib", "64", "--allow-insecure-tcp"])
            .args(["--listen", &address, "--admin", &format!("127.0.0.1:{admin}")])
            .args(["--dataset", &format!("tiny={}", dataset.path().display())])
            .env("XDG_CACHE_HOME", folder.path())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    wait_for(LIMIT, "the daemon listens", || status(admin).is_some());
    let mut trainer = Killed(
        Command::new("ip")
            .args(["netns", "exec", &cable.name, binary, "pull", "--connect", &address, "--dataset", "tiny"])
            .args(["--curriculum", "none", "--recipe", "plain", "--epochs", "100000", "--batch-size", "20"])
            .args(["--patience", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let count = |name: &str| status(admin).and_then(|status| status[name].as_u64());
    wait_for(LIMIT, "batches flow", || count("batches") > Some(20));
    cable.cut();
    wait_for(NOTICED, "the daemon lets the stream and its batches go", || {
        count("streams") == Some(0)
            && count("batch_bytes_in_use") == Some(0)
            && count("connections") == Some(1)
    });
    wait_for(NOTICED, "the trainer ends", || trainer.0.try_wait().unwrap().is_some());
}
