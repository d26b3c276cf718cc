//! A daemon as a process of its own whose log can be read.

use std::{
    fs::{self, File},
    net::TcpStream,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use super::fleet::LIMIT;

/// A daemon that serves a folder as `d`, with two threads. Killed with the value.
pub struct Daemon {
    child: Child,
    folder: PathBuf,
    dataset: PathBuf,
    more: Vec<String>,
}

impl Daemon {
    /// Starts it with its socket and its log in `folder`, and waits until it listens.
    pub fn start(folder: &Path, dataset: &Path, more: &[&str]) -> Self {
        let more: Vec<String> = more.iter().map(ToString::to_string).collect();
        let child = spawn(folder, dataset, &more);
        let daemon = Self { child, folder: folder.to_owned(), dataset: dataset.to_owned(), more };
        daemon.wait_until_it_listens();
        daemon
    }

    /// Kills it and starts another one in its place, with the same log.
    pub fn replace(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = spawn(&self.folder, &self.dataset, &self.more);
        self.wait_until_it_listens();
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.join("d.sock")
    }

    /// The log of all daemons in this place.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap()
    }

    /// Waits until the log says something so often.
    pub fn says(&self, what: &str, times: usize) {
        until(what, || self.log().matches(what).count() >= times);
    }

    fn wait_until_it_listens(&self) {
        until("the daemon listens", || UnixStream::connect(self.socket()).is_ok());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(folder: &Path, dataset: &Path, more: &[String]) -> Child {
    let log = File::options().create(true).append(true).open(folder.join("log")).unwrap();
    Command::new(env!("CARGO_BIN_EXE_bandwise"))
        .args(["serve", "--threads", "2", "--prefetch-mib", "64"])
        .arg("--dataset")
        .arg(format!("d={}", dataset.display()))
        .arg("--listen")
        .arg(format!("unix:{}", folder.join("d.sock").display()))
        .args(more)
        .env("XDG_CACHE_HOME", folder)
        .env_remove("BANDWISE_LOG")
        .stderr(log)
        .spawn()
        .unwrap()
}

/// A port of this host that was free just now.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until somebody listens on a port of this host.
pub fn listens(port: u16) {
    until("the port is open", || TcpStream::connect(("127.0.0.1", port)).is_ok());
}

/// Waits for something.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < LIMIT, "not within {LIMIT:?}: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}
