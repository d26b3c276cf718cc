//! A real `bandwise serve` process on a private Unix socket.

use std::{
    env,
    ffi::OsString,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use bandwise_client::{Address, Connection};
use tempfile::TempDir;

/// Name of the dataset of files that a daemon serves.
pub(crate) const DATASET: &str = "corpus";

/// Time that a daemon may take to index its dataset and to listen.
const START_LIMIT: Duration = Duration::from_mins(2);

const ASK_AGAIN: Duration = Duration::from_millis(50);

/// A daemon that ends with the value.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    address: Address,
    folder: TempDir,
}

impl Daemon {
    /// The path of the daemon's program: beside this one.
    ///
    /// # Errors
    ///
    /// If it is not there.
    pub fn program() -> Result<PathBuf> {
        let program = env::current_exe().context("cannot find this program")?.with_file_name("bandwise");
        if !program.is_file() {
            bail!(
                "{} is missing; build it:  cargo build --release -p bandwise -p bandwise-benches",
                program.display()
            );
        }
        Ok(program)
    }

    /// Starts a daemon with `threads` workers that serves `dataset`. Its index and socket lie in a folder of its
    /// own, which is removed at the end.
    ///
    /// # Errors
    ///
    /// If the program is missing or does not start; the message holds its log.
    pub async fn start(dataset: &Path, threads: usize) -> Result<(Self, Connection)> {
        let mut corpus = OsString::from(format!("{DATASET}="));
        corpus.push(dataset);
        Self::serve(threads, &["--dataset".into(), corpus]).await
    }

    /// Starts a daemon with `threads` workers that serves the dataset `synthetic`, on a Unix socket and on a free
    /// TCP port of the loopback, whose address is the third value.
    ///
    /// # Errors
    ///
    /// As [`Daemon::start`]; also if there is no free port.
    pub async fn synthetic(threads: usize) -> Result<(Self, Connection, Address)> {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr())?;
        let flags = ["--source", "synthetic", "--listen", &free.to_string()].map(OsString::from);
        let (daemon, connection) = Self::serve(threads, &flags).await?;
        Ok((daemon, connection, free.to_string().parse()?))
    }

    async fn serve(threads: usize, flags: &[OsString]) -> Result<(Self, Connection)> {
        let folder = TempDir::with_prefix("bandwise-bench-")?;
        let address = format!("unix:{}", folder.path().join("daemon.sock").display());
        let log = fs::File::create(folder.path().join("log"))?;
        let child = Command::new(Self::program()?)
            .args(["serve", "--threads", &threads.to_string(), "--listen", &address])
            .args(flags)
            .env("XDG_CACHE_HOME", folder.path())
            .env("BANDWISE_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("cannot start the daemon")?;
        let mut daemon = Self { child, address: address.parse()?, folder };
        let connection = daemon.connect().await?;
        Ok((daemon, connection))
    }

    /// Its address.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// The daemon's process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    async fn connect(&mut self) -> Result<Connection> {
        let begun = Instant::now();
        loop {
            match Connection::open(&self.address).await {
                Ok(connection) => return Ok(connection),
                Err(error) if begun.elapsed() > START_LIMIT => {
                    return Err(error)
                        .context(format!("the daemon does not answer; its log: {}", self.log()));
                }
                Err(_) => {}
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the daemon ended ({status}): {}", self.log());
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }

    /// The daemon's log.
    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default().trim().to_owned()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing is left to do about it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
