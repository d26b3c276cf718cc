//! The configuration of a daemon: one file, flags over it, and a check that lists every mistake.
//!
//! [`Config`] is what a file says, [`Settings`] what the daemon runs with. Nothing here opens a port or a
//! dataset.

use std::{
    fs,
    path::{Path, PathBuf},
    str::FromStr,
};

use bandwise_choice::{Choice, Mistakes, choices};
use bandwise_dataset::Splits;
use bandwise_decode::DecodeLimits;
use bandwise_pipeline::ReplayShortage;
use serde::Deserialize;
use thiserror::Error;

mod keys;
mod settings;

pub use settings::{NetSettings, Settings};

const MIB: u64 = 1 << 20;

/// Contents of a configuration file; unknown keys are mistakes. The commented default file is
/// `deploy/bandwise.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct Config {
    /// A sentence for each unknown key of the file.
    #[serde(skip)]
    pub unknown_keys: Vec<String>,
    /// Addresses to listen on: `unix:PATH` or `HOST:PORT`.
    pub listen: Vec<String>,
    /// Allow TCP listeners beyond loopback although they are not encrypted.
    pub allow_insecure_tcp: bool,
    /// `HOST:PORT` of the admin HTTP server; none if absent.
    pub admin: Option<String>,
    /// Worker threads; 0 is all cores that the process may use.
    pub threads: usize,
    /// Whether each worker thread stays on one core.
    pub pin_threads: bool,
    /// Batch memory in MiB, shared by all streams.
    pub prefetch_mib: u64,
    /// Memory in MiB for samples that are being fetched from storage, or wait for a worker then.
    pub fetch_mib: u64,
    /// Samples of one dataset that are fetched from storage at a time.
    pub max_fetches: usize,
    /// Seconds that storage has to give a sample.
    pub fetch_seconds: u64,
    /// Memory that streams share with trainers on this host, in MiB; 0 for none.
    pub shared_memory_mib: u64,
    /// Memory for rows that later steps replay, in MiB, shared by all jobs; 0 for none.
    pub replay_memory_mib: MemoryMib,
    /// Treatment of a job whose replay buffer does not fit into it.
    #[serde(deserialize_with = "choice")]
    pub replay_shortage: ReplayShortage,
    /// Streams that may be open at a time.
    pub max_streams: usize,
    /// Connections that may be open at a time.
    pub max_connections: usize,
    /// Connections that one peer may have open: a process on this host, or another host.
    pub max_connections_per_peer: usize,
    /// Seconds that a connection has to ask for something.
    pub handshake_seconds: u64,
    /// Batches that one stream may wait for.
    pub max_pending_batches: u32,
    /// Largest batch in MiB.
    pub max_batch_mib: u64,
    /// Seconds that open streams have to finish when the daemon stops.
    pub drain_seconds: u64,
    /// Folder for cached indexes; the user's cache directory if absent.
    pub cache_dir: Option<PathBuf>,
    /// Whether places in the coded data of JPEGs are kept at which decoding may begin.
    pub seek_points: bool,
    /// MCUs from one such place to the next.
    pub seek_spacing: u16,
    /// Largest file of such places of a dataset, in MiB.
    pub seek_mib: u64,
    /// Log filter.
    pub log: String,
    /// Upper bounds on the limits of jobs.
    pub decode_limits: DecodeLimitsConfig,
    /// The datasets.
    pub dataset: Vec<DatasetConfig>,
    /// A dataset that needs no files.
    #[serde(deserialize_with = "optional_choice")]
    pub source: Option<Source>,
    /// SIMD level to use instead of the best; for tests.
    pub simd: Option<String>,
}

choices! {
    /// A dataset that needs no files.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Source: "source" {
        /// A dataset of that name: 1281167 samples in 1000 classes, every byte of every image 60, the label the sample id
        /// mod 1000; nothing is read or decoded, so it measures transport alone. A batch in shared memory keeps what the
        /// trainer wrote into an earlier one.
        Synthetic = "synthetic",
    }
}

/// An amount of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "toml::Value")]
pub enum MemoryMib {
    /// Half of what the process may still take when it starts.
    Auto,
    /// So many MiB.
    Mib(u64),
}

impl FromStr for MemoryMib {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            _ => text
                .parse()
                .map(Self::Mib)
                .map_err(|_| format!("'{text}' is neither auto nor a number of MiB")),
        }
    }
}

impl TryFrom<toml::Value> for MemoryMib {
    type Error = String;

    fn try_from(value: toml::Value) -> Result<Self, String> {
        match value {
            toml::Value::String(text) => text.parse(),
            other => other.to_string().parse(),
        }
    }
}

