//! The real binary as a process of its own, so that its memory can be told from the client's.

use std::{
    fs,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use bandwise_client::{Address, Connection};

/// A daemon that is killed with the value.
pub struct Process(pub Child);

impl Process {
    /// Starts `bandwise serve`, with what `add` adds, silent unless that says otherwise.
    pub fn serve(add: impl FnOnce(&mut Command) -> &mut Command) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bandwise"));
        Self(add(command.arg("serve").stdout(Stdio::null()).stderr(Stdio::null())).spawn().unwrap())
    }

    /// A line of `/proc/PID/status` in KiB, such as `VmRSS`.
    pub fn status_kib(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(&format!("{name}:"))).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Connects as soon as the daemon listens.
pub async fn connect(address: &Address) -> Connection {
    let begun = Instant::now();
    loop {
        match Connection::open(address).await {
            Ok(connection) => return connection,
            Err(error) => assert!(begun.elapsed() < Duration::from_mins(1), "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
