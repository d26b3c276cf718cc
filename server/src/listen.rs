//! Addresses: binding them, with an answer to what may be in the way.

use std::io;

use bandwise_proto::Address;
use tokio::net::{TcpListener, UnixListener};

use crate::{socket_file::SocketFile, start_error::StartError};

/// A listener that is bound and not yet served.
#[derive(Debug)]
pub(crate) enum Bound {
    /// A Unix socket and its file.
    Unix(UnixListener, SocketFile),
    /// TCP.
    Tcp(TcpListener),
}

/// The second socket of a Unix listener, bound and not yet served.
pub(crate) type BoundDoor = (UnixListener, SocketFile);

impl Bound {
    /// Its address.
    pub(crate) fn address(&self) -> Option<Address> {
        match self {
            Self::Tcp(listener) => local_address(listener),
            Self::Unix(_, file) => Some(Address::Unix(file.path().to_owned())),
        }
    }
}

/// Binds an address.
pub(crate) async fn bind(address: &Address) -> Result<Bound, StartError> {
    match address {
        Address::Tcp { .. } => bind_tcp(address).await.map(Bound::Tcp),
        Address::Unix(path) => SocketFile::bind(path)
            .await
            .map(|(listener, file)| Bound::Unix(listener, file))
            .map_err(|reason| StartError::Bind { address: address.clone(), reason }),
    }
}

/// Binds a TCP address.
pub(crate) async fn bind_tcp(address: &Address) -> Result<TcpListener, StartError> {
    TcpListener::bind(address.to_string()).await.map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => "; another program listens there: choose another port",
            io::ErrorKind::PermissionDenied => "; ports below 1024 need privileges",
            _ => "",
        };
        StartError::Bind { address: address.clone(), reason: format!("{error}{hint}") }
    })
}

/// Binds the second socket of a Unix listener. Trainers do without one where it cannot be had.
pub(crate) async fn bind_door(address: &Address) -> Option<BoundDoor> {
    let Address::Unix(path) = address else { return None };
    let path = bandwise_shm::door_of(path);
    match SocketFile::bind(&path).await {
        Ok(bound) => Some(bound),
        Err(reason) => {
            tracing::warn!(path = %path.display(), reason, "no shared memory: cannot listen");
            None
        }
    }
}

/// The address of a TCP listener, with the real port even if 0 was requested.
pub(crate) fn local_address(listener: &TcpListener) -> Option<Address> {
    let address = listener.local_addr().ok()?;
    let host = match address.ip() {
        std::net::IpAddr::V4(ip) => ip.to_string(),
        std::net::IpAddr::V6(ip) => format!("[{ip}]"),
    };
    Some(Address::Tcp { host, port: address.port() })
}