/// Upper bounds on the limits of jobs.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default)]
pub struct DecodeLimitsConfig {
    /// Largest image in megapixels.
    pub max_megapixels: u64,
    /// Largest encoded sample in MiB.
    pub max_encoded_mib: u64,
}

/// One dataset.
#[derive(Clone, Debug, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct DatasetConfig {
    /// Name by which jobs refer to it.
    pub name: String,
    /// Folder of class folders, or of the splits train, val and test.
    pub path: PathBuf,
    /// List of the samples to keep.
    #[serde(default)]
    pub keep: Option<PathBuf>,
    /// List of samples to leave out.
    #[serde(default)]
    pub leave_out: Option<PathBuf>,
    /// Accept class folders without images.
    #[serde(default)]
    pub allow_empty_classes: bool,
    /// Whether the digest covers the content of the samples.
    #[serde(default)]
    pub content: bool,
    /// Whether the folder may hold splits.
    #[serde(default, deserialize_with = "choice")]
    pub splits: Splits,
    /// Whether each file of a kept index is looked at.
    #[serde(default = "yes")]
    pub verify_index: bool,
    /// Whether no kept index is used.
    #[serde(default)]
    pub rescan: bool,
}

fn yes() -> bool {
    true
}

/// A value by its name, which is not there where the key is left out.
fn optional_choice<'de, D: serde::Deserializer<'de>, C: Choice>(from: D) -> Result<Option<C>, D::Error> {
    choice(from).map(Some)
}

/// A value by its name.
fn choice<'de, D: serde::Deserializer<'de>, C: Choice>(from: D) -> Result<C, D::Error> {
    String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
}

impl Default for DatasetConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            path: PathBuf::new(),
            keep: None,
            leave_out: None,
            allow_empty_classes: false,
            content: false,
            splits: Splits::Auto,
            verify_index: true,
            rescan: false,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            unknown_keys: Vec::new(),
            listen: Vec::new(),
            allow_insecure_tcp: false,
            admin: None,
            threads: 0,
            pin_threads: false,
            prefetch_mib: 1024,
            fetch_mib: 256,
            max_fetches: 32,
            fetch_seconds: 30,
            shared_memory_mib: 2048,
            replay_memory_mib: MemoryMib::Auto,
            replay_shortage: ReplayShortage::default(),
            max_streams: 256,
            max_connections: 4096,
            max_connections_per_peer: 256,
            handshake_seconds: 10,
            max_pending_batches: 1024,
            max_batch_mib: 2048,
            drain_seconds: 30,
            cache_dir: None,
            seek_points: true,
            seek_spacing: 8,
            seek_mib: 16_384,
            log: "info".to_owned(),
            decode_limits: DecodeLimitsConfig::default(),
            dataset: Vec::new(),
            source: None,
            simd: None,
        }
    }
}

impl Default for DecodeLimitsConfig {
    fn default() -> Self {
        let limits = DecodeLimits::default();
        Self {
            max_megapixels: limits.max_pixels / 1_000_000,
            max_encoded_mib: limits.max_encoded_bytes / MIB,
        }
    }
}

/// A configuration that cannot be used, with everything that is wrong about it.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The file is not TOML, or has values of the wrong type.
    #[error("the configuration {path} is wrong: {source}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// The place and the reason.
        source: Box<toml::de::Error>,
    },
    /// Values that cannot be.
    #[error("the configuration has {0}")]
    Mistakes(Mistakes),
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// If it cannot be read or parsed.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text =
            fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let named = |mut config: Self| {
            for problem in &mut config.unknown_keys {
                *problem = format!("{}: {problem}", path.display());
            }
            config
        };
        Self::parse(&text)
            .map(named)
            .map_err(|source| ConfigError::Parse { path: path.to_owned(), source: Box::new(source) })
    }

    /// Reads the text of a file. Unknown keys are no error yet: [`Settings::check`] lists them with all other mistakes.
    fn parse(text: &str) -> Result<Self, toml::de::Error> {
        let mut unknown_keys = Vec::new();
        let keep = |path: serde_ignored::Path<'_>| unknown_keys.push(keys::problem(&path.to_string()));
        let mut config: Self = serde_ignored::deserialize(toml::Deserializer::parse(text)?, keep)?;
        config.unknown_keys = unknown_keys;
        Ok(config)
    }
}

/// `$XDG_CACHE_HOME/bandwise`, or `~/.cache/bandwise`: the one place that reads these variables.
pub fn user_cache_dir() -> Option<PathBuf> {
    let from =
        |variable: &str| std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = from("XDG_CACHE_HOME").or_else(|| from("HOME").map(|home| home.join(".cache")))?;
    Some(base.join("bandwise"))
}

#[cfg(test)]
mod tests;
