//! Sockets: binding them, with an answer to what may be in the way, and cleaning up behind them.

use std::{
    fs, io,
    os::{
        fd::AsFd as _,
        unix::fs::{FileTypeExt as _, PermissionsExt as _},
    },
    path::{Path, PathBuf},
};

use bandwise_client::Address;
use rustix::net::sockopt;
use tokio::net::{TcpListener, UnixListener, UnixStream};

use crate::server::StartError;

/// Bytes that a Unix socket takes before its writer waits. With the usual 208 KiB, sender and receiver wake each other
/// for every part of a batch; more than this makes no difference. TCP's buffers grow by themselves.
const UNIX_SEND_BYTES: usize = 2 << 20;

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

/// The file of a Unix socket, removed when its server is gone.
#[derive(Debug)]
pub(crate) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Somebody else may have removed it; there is nobody to tell.
        let _ = fs::remove_file(&self.0);
    }
}

impl SocketFile {
    /// The path from the root on.
    pub(crate) fn absolute(&self) -> PathBuf {
        std::path::absolute(&self.0).unwrap_or_else(|_| self.0.clone())
    }
}

impl Bound {
    /// Where it listens.
    pub(crate) fn address(&self) -> Option<Address> {
        match self {
            Self::Tcp(listener) => local_address(listener),
            Self::Unix(_, file) => Some(Address::Unix(file.0.clone())),
        }
    }
}

/// Gives a connection a large buffer, where the system allows it.
pub(crate) fn widen(connection: &UnixStream) {
    // A smaller buffer is slower, nothing else.
    let _ = sockopt::set_socket_send_buffer_size(connection.as_fd(), UNIX_SEND_BYTES);
}

/// Binds an address.
pub(crate) async fn bind(address: &Address) -> Result<Bound, StartError> {
    match address {
        Address::Tcp { .. } => bind_tcp(address).await.map(Bound::Tcp),
        Address::Unix(path) => bind_unix(path)
            .await
            .map(|listener| Bound::Unix(listener, SocketFile(path.clone())))
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
    match bind_unix(&path).await {
        Ok(listener) => Some((listener, SocketFile(path))),
        Err(reason) => {
            tracing::warn!(path = %path.display(), reason, "no shared memory: cannot listen");
            None
        }
    }
}

/// Binds a Unix socket, in the place of one that a dead daemon left behind.
async fn bind_unix(path: &Path) -> Result<UnixListener, String> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error.to_string()),
        Ok(found) if !found.file_type().is_socket() => {
            return Err("a file that is no socket is in the way; remove it or choose another path".to_owned());
        }
        Ok(_) => {
            if UnixStream::connect(path).await.is_ok() {
                return Err("another daemon listens there; stop it or choose another path".to_owned());
            }
            fs::remove_file(path).map_err(|error| format!("cannot remove the stale socket: {error}"))?;
        }
    }
    let listener = UnixListener::bind(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!("{error}; create the folder first"),
        _ => error.to_string(),
    })?;
    // Trainers in the same container group often run as another user of the same group.
    fs::set_permissions(path, fs::Permissions::from_mode(0o660)).map_err(|error| error.to_string())?;
    Ok(listener)
}

/// Where a TCP listener listens: the real port also where 0 was asked for.
pub(crate) fn local_address(listener: &TcpListener) -> Option<Address> {
    let address = listener.local_addr().ok()?;
    let host = match address.ip() {
        std::net::IpAddr::V4(ip) => ip.to_string(),
        std::net::IpAddr::V6(ip) => format!("[{ip}]"),
    };
    Some(Address::Tcp { host, port: address.port() })
}
