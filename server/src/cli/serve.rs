//! `bandwise serve`: the daemon.

use std::{fs, io, path::PathBuf, thread};

use anyhow::Context as _;
use bandwise_client::Address;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

use crate::{
    cli::{Failure, log, progress, runtime, usage},
    config::{Config, DatasetConfig, MemoryMib, Settings, Source},
    server::{Daemon, open_datasets},
};

/// Async threads of the daemon: they only move bytes; decoding has threads of its own.
const ASYNC_THREADS: usize = 2;

/// Flags stand over the configuration file.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  bandwise serve --dataset imagenet=/data/imagenet/train --listen unix:/run/bandwise.sock\n\n\
    The commented default configuration is deploy/bandwise.toml."
)]
pub(crate) struct Args {
    /// Configuration file (TOML).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Dataset to serve, as NAME=PATH: a folder of class folders; repeatable. A folder that holds train and val
    /// is served as NAME/train and NAME/val.
    #[arg(long, value_name = "NAME=PATH", value_parser = dataset)]
    dataset: Vec<DatasetConfig>,
    /// A dataset that needs no files, beside those of --dataset. synthetic: a dataset of that name, 1281167 samples
    /// in 1000 classes, every byte of every image 60, the label the sample id mod 1000. Nothing is read or decoded,
    /// so it measures transport alone.
    #[arg(long, value_name = "SOURCE")]
    source: Option<Source>,
    /// Where to listen, as unix:PATH or HOST:PORT; repeatable. [default: unix:bandwise.sock in the runtime
    /// directory of the user]
    #[arg(long, value_name = "ADDRESS")]
    listen: Vec<String>,
    /// Where the admin HTTP server listens: /metrics, /healthz, /readyz, /api/status. [default: off]
    #[arg(long, value_name = "HOST:PORT")]
    admin: Option<String>,
    /// Keep each worker thread on one core.
    #[arg(long)]
    pin_threads: bool,
    /// Worker threads; 0 is all cores that the process may use. [default: 0]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Batch memory in MiB, shared by all streams. [default: 1024]
    #[arg(long, value_name = "MIB")]
    prefetch_mib: Option<u64>,
    /// Memory in MiB for rows that later steps replay, shared by all jobs; auto is half of what the process may take.
    /// [default: auto]
    #[arg(long, value_name = "MIB|auto")]
    replay_memory_mib: Option<MemoryMib>,
    /// Allow TCP listeners beyond loopback although they are not encrypted.
    #[arg(long)]
    allow_insecure_tcp: bool,
    /// End when standard input is closed, for a daemon that belongs to one process: with a pipe from there it ends
    /// however that process ends. What can be read is ignored. At the end, folders of its Unix sockets are removed if
    /// they are empty.
    #[arg(long)]
    exit_with_stdin: bool,
    /// SIMD level to force (scalar, avx2, avx512); it never changes bytes. [default: the best of this CPU]
    #[arg(long, value_name = "LEVEL", hide = true)]
    simd: Option<String>,
}

fn dataset(text: &str) -> Result<DatasetConfig, String> {
    let (name, path) = text.split_once('=').ok_or("expected NAME=PATH")?;
    if name.is_empty() || path.is_empty() {
        return Err("expected NAME=PATH".to_owned());
    }
    Ok(DatasetConfig { name: name.to_owned(), path: path.into(), ..DatasetConfig::default() })
}

impl Args {
    fn config(&self) -> Result<Config, Failure> {
        let mut config = match &self.config {
            Some(path) => Config::read(path).map_err(usage)?,
            None => Config::default(),
        };
        config.dataset.extend(self.dataset.iter().cloned());
        config.source = self.source.or(config.source);
        if !self.listen.is_empty() {
            config.listen.clone_from(&self.listen);
        }
        if config.listen.is_empty() {
            config.listen.push(default_socket());
        }
        config.admin = self.admin.clone().or(config.admin);
        config.threads = self.threads.unwrap_or(config.threads);
        config.pin_threads |= self.pin_threads;
        config.prefetch_mib = self.prefetch_mib.unwrap_or(config.prefetch_mib);
        config.replay_memory_mib = self.replay_memory_mib.unwrap_or(config.replay_memory_mib);
        config.allow_insecure_tcp |= self.allow_insecure_tcp;
        config.simd = self.simd.clone().or(config.simd);
        Ok(config)
    }
}

/// `unix:$XDG_RUNTIME_DIR/bandwise.sock`, or one in the folder for temporary files.
fn default_socket() -> String {
    let folder = std::env::var_os("XDG_RUNTIME_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    format!("unix:{}", folder.join("bandwise.sock").display())
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let config = args.config()?;
    log(&config.log)?;
    let settings = Settings::check(&config).map_err(usage)?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        threads = settings.pipeline.threads,
        simd = %settings.pipeline.simd,
        prefetch_mib = settings.pipeline.prefetch_bytes >> 20,
        shared_memory_mib = settings.pipeline.shared_bytes >> 20,
        replay_memory_mib = settings.pipeline.replay.bytes >> 20,
        max_streams = settings.pipeline.max_streams,
        drain_seconds = settings.drain.as_secs(),
        "starting"
    );
    let catalog = open_datasets(&settings, progress::scan)?;
    runtime(ASYNC_THREADS)?.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).context("cannot watch for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot watch for SIGINT")?;
        let daemon = Daemon::start(&settings, catalog).await?;
        for address in daemon.addresses() {
            tracing::info!(%address, "listening");
        }
        if let Some(address) = daemon.admin() {
            tracing::info!(%address, "admin");
        }
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = stdin_closed(args.exit_with_stdin) => {}
        }
        tracing::info!("stopping; a second interrupt stops at once");
        let sockets = daemon.addresses().to_vec();
        tokio::select! {
            () = daemon.stop() => {}
            _ = interrupt.recv() => {}
        }
        if args.exit_with_stdin {
            remove_empty_folders(&sockets);
        }
        Ok(())
    })
}

/// Ends when standard input is closed, if that is asked for.
async fn stdin_closed(asked: bool) {
    if !asked {
        return std::future::pending().await;
    }
    let (open, closed) = oneshot::channel::<()>();
    // A thread and not a task: nothing can end its read when the daemon is told to stop, and the process waits for
    // tasks of the runtime.
    thread::spawn(move || {
        // An input that cannot be read is as good as closed.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        drop(open);
    });
    let _ = closed.await;
}

/// Removes the folders of Unix sockets that are empty now.
fn remove_empty_folders(sockets: &[Address]) {
    for address in sockets {
        if let Address::Unix(path) = address
            && let Some(folder) = path.parent()
        {
            // Refused where something else is in it, which then is not ours to remove.
            let _ = fs::remove_dir(folder);
        }
    }
}
