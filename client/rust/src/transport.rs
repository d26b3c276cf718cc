//! The ways by which batches travel.

use std::fmt;

/// How batches travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// Through shared memory where the daemon is reached over a Unix socket and offers it, else over gRPC.
    #[default]
    Auto,
    /// Over gRPC.
    Grpc,
    /// Through shared memory; an error where that cannot be.
    SharedMemory,
}

impl fmt::Display for Transport {
    /// As the command line writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Grpc => "grpc",
            Self::SharedMemory => "shm",
        })
    }
}
