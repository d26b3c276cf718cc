//! Connections that ask for nothing, too many of them, and daemons that follow each other on one path.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod common;

use std::{
    fs,
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use bandwise_client::{Address, RankShare, Run, RunOptions, Transport};
use common::{
    Server,
    fleet::{LIMIT, Process, pictures, tiny_job},
    job, photos,
};
use rustix::process::Signal;
use tempfile::TempDir;

/// A daemon under limits of its process, with the log in a file.
struct Limited {
    child: Child,
    folder: TempDir,
}

impl Limited {
    /// A daemon that may open `files` files and listens on everything.
    fn start(files: u32, dataset: &Path) -> Self {
        let folder = TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let config = format!(
            "listen = ['unix:{}', '127.0.0.2:0']\nadmin = '127.0.0.1:0'\nthreads = 2\nprefetch_mib = 64\n\
             handshake_seconds = 30\n[[dataset]]\nname = 'tiny'\npath = '{}'\n",
            path("a.sock"),
            dataset.display(),
        );
        fs::write(folder.path().join("a.toml"), config).unwrap();
        let child = Command::new("sh")
            .args(["-c", &format!("ulimit -n {files}; exec \"$0\" \"$@\"")])
            .args([env!("CARGO_BIN_EXE_bandwise"), "serve", "--config", &path("a.toml")])
            .env("XDG_CACHE_HOME", folder.path())
            .env_remove("BANDWISE_LOG")
            .stderr(fs::File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let daemon = Self { child, folder };
        let begun = Instant::now();
        while daemon.admin().is_none() {
            assert!(begun.elapsed() < LIMIT, "the daemon does not listen: {}", daemon.log());
            std::thread::sleep(Duration::from_millis(10));
        }
        daemon
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("a.sock")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// The address of the first line of the log with `name`.
    fn address(&self, name: &str) -> Option<String> {
        let log = self.log();
        let line = log.lines().find(|line| line.contains(name))?;
        line.split("address=").nth(1).map(|text| text.trim().to_owned())
    }

    fn admin(&self) -> Option<String> {
        self.address(" admin ")
    }

    /// The answer of the admin server.
    fn status(&self) -> serde_json::Value {
        let mut stream = TcpStream::connect(self.admin().unwrap()).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.write_all(b"GET /api/status HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap()
    }

    /// CPU time that the daemon has taken.
    fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks: u64 = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum();
        // Hundredths of a second on every Linux.
        Duration::from_millis(ticks * 10)
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn options(steps: u64) -> RunOptions {
    RunOptions {
        share: RankShare::default(),
        steps: Some(steps),
        window: 2,
        patience: Duration::ZERO,
        ..RunOptions::default()
    }
}

/// As many connections as the other side takes, up to `count`, that say nothing.
fn silent_unix(path: &Path, count: usize) -> Vec<UnixStream> {
    (0..count).map_while(|_| UnixStream::connect(path).ok()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_leave_runs_alone() {
    let dataset = pictures(100);
    let daemon = Limited::start(128, dataset.path());
    let address = Address::Unix(daemon.socket());
    let mut run = Run::with_daemons(std::slice::from_ref(&address), tiny_job(), &options(80)).await.unwrap();
    run.next().await.unwrap().unwrap();
    let door = bandwise_shm::door_of(&daemon.socket());
    let tcp = daemon.log().lines().filter(|line| line.contains("listening")).count();
    assert_eq!(tcp, 2, "{}", daemon.log());
    let (main, second) = tokio::task::spawn_blocking({
        let socket = daemon.socket();
        move || (silent_unix(&socket, 300), silent_unix(&door, 300))
    })
    .await
    .unwrap();
    let admin = daemon.admin().unwrap();
    let third: Vec<TcpStream> = (0..100).map_while(|_| TcpStream::connect(&admin).ok()).collect();
    assert_eq!((main.len(), second.len(), third.len()), (300, 300, 100));
    let before = daemon.cpu();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let cpu = daemon.cpu().saturating_sub(before);
    assert!(cpu < Duration::from_millis(400), "{cpu:?} of CPU time in a second of silence");
    // Running streams continue, and new ones find a place and shared memory.
    for _ in 0..40 {
        tokio::time::timeout(LIMIT, run.next()).await.unwrap().unwrap().unwrap();
    }
    let shared = RunOptions { transport: Transport::SharedMemory, ..options(3) };
    let begins = async {
        let mut other = Run::with_daemons(&[address], tiny_job(), &shared).await.unwrap();
        other.next().await.unwrap().unwrap();
    };
    tokio::time::timeout(LIMIT, begins).await.unwrap();
    let status = daemon.status();
    assert!(status["connections_refused"].as_u64().unwrap() > 400, "{status}");
    assert!(status["connections"].as_u64().unwrap() < 100, "{status}");
    assert_eq!(status["unreadable_samples"], 0, "{status}");
    let log = daemon.log();
    let crowds = log.lines().filter(|line| line.contains("too many connections")).count();
    assert!((3..10).contains(&crowds), "{log}");
    assert!(log.lines().count() < 30, "{log}");
}

#[test]
fn wrong_tokens_are_one_line() {
    let dataset = pictures(3);
    let daemon = Limited::start(256, dataset.path());
    let door = bandwise_shm::door_of(&daemon.socket());
    let mut brought = 0;
    for _ in 0..500 {
        let mut stream = UnixStream::connect(&door).unwrap();
        brought += usize::from(stream.write_all(&[7; 16]).is_ok());
        // Waits for the answer, which is none.
        let _ = stream.read(&mut [0]);
    }
    assert!(brought > 400, "{brought}");
    let log = daemon.log();
    assert_eq!(log.lines().filter(|line| line.contains("token")).count(), 1, "{log}");
}

/// The bytes that the other side sends before it closes.
fn read_to_end(mut stream: impl std::io::Read) -> usize {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => bytes.len(),
        Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {
            bytes.len()
        }
        Err(error) => panic!("not closed: {error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_ask_for_nothing_are_closed() {
    let server = Server::with(&photos(), |config| {
        config.listen.push("127.0.0.2:0".to_owned());
        config.admin = Some("127.0.0.1:0".to_owned());
        config.handshake_seconds = 1;
    })
    .await;
    // One that has asked for something stays, however long it waits.
    let connection = server.connect().await;
    let mut run = Run::start(&connection, job(4), &options(40)).await.unwrap();
    run.next().await.unwrap().unwrap();
    let Address::Unix(socket) = server.daemon.addresses()[0].clone() else { panic!("no socket") };
    let tcp = server.daemon.addresses()[1].to_string();
    let admin = server.daemon.admin().unwrap().to_string();
    let closed = tokio::task::spawn_blocking(move || {
        let unix = |path: &Path| {
            let stream = UnixStream::connect(path).unwrap();
            stream.set_read_timeout(Some(LIMIT)).unwrap();
            stream
        };
        let web = |address: &str, first: &[u8]| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(LIMIT)).unwrap();
            stream.write_all(first).unwrap();
            stream
        };
        // HTTP/2's greeting alone is no request, nor is half of a header.
        let greeted = web(&tcp, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
        let half = web(&admin, b"GET /api/st");
        read_to_end(unix(&socket));
        read_to_end(unix(&bandwise_shm::door_of(&socket)));
        read_to_end(web(&tcp, b""));
        read_to_end(greeted);
        read_to_end(web(&admin, b""));
        read_to_end(half);
    });
    tokio::time::timeout(LIMIT, closed).await.unwrap().unwrap();
    for _ in 0..10 {
        run.next().await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_follows_another_on_its_path() {
    let (dataset, folder) = (pictures(100), TempDir::new().unwrap());
    let socket = folder.path().join("a.sock");
    let door = bandwise_shm::door_of(&socket);
    let mut old = Process::start(socket.clone(), dataset.path());
    let mut run = Run::with_daemons(&[old.address()], tiny_job(), &options(80)).await.unwrap();
    run.next().await.unwrap().unwrap();
    // The old one waits for its stream.
    old.signal(Signal::TERM);
    let begun = Instant::now();
    while UnixStream::connect(&socket).is_ok() {
        assert!(begun.elapsed() < LIMIT, "the old daemon listens on");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let new = Process::start(socket.clone(), dataset.path());
    drop(run);
    old.terminate().await;
    for transport in [Transport::Grpc, Transport::SharedMemory] {
        let options = RunOptions { transport, ..options(2) };
        let mut run = Run::with_daemons(&[new.address()], tiny_job(), &options).await.unwrap();
        run.next().await.unwrap().unwrap();
    }
    drop(new);
    // A killed daemon leaves its sockets, which are no obstacle; one that ends removes them, and nothing else is left.
    assert!(socket.exists() && door.exists());
    let mut last = Process::start(socket.clone(), dataset.path());
    last.terminate().await;
    assert!(!socket.exists() && !door.exists());
}

#[test]
fn few_processes_are_a_sentence() {
    // The limit does not hold for root; another user must be able to run the binary.
    let user = ["--reuid", "54321", "--regid", "54321", "--clear-groups"];
    let binary = env!("CARGO_BIN_EXE_bandwise");
    let can = Command::new("setpriv").args(user).args([binary, "--version"]).output();
    if !can.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: needs root, setpriv, and a binary that other users may run");
        return;
    }
    for processes in [1, 2, 3, 4, 5, 6] {
        let limit = format!("--nproc={processes}");
        let mut child = Command::new("setpriv")
            .args(user)
            .args(["prlimit", &limit, binary, "serve", "--source", "synthetic", "--listen", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(1), "{processes}: {stderr}");
        assert!(!stderr.contains("panicked"), "{processes}: {stderr}");
        assert!(stderr.contains("error: cannot start"), "{processes}: {stderr}");
    }
}
