//! Streams of a connection: opened with the requested options, over shared memory where possible.
//!
//! The client asks for shared memory, and connects to the second socket before it does. Where that socket cannot be
//! reached (a TCP address, another container without the folder, an exhausted budget), `auto` takes gRPC before a pool
//! is made. The client first tries the path beside its own address: the path that the daemon announces is the daemon's
//! view, which another container need not share.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use bandwise_proto::{
    Address,
    v1::{Job, SharedMemoryGrant, SharedMemoryRequest},
};
use bandwise_shm::{Lease, Slots, Token, door_of, receive_descriptor};
use tokio::{
    io::{AsyncWriteExt as _, Interest},
    net::UnixStream,
};

use crate::{
    connection::Connection, error::ClientError, expected::Expected, spec::StreamSpec, stream::BatchStream,
    transport::Transport,
};

/// Time limit for the hand-over of a descriptor: everything it needs is there already.
const HAND_OVER_TIMEOUT: Duration = Duration::from_secs(5);

impl Connection {
    /// Opens a stream of batches of `job` over gRPC. The job must have the expected fingerprint if there is one.
    ///
    /// # Errors
    ///
    /// If the daemon cannot be reached or refuses the job.
    pub async fn stream(&self, job: Job, expected: Expected) -> Result<BatchStream, ClientError> {
        self.stream_over(Transport::Grpc, SharedMemoryRequest::default(), job, expected).await
    }

    /// The same for the fresh rows of batches alone, see [`crate::ReplayBuffer`].
    pub(crate) async fn fresh_stream(
        &self,
        job: Job,
        expected: Expected,
    ) -> Result<BatchStream, ClientError> {
        let spec = StreamSpec { fresh_only: true, ..StreamSpec::over_grpc(job, expected) };
        self.open_stream(&spec, None).await
    }

    /// The same over `transport`. Shared memory has the shape `request`: as many slots as there will be batches
    /// requested ahead or held, each large enough for every batch.
    ///
    /// # Errors
    ///
    /// As [`Connection::stream`]; also if shared memory is demanded and cannot be had.
    pub async fn stream_over(
        &self,
        transport: Transport,
        request: SharedMemoryRequest,
        job: Job,
        expected: Expected,
    ) -> Result<BatchStream, ClientError> {
        let spec = StreamSpec { transport, memory: request, ..StreamSpec::over_grpc(job, expected) };
        open(self, &spec).await
    }

    /// Opens a stream; one that asks for shared memory has not heard the answer.
    pub(crate) async fn open_stream(
        &self,
        spec: &StreamSpec,
        memory: Option<SharedMemoryRequest>,
    ) -> Result<BatchStream, ClientError> {
        BatchStream::open(self.channel.clone(), spec, memory).await
    }
}

/// The reason why a stream has no shared memory.
enum Obstacle {
    /// It cannot be had; gRPC works.
    NotShared(String),
    /// The daemon refuses the stream, however its batches travel.
    Refused(ClientError),
}

/// Anything that goes wrong with a call concerns the stream, not its memory.
impl From<ClientError> for Obstacle {
    fn from(error: ClientError) -> Self {
        Self::Refused(error)
    }
}

fn not_shared(reason: impl fmt::Display) -> Obstacle {
    Obstacle::NotShared(reason.to_string())
}

/// Opens a stream, with shared memory if the requested transport and the daemon allow it. What was taken and why is a
/// line of the log.
pub(crate) async fn open(connection: &Connection, spec: &StreamSpec) -> Result<BatchStream, ClientError> {
    let reason = match spec.transport {
        Transport::Grpc => "gRPC was requested".to_owned(),
        _ => match shared(connection, spec).await {
            Ok(stream) => return Ok(stream),
            Err(Obstacle::Refused(error)) => return Err(error),
            Err(Obstacle::NotShared(reason)) if spec.transport == Transport::SharedMemory => {
                return Err(ClientError::NoSharedMemory { reason });
            }
            Err(Obstacle::NotShared(reason)) => reason,
        },
    };
    tracing::info!(daemon = %connection.address(), reason, "batches come over gRPC");
    connection.open_stream(spec, None).await
}

async fn shared(connection: &Connection, spec: &StreamSpec) -> Result<BatchStream, Obstacle> {
    // Before the stream: a daemon whose second socket cannot be reached need not make a pool.
    let door = door(connection, spec.transport).await?;
    let request = SharedMemoryRequest { lease: true, ..spec.memory };
    let mut stream = connection.open_stream(spec, Some(request)).await?;
    let grant = stream.grant().await?;
    if grant.token.is_empty() {
        return Err(not_shared(format!("the daemon said: {}", grant.refusal)));
    }
    let slots = tokio::time::timeout(HAND_OVER_TIMEOUT, fetch(door, &grant)).await;
    let slots = slots.map_err(|_| not_shared("the daemon does not hand the memory over"))??;
    tracing::info!(
        daemon = %connection.address(),
        slots = slots.count(),
        slot_bytes = slots.slot_bytes(),
        "batches come through shared memory"
    );
    stream.use_slots(slots);
    Ok(stream)
}

/// Connects to the daemon's second socket: beside the client's own address first, since paths may differ between
/// containers, then where the daemon says it is.
async fn door(connection: &Connection, transport: Transport) -> Result<UnixStream, Obstacle> {
    let own = match connection.address() {
        Address::Unix(path) => Some(door_of(path)),
        Address::Tcp { .. } if transport == Transport::Auto => {
            return Err(not_shared("the daemon is not reached over a Unix socket"));
        }
        Address::Tcp { .. } => None,
    };
    let announced = connection.describe("").await?.shm_socket;
    if announced.is_empty() {
        return Err(not_shared("the daemon shares no memory"));
    }
    let mut reason = String::new();
    for path in own.into_iter().chain([PathBuf::from(announced)]) {
        match UnixStream::connect(&path).await {
            Ok(stream) => return Ok(stream),
            Err(error) => reason = format!("cannot reach {}: {error}", path.display()),
        }
    }
    Err(not_shared(reason))
}

/// Brings the token and maps what comes back. The connection becomes the lease on it.
async fn fetch(mut door: UnixStream, grant: &SharedMemoryGrant) -> Result<Arc<Slots>, Obstacle> {
    let token: Token =
        grant.token.as_ref().try_into().map_err(|_| not_shared("the token has no 16 bytes"))?;
    door.write_all(&token).await.map_err(not_shared)?;
    let descriptor =
        door.async_io(Interest::READABLE, || receive_descriptor(&door)).await.map_err(not_shared)?;
    let lease = Lease::new(door.into_std().map_err(not_shared)?.into());
    Slots::open(descriptor, lease, grant.slots, grant.slot_bytes).map_err(not_shared)
}
