//! `bandwise serve`: the daemon.

use std::{
    fs, io,
    path::{Path, PathBuf},
    pin::pin,
    thread,
};

use anyhow::Context as _;
use bandwise_server::{
    catalog::Catalog,
    config::{Config, DatasetConfig, MemoryMib, Settings, Source},
    raise_descriptor_limit,
    server::{Daemon, open_datasets},
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

use crate::{
    Failure,
    choices::{self, choice},
    dataset_args::{IndexArgs, LayoutArgs},
    log, no_thread, progress, runtime, usage,
};

/// Async threads of the daemon: they only move bytes; decoding has threads of its own.
const ASYNC_THREADS: usize = 2;

/// Flags override the configuration file.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  bandwise serve --dataset imagenet=/data/imagenet/train --listen unix:/run/bandwise.sock\n\n\
    The commented default configuration is deploy/bandwise.toml."
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct Args {
    /// Configuration file (TOML).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Dataset to serve, as NAME=PATH: a folder of class folders; repeatable. A folder that holds train and val
    /// is served as NAME/train and NAME/val.
    #[arg(long, value_name = "NAME=PATH", value_parser = dataset)]
    dataset: Vec<DatasetConfig>,
    /// Include the content of every sample (a SHA-256 each) in the fingerprint, not only names, classes and sizes. The
    /// first start reads all files; later starts read those whose size or times differ.
    #[arg(long)]
    content: bool,
    #[command(flatten)]
    layout: LayoutArgs,
    #[command(flatten)]
    index: IndexArgs,
    #[arg(long, value_name = "SOURCE", hide_possible_values = true, value_parser = choice::<Source>(),
        help = choices::help::<Source>("Additional dataset that needs no files"))]
    source: Option<Source>,
    /// Address to listen on, as unix:PATH or HOST:PORT; repeatable. [default: unix:bandwise.sock in the user's runtime
    /// directory]
    #[arg(long, value_name = "ADDRESS")]
    listen: Vec<String>,
    /// Address of the admin HTTP server: /metrics, /healthz, /readyz, /api/status. [default: off]
    #[arg(long, value_name = "HOST:PORT")]
    admin: Option<String>,
    /// Pin each worker thread to one core.
    #[arg(long)]
    pin_threads: bool,
    /// Do not keep seek points of JPEGs (places at which decoding may begin) in the cache folder.
    #[arg(long)]
    no_seek_points: bool,
    /// Worker threads; 0: one for each core that the process may use. [default: 0]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Batch memory in MiB, shared by all streams. [default: 1024]
    #[arg(long, value_name = "MIB")]
    prefetch_mib: Option<u64>,
    /// Memory in MiB that streams may share with trainers on this host; 0: none. [default: 2048]
    #[arg(long, value_name = "MIB")]
    shared_memory_mib: Option<u64>,
    /// Memory in MiB for rows that later steps replay, shared by all jobs; auto: half of the memory available to the
    /// process. [default: auto]
    #[arg(long, value_name = "MIB|auto")]
    replay_memory_mib: Option<MemoryMib>,
    /// Allow unencrypted TCP listeners on addresses that other hosts can reach.
    #[arg(long)]
    allow_insecure_tcp: bool,
    /// Exit when standard input is closed, without waiting for streams. The daemon then ends with the processes that
    /// hold the other end of the pipe, however they end. Input is read at once, even while datasets are scanned, and
    /// ignored.
    #[arg(long)]
    exit_with_stdin: bool,
    /// Remove this folder and its files on exit (never its subfolders), and its parent folder if it is then empty.
    #[arg(long, value_name = "FOLDER")]
    remove_at_end: Option<PathBuf>,
    /// SIMD level to force (scalar, avx2, avx512); it never changes bytes. [default: the best that this CPU has]
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
    /// Flags are for all datasets, those of the configuration file included.
    fn apply(&self, dataset: &mut DatasetConfig) {
        dataset.content |= self.content;
        dataset.allow_empty_classes |= self.layout.allow_empty_classes;
        dataset.splits = self.layout.splits.unwrap_or(dataset.splits);
        dataset.rescan |= self.index.rescan;
        dataset.verify_index &= !self.index.no_verify;
    }

    fn config(&self) -> Result<Config, Failure> {
        let mut config = match &self.config {
            Some(path) => Config::read(path).map_err(usage)?,
            None => Config::default(),
        };
        config.dataset.extend(self.dataset.iter().cloned());
        config.dataset.iter_mut().for_each(|dataset| self.apply(dataset));
        config.cache_dir = self.index.cache_dir.clone().or(config.cache_dir);
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
        config.seek_points &= !self.no_seek_points;
        config.prefetch_mib = self.prefetch_mib.unwrap_or(config.prefetch_mib);
        config.shared_memory_mib = self.shared_memory_mib.unwrap_or(config.shared_memory_mib);
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
    let _folder = args.remove_at_end.as_deref().map(RemovedAtEnd);
    let config = args.config()?;
    let settings = Settings::check(&config).map_err(usage)?;
    log(&config.log)?;
    raise_descriptor_limit();
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
    runtime(ASYNC_THREADS)?.block_on(serve(settings, args.exit_with_stdin))
}

