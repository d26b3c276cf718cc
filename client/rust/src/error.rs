//! The errors of the client.

use std::error::Error as _;

use bandwise_proto::{Address, AddressError, Limit, Reason, detail_of, v1::ErrorDetail};
use thiserror::Error;
use tonic::{Code, Status};

use crate::rank_share::ShareError;

/// The reason why a call, a stream or a run failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The address cannot be read.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// Nobody answers at the address.
    #[error("cannot reach {address}: {reason}")]
    Connect {
        /// The address.
        address: Address,
        /// The error of the transport.
        reason: String,
    },
    /// The connection to a daemon broke.
    #[error("the connection broke: {reason}")]
    Broken {
        /// The error of the transport.
        reason: String,
    },
    /// The daemon answered with an error.
    #[error("the daemon answered {}: {message}", code_name(*.code))]
    Daemon {
        /// The gRPC code.
        code: Code,
        /// The daemon's sentence.
        message: String,
        /// The same for programs, where the daemon gave it.
        detail: Option<Box<ErrorDetail>>,
    },
    /// The rows of a step cannot be shared out as asked.
    #[error(transparent)]
    Share(#[from] ShareError),
    /// The daemon broke the contract of the wire.
    #[error("the daemon broke the protocol: {0}")]
    Protocol(String),
    /// Shared memory was demanded and cannot be had.
    #[error("no shared memory: {reason}; run on the daemon's host over its Unix socket, or use gRPC")]
    NoSharedMemory {
        /// The obstacle.
        reason: String,
    },
    /// A rank would replay rows that other ranks have.
    #[error(
        "replay_lanes is {lanes}: a client that replays itself needs a multiple of the {batches} batches of a step \
         (world size x accumulate), so that it replays its own rows only"
    )]
    ReplayLanes {
        /// Lanes of the job.
        lanes: u64,
        /// Batches of a step, over all ranks.
        batches: u64,
    },
    /// The rows to replay take more memory than allowed.
    #[error(
        "the replay buffer of a rank takes {bytes} bytes, {max_bytes} are allowed; allow more, shorten replay_buffer, or \
         let the daemon replay"
    )]
    ReplayMemory {
        /// Bytes of the buffer.
        bytes: u64,
        /// The maximum.
        max_bytes: u64,
    },
    /// The first step is beyond the plan.
    #[error("step {from_step} is beyond the plan, which has {steps} steps")]
    BeyondPlan {
        /// The requested step.
        from_step: u64,
        /// Steps of the plan.
        steps: u64,
    },
    /// There is no address of a daemon.
    #[error("no daemon address is given")]
    NoAddress,
    /// None of several daemons answers.
    #[error("no daemon answers:{}", by_address(.errors))]
    NoneAnswers {
        /// The mistakes, one for each.
        errors: Vec<(Address, Self)>,
    },
    /// No daemon was reachable for longer than the run's patience.
    #[error("no daemon was reachable for {seconds:.1} s; last error: {last}")]
    NoDaemon {
        /// The duration.
        seconds: f64,
        /// The last error.
        last: Box<Self>,
    },
    /// No daemon could read a sample for longer than the run is patient.
    #[error("no daemon could read a sample of the next batch for {seconds:.1} s: {reason}")]
    Unreadable {
        /// The step.
        step: u64,
        /// Position of the sample in the index.
        sample: u64,
        /// Its name: the path below the folder of the dataset.
        name: String,
        /// The daemon's word for the cause, one of [`Cause`](bandwise_proto::Cause) or that of a newer daemon.
        cause: String,
        /// The sentence of the daemon that was asked last.
        reason: String,
        /// Seconds that the trainer has waited since the first daemon said so.
        seconds: f64,
    },
    /// Too many samples are undecodable, or unreadable where others may take their place.
    #[error(
        "{bad} of {rows} rows hold a substitute or zeros, {} % are allowed (max_bad_fraction); the samples that \
         cannot be used:{}",
        100.0 * *.max_fraction, listed(*.bad, .names)
    )]
    TooManyBad {
        /// Rows without their own sample.
        bad: u64,
        /// Rows delivered.
        rows: u64,
        /// The fraction that is allowed.
        max_fraction: f64,
        /// The samples with their reasons, each once; not more than 100.
        names: Vec<String>,
    },
    /// The daemon did not answer in time.
    #[error("{address} has not answered for {seconds:.1} s")]
    Late {
        /// The daemon.
        address: Address,
        /// The duration.
        seconds: f64,
    },
}

/// The failure of each address, one a line.
fn by_address(errors: &[(Address, ClientError)]) -> String {
    let line = |(address, error): &(Address, ClientError)| match error {
        // These name it.
        ClientError::Connect { .. } | ClientError::Late { .. } => format!("\n  {error}"),
        _ => format!("\n  {address}: {error}"),
    };
    errors.iter().map(line).collect()
}

/// Names one a line, and how many rows are not listed.
fn listed(bad: u64, names: &[String]) -> String {
    let lines: String = names.iter().map(|name| format!("\n  {name}")).collect();
    match bad.saturating_sub(names.len() as u64) {
        0 => lines,
        more => format!("{lines}\n  and {more} more rows"),
    }
}

impl ClientError {
    /// The daemon is about to stop and has delivered what it had promised.
    pub(crate) fn drained() -> Self {
        let message = "the daemon is about to stop and has delivered all promised batches".to_owned();
        Self::Daemon { code: Code::Unavailable, message, detail: None }
    }

    /// Whether the error is about the request itself, so that the daemon would answer the same again.
    pub(crate) fn is_final(&self) -> bool {
        match self {
            // Without a detail it is not the daemon that speaks, but the transport.
            Self::Daemon { code, detail: Some(detail), .. } => match code {
                Code::Unavailable | Code::DeadlineExceeded | Code::Internal => false,
                // A place among the streams may become free.
                Code::ResourceExhausted => Limit::named_in(&detail.limit) != Some(Limit::MaxStreams),
                _ => true,
            },
            Self::Daemon { code, .. } => {
                matches!(code, Code::Unimplemented | Code::Unauthenticated | Code::PermissionDenied)
            }
            Self::Connect { .. }
            | Self::Broken { .. }
            | Self::NoneAnswers { .. }
            | Self::NoDaemon { .. }
            | Self::Unreadable { .. }
            | Self::Late { .. } => false,
            _ => true,
        }
    }

    /// Whether the daemon said that it is about to stop.
    pub(crate) fn is_draining(&self) -> bool {
        let Self::Daemon { detail: Some(detail), .. } = self else { return false };
        detail.has_reason(Reason::Draining) || detail.has_reason(Reason::Stopping)
    }

    /// Whether asking again, here or at another daemon, can help.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Connect { .. }
            | Self::Broken { .. }
            | Self::NoneAnswers { .. }
            | Self::NoDaemon { .. }
            | Self::Unreadable { .. }
            | Self::Late { .. } => true,
            Self::Daemon { code, .. } => matches!(code, Code::Unavailable | Code::DeadlineExceeded),
            _ => false,
        }
    }
}

impl From<Status> for ClientError {
    fn from(status: Status) -> Self {
        // An error of the daemon has no source; one of the transport has.
        if let Some(cause) = status.source() {
            return Self::Broken { reason: root_cause(cause) };
        }
        Self::Daemon {
            code: status.code(),
            message: status.message().to_owned(),
            detail: detail_of(&status).map(Box::new),
        }
    }
}

/// The innermost cause of an error: transports wrap it in several layers that say nothing.
pub(crate) fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// The name of a gRPC code as the protocol writes it.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
