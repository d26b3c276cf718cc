//! Reasons why a daemon cannot start.

use bandwise_dataset::DatasetError;
use bandwise_pipeline::PipelineError;
use bandwise_proto::Address;
use thiserror::Error;

/// The reason why a daemon cannot start.
#[derive(Debug, Error)]
pub enum StartError {
    /// A dataset cannot be opened.
    #[error("dataset '{name}': {source}")]
    Dataset {
        /// Its name.
        name: String,
        /// The reason.
        source: Box<DatasetError>,
    },
    /// A split has the name of another dataset.
    #[error("two datasets are named '{name}': splits are named after their folder, so rename the other one")]
    SameName {
        /// The name.
        name: String,
    },
    /// The worker threads cannot be started.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    /// The thread that resolves jobs cannot be started.
    #[error("cannot start thread bw-jobs: {0}; raise the limit of processes (ulimit -u, pids.max)")]
    Thread(std::io::Error),
    /// An address cannot be bound.
    #[error("cannot listen on {address}: {reason}")]
    Bind {
        /// The address.
        address: Address,
        /// The reason, and the way out.
        reason: String,
    },
    /// The process may open next to no files.
    #[error(
        "the process may open only {limit} files, at least {needed} are needed; raise the hard limit \
         (ulimit -Hn, LimitNOFILE= of systemd)"
    )]
    Descriptors {
        /// The limit.
        limit: u64,
        /// Its least value.
        needed: u64,
    },
    /// gRPC reflection cannot be set up.
    #[error("reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}
