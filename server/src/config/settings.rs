//! The check of a configuration, which lists every mistake, and what comes out of it.

use std::{
    collections::BTreeSet,
    fs,
    net::{IpAddr, ToSocketAddrs},
    path::PathBuf,
    time::Duration,
};

use bandwise_choice::Mistakes;
use bandwise_dataset::{OpenOptions, SeekPointOptions};
use bandwise_decode::DecodeLimits;
use bandwise_kernels::SimdLevel;
use bandwise_pipeline::{FetchConfig, PipelineConfig, ReplayConfig};
use bandwise_proto::Address;
use bandwise_proto::{MAX_BATCH_BYTES, MAX_BATCH_ROWS};

use super::{Config, ConfigError, DatasetConfig, DecodeLimitsConfig, MIB, MemoryMib, Source, user_cache_dir};
use crate::{available_memory, log_filter};

/// The values that a daemon runs with: a checked [`Config`].
#[derive(Clone, Debug)]
pub struct Settings {
    /// Addresses to listen on, at least one.
    pub listen: Vec<Address>,
    /// Address of the admin server.
    pub admin: Option<Address>,
    /// The pipeline.
    pub pipeline: PipelineConfig,
    /// Limits of connections.
    pub net: NetSettings,
    /// Upper bounds on the limits of jobs.
    pub limits: DecodeLimits,
    /// Time that open streams have to finish when the daemon stops.
    pub drain: Duration,
    /// The datasets: name and how to open it.
    pub datasets: Vec<(String, OpenOptions)>,
    /// Folder of the seek points of their JPEGs, and options of these; `None` if none are kept.
    pub seek_points: Option<(PathBuf, SeekPointOptions)>,
    /// A dataset that needs no files.
    pub source: Option<Source>,
}

/// Limits of connections.
#[derive(Clone, Copy, Debug)]
pub struct NetSettings {
    /// Connections that may be open at a time, if the process may open enough files.
    pub max_connections: usize,
    /// Connections that one peer may have open.
    pub max_connections_per_peer: usize,
    /// Time that a connection may take to ask for something.
    pub handshake: Duration,
}

impl Settings {
    /// Checks a configuration.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Mistakes`] with all of them.
    pub fn check(config: &Config) -> Result<Self, ConfigError> {
        let mut mistakes: Mistakes = config.unknown_keys.iter().cloned().collect();
        mistakes.extend(
            log_filter::problem(&config.log).map(|problem| format!("log = {}: {problem}", config.log)),
        );
        let settings = Self {
            listen: listen(config, &mut mistakes),
            admin: admin(config, &mut mistakes),
            pipeline: pipeline(config, &mut mistakes),
            net: net(config, &mut mistakes),
            limits: limits(config, &mut mistakes),
            drain: Duration::from_secs(mistakes.in_range("drain_seconds", config.drain_seconds, 0, 86_400)),
            datasets: datasets(config, &mut mistakes),
            seek_points: seek_points(config, &mut mistakes),
            source: config.source,
        };
        mistakes.or(settings).map_err(ConfigError::Mistakes)
    }
}

fn listen(config: &Config, mistakes: &mut Mistakes) -> Vec<Address> {
    let mut addresses = Vec::new();
    for text in &config.listen {
        match text.parse::<Address>() {
            Err(error) => mistakes.push(format!("listen: {error}")),
            Ok(address) if addresses.contains(&address) => {
                mistakes.push(format!("listen: {address} is listed twice"));
            }
            Ok(address) => {
                if !config.allow_insecure_tcp && !is_local(&address) {
                    mistakes.push(format!(
                        "listen: {address} is open to other hosts without encryption; listen on a Unix socket or \
                         127.0.0.1, or set allow_insecure_tcp = true (--allow-insecure-tcp) in a trusted network"
                    ));
                }
                addresses.push(address);
            }
        }
    }
    if config.listen.is_empty() {
        mistakes.push(
            "listen is empty; give an address, for example unix:/run/bandwise/bandwise.sock".to_owned(),
        );
    }
    addresses
}

/// Whether only this host can reach the address. A name counts as what it resolves to.
pub(super) fn is_local(address: &Address) -> bool {
    match address {
        Address::Unix(_) => true,
        Address::Tcp { host, port } => {
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            match bare.parse::<IpAddr>() {
                Ok(ip) => ip.is_loopback(),
                Err(_) => (host.as_str(), *port)
                    .to_socket_addrs()
                    .is_ok_and(|mut found| found.all(|address| address.ip().is_loopback())),
            }
        }
    }
}

fn admin(config: &Config, mistakes: &mut Mistakes) -> Option<Address> {
    let text = config.admin.as_ref()?;
    match text.parse::<Address>() {
        Err(error) => mistakes.push(format!("admin: {error}")),
        Ok(address @ Address::Unix(_)) => mistakes.push(format!("admin: {address} must be HOST:PORT")),
        Ok(address) if config.listen.contains(text) => {
            mistakes.push(format!("admin: {address} is also in listen"));
        }
        Ok(address) if !config.allow_insecure_tcp && !is_local(&address) => mistakes.push(format!(
            "admin: {address} is open to other hosts; bind 127.0.0.1, or set allow_insecure_tcp = true"
        )),
        Ok(address) => return Some(address),
    }
    None
}

fn net(config: &Config, mistakes: &mut Mistakes) -> NetSettings {
    let mut count = |key: &str, value: usize| mistakes.in_range(key, value, 1, 1 << 20);
    let max_connections = count("max_connections", config.max_connections);
    let max_connections_per_peer = count("max_connections_per_peer", config.max_connections_per_peer);
    let seconds = mistakes.in_range("handshake_seconds", config.handshake_seconds, 1, 3600);
    NetSettings { max_connections, max_connections_per_peer, handshake: Duration::from_secs(seconds) }
}

