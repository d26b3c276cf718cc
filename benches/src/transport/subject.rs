//! The subjects of the measurement.

use std::fmt;

use bandwise_client::proto;

use crate::baseline::Pull;

/// Name of the daemon's dataset.
pub(super) const DATASET: &str = "synthetic";

/// Side of the images.
const SIDE: u64 = 224;

/// One line of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// One buffer copied into another, by one thread.
    Memcpy,
    /// The bytes of a batch written into a socket by another process, read into a buffer that is used again.
    Plain(Socket),
    /// Batches out of the daemon.
    Batches(Route, Format),
}

/// A kind of socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Socket {
    /// TCP over the loopback.
    Tcp,
    /// A Unix socket.
    Unix,
}

/// The route of batches from the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// gRPC over a socket.
    Grpc(Socket),
    /// Memory that daemon and client share; gRPC over the Unix socket says which batch is where.
    SharedMemory,
}

/// The format of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// Rows of a batch.
    pub rows: u64,
    /// Element type of the images.
    pub dtype: proto::Dtype,
}

impl Format {
    /// 128 images in half precision: 38.5 MB.
    pub const HALF: Self = Self { rows: 128, dtype: proto::Dtype::F16 };

    /// 256 images in 8 bits: 38.5 MB.
    pub const BYTES: Self = Self { rows: 256, dtype: proto::Dtype::U8 };

    /// The job of such batches.
    pub(super) fn job(self) -> proto::Job {
        Pull { dtype: self.dtype, ..Pull::PLAIN }.job(DATASET, self.rows)
    }

    /// Bytes of the images of a batch.
    pub fn image_bytes(self) -> usize {
        let element = if self.dtype == proto::Dtype::F16 { 2 } else { 1 };
        (self.rows * SIDE * SIDE * 3 * element) as usize
    }
}

impl Subject {
    /// All subjects, in the order of the report.
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::Memcpy, Self::Plain(Socket::Tcp), Self::Plain(Socket::Unix)];
        for route in Route::ALL {
            all.extend([Format::HALF, Format::BYTES].map(|format| Self::Batches(route, format)));
        }
        all
    }

    /// The plain copy that the subject is compared with: over the same socket, or over the Unix socket.
    #[must_use]
    pub fn ceiling(&self) -> Self {
        match self {
            Self::Plain(Socket::Tcp) | Self::Batches(Route::Grpc(Socket::Tcp), _) => Self::Plain(Socket::Tcp),
            _ => Self::Plain(Socket::Unix),
        }
    }

    /// The name in reports.
    pub fn name(&self) -> String {
        match self {
            Self::Memcpy => "memcpy in one thread".to_owned(),
            Self::Plain(socket) => format!("plain copy, {socket}"),
            Self::Batches(route, format) => format!("{route}, {format}"),
        }
    }
}

impl Route {
    /// All routes, in the order of the report.
    pub const ALL: [Self; 3] = [Self::Grpc(Socket::Tcp), Self::Grpc(Socket::Unix), Self::SharedMemory];
}

impl fmt::Display for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "TCP loopback",
            Self::Unix => "Unix socket",
        })
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grpc(socket) => write!(f, "gRPC, {socket}"),
            Self::SharedMemory => f.write_str("shared memory"),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dtype = self.dtype.as_str_name().trim_start_matches("DTYPE_").to_ascii_lowercase();
        write!(f, "{} x {dtype}", self.rows)
    }
}