async fn serve(settings: Settings, exit_with_stdin: bool) -> Result<(), Failure> {
    let mut end = pin!(end(exit_with_stdin));
    let catalog = tokio::select! {
        // First, so that signals are watched from here on.
        biased;
        end = &mut end => return end.map(drop),
        catalog = open(settings.clone()) => catalog?,
    };
    let daemon = Daemon::start(&settings, catalog).await?;
    for address in daemon.addresses() {
        tracing::info!(%address, "listening");
    }
    if let Some(address) = daemon.admin() {
        tracing::info!(%address, "admin");
    }
    if end.await? == End::Deserted {
        // A forked child of a trainer that was killed may hold connections that will never be used.
        return Ok(());
    }
    tracing::info!("stopping; a second interrupt stops at once");
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot watch for SIGINT")?;
    tokio::select! {
        () = daemon.stop() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Opens the datasets in a thread of their own, which the end of the daemon does not wait for: a scan may take minutes.
async fn open(settings: Settings) -> Result<Catalog, Failure> {
    let (done, opened) = oneshot::channel();
    // If the daemon has been told to end, the answer is dropped.
    let scan = move || drop(done.send(open_datasets(&settings, progress::scan)));
    thread::Builder::new().name("bw-open".to_owned()).spawn(scan).map_err(no_thread)?;
    Ok(opened.await.context("the thread that opens datasets has died")??)
}

/// The reason why a daemon ends.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// A signal.
    Signal,
    /// Standard input is closed: no process needs the daemon any more.
    Deserted,
}

/// Waits for a reason to end.
async fn end(exit_with_stdin: bool) -> Result<End, Failure> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot watch for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot watch for SIGINT")?;
    tokio::select! {
        _ = terminate.recv() => Ok(End::Signal),
        _ = interrupt.recv() => Ok(End::Signal),
        closed = stdin_closed(exit_with_stdin) => closed.map(|()| End::Deserted),
    }
}

/// Ends when standard input is closed, with `--exit-with-stdin`.
async fn stdin_closed(asked: bool) -> Result<(), Failure> {
    if !asked {
        return std::future::pending().await;
    }
    let (open, closed) = oneshot::channel::<()>();
    // A thread and not a task: nothing can end its read when the daemon is told to stop, and the process waits for
    // tasks of the runtime.
    let read = move || {
        // An input that cannot be read is as good as closed.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        drop(open);
    };
    thread::Builder::new().name("bw-stdin".to_owned()).spawn(read).map_err(no_thread)?;
    let _ = closed.await;
    Ok(())
}

/// A folder that is removed when the daemon ends, unless it is killed.
struct RemovedAtEnd<'a>(&'a Path);

impl Drop for RemovedAtEnd<'_> {
    fn drop(&mut self) {
        // Files that cannot be removed stay: it is too late to report them.
        for entry in fs::read_dir(self.0).into_iter().flatten().flatten() {
            let _ = fs::remove_file(entry.path());
        }
        let _ = fs::remove_dir(self.0);
        if let Some(around) = self.0.parent() {
            // Refused where something else is in it.
            let _ = fs::remove_dir(around);
        }
    }
}