fn pipeline(config: &Config, mistakes: &mut Mistakes) -> PipelineConfig {
    let threads = match config.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => mistakes.in_range("threads", threads, 1, 1024),
    };
    let simd = config.simd.as_ref().map_or_else(SimdLevel::detect, |name| {
        SimdLevel::named(name).unwrap_or_else(|| {
            let here: Vec<&str> = SimdLevel::available().into_iter().map(SimdLevel::name).collect();
            mistakes.push(format!("simd = {name}: this CPU has {}", here.join(", ")));
            SimdLevel::SCALAR
        })
    });
    PipelineConfig {
        threads,
        prefetch_bytes: mistakes.in_range("prefetch_mib", config.prefetch_mib, 1, 1 << 24) * MIB,
        shared_bytes: mistakes.in_range("shared_memory_mib", config.shared_memory_mib, 0, 1 << 24) * MIB,
        replay: ReplayConfig {
            bytes: replay_bytes(config.replay_memory_mib, mistakes),
            shortage: config.replay_shortage,
        },
        max_streams: mistakes.in_range("max_streams", config.max_streams, 1, 65_536),
        max_pending_batches: mistakes.in_range("max_pending_batches", config.max_pending_batches, 1, 65_536),
        max_batch_rows: MAX_BATCH_ROWS,
        max_batch_bytes: mistakes.in_range("max_batch_mib", config.max_batch_mib, 1, MAX_BATCH_BYTES / MIB)
            * MIB,
        simd,
        pin_threads: config.pin_threads,
        fetch: fetch(config, mistakes),
    }
}

fn fetch(config: &Config, mistakes: &mut Mistakes) -> FetchConfig {
    let seconds = mistakes.in_range("fetch_seconds", config.fetch_seconds, 1, 3600);
    FetchConfig {
        bytes: mistakes.in_range("fetch_mib", config.fetch_mib, 1, 1 << 24) * MIB,
        parallel: mistakes.in_range("max_fetches", config.max_fetches, 1, 1024),
        time_limit: Duration::from_secs(seconds),
    }
}

/// For a system that does not say what it has: enough to begin with.
const UNKNOWN_REPLAY_BYTES: u64 = 1 << 30;

fn replay_bytes(memory: MemoryMib, mistakes: &mut Mistakes) -> u64 {
    match memory {
        MemoryMib::Auto => available_memory::available().map_or(UNKNOWN_REPLAY_BYTES, |bytes| bytes / 2),
        MemoryMib::Mib(mib) => mistakes.in_range("replay_memory_mib", mib, 0, 1 << 24) * MIB,
    }
}

fn limits(config: &Config, mistakes: &mut Mistakes) -> DecodeLimits {
    let DecodeLimitsConfig { max_megapixels, max_encoded_mib } = config.decode_limits;
    let megapixels = mistakes.in_range("decode_limits.max_megapixels", max_megapixels, 1, 10_000);
    let mib = mistakes.in_range("decode_limits.max_encoded_mib", max_encoded_mib, 1, 65_536);
    DecodeLimits { max_pixels: megapixels * 1_000_000, max_encoded_bytes: mib * MIB }
}

fn datasets(config: &Config, mistakes: &mut Mistakes) -> Vec<(String, OpenOptions)> {
    let mut names: BTreeSet<String> = config.source.iter().map(ToString::to_string).collect();
    let mut datasets = Vec::new();
    for dataset in &config.dataset {
        let DatasetConfig {
            name,
            path,
            keep,
            leave_out,
            allow_empty_classes,
            content,
            splits,
            verify_index,
            rescan,
        } = dataset.clone();
        if let Some(problem) = name_problem(&name) {
            mistakes.push(format!("dataset '{name}': {problem}"));
        }
        if !names.insert(name.clone()) {
            mistakes.push(format!("dataset '{name}' is listed twice"));
        }
        for file in [Some(&path), keep.as_ref(), leave_out.as_ref()].into_iter().flatten() {
            if let Err(error) = fs::metadata(file) {
                mistakes.push(format!("dataset '{name}': {}: {error}", file.display()));
            }
        }
        let mut options = OpenOptions::new(path);
        options.keep = keep;
        options.leave_out = leave_out;
        options.allow_empty_classes = allow_empty_classes;
        options.content = content;
        options.splits = splits;
        options.verify_index = verify_index;
        options.rescan = rescan;
        options.cache_dir = config.cache_dir.clone().or_else(user_cache_dir);
        datasets.push((name, options));
    }
    if config.dataset.is_empty() && config.source.is_none() {
        mistakes.push(
            "no dataset is given: use --dataset NAME=PATH, or [[dataset]] in the configuration".to_owned(),
        );
    }
    datasets
}

fn seek_points(config: &Config, mistakes: &mut Mistakes) -> Option<(PathBuf, SeekPointOptions)> {
    let spacing = mistakes.in_range("seek_spacing", config.seek_spacing, 1, 4096);
    let max_bytes = mistakes.in_range("seek_mib", config.seek_mib, 1, 1 << 20) * MIB;
    let folder = config.cache_dir.clone().or_else(user_cache_dir).filter(|_| config.seek_points)?;
    Some((folder, SeekPointOptions { spacing, max_bytes }))
}

fn name_problem(name: &str) -> Option<&'static str> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '+');
    match name.len() {
        0 => Some("the name must not be empty"),
        1..=200 if name.chars().all(allowed) => None,
        1..=200 => Some("the name must have only letters, digits and - _ . / +"),
        _ => Some("the name must have at most 200 characters"),
    }
}
