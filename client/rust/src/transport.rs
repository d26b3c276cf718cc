//! How batches travel, and how a stream gets what was asked for.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use bandwise_proto::{
    Address,
    v1::{SharedMemoryGrant, SharedMemoryRequest},
};
use bandwise_shm::{Lease, Slots, Token, door_of, receive_descriptor};
use tokio::{
    io::{AsyncWriteExt as _, Interest},
    net::UnixStream,
};

use crate::{connection::Connection, error::ClientError, spec::StreamSpec, stream::BatchStream};

/// How long the hand-over of a descriptor may take: everything it needs is there already.
const HAND_OVER_TIMEOUT: Duration = Duration::from_secs(5);

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

/// Why a stream has no shared memory.
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

/// Opens a stream, with shared memory where the transport asked for and the daemon allow it. What was taken and why is a
/// line of the log.
pub(crate) async fn open(connection: &Connection, spec: &StreamSpec) -> Result<BatchStream, ClientError> {
    let reason = match spec.transport {
        Transport::Grpc => "it was asked for".to_owned(),
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
