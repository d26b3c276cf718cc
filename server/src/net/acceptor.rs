//! Takes connections from a listener through a gate, and waits where that is not possible.
//!
//! The system finds a TCP peer that has vanished: keep-alive, and a limit of 20 s for bytes that are not acknowledged,
//! on both sides of a connection. The keep-alive of HTTP/2 cannot say goodbye through a full socket and would wait for
//! minutes.

use std::{future::Future, io, os::fd::AsFd as _, sync::Arc, time::Duration};

use bandwise_pipeline::LogThrottle;
use rustix::net::sockopt;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    time::{sleep, timeout},
};

use crate::net::{Gate, Guarded, Pass, Peer, gate::Entrance};

/// Bytes that a Unix socket takes before its writer waits. With the usual 208 KiB, sender and receiver wake each other
/// for every part of a batch; more than this makes no difference. TCP's buffers grow automatically.
const UNIX_SEND_BYTES: usize = 2 << 20;

/// A TCP peer that says nothing for so long is asked whether it is still there,
const TCP_IDLE: Duration = Duration::from_secs(10);

/// so often,
const TCP_ASK_AGAIN: Duration = Duration::from_secs(5);

/// and so many times.
const TCP_ASKS: u32 = 2;

/// Time within which sent bytes must be acknowledged: a peer that has vanished confirms nothing.
const TCP_UNCONFIRMED: Duration = Duration::from_secs(20);

/// Waits after a failed accept, which is likely to fail again at once: the first, and the longest.
const ACCEPT_AGAIN: [Duration; 2] = [Duration::from_millis(10), Duration::from_secs(1)];

/// Wait after a connection that was refused or came in the place of another, so that a flood takes little time.
const AFTER_CROWD: Duration = Duration::from_millis(1);

/// Longest wait for a place before the next try.
const PLACE_AGAIN: Duration = Duration::from_secs(1);

/// A listener.
pub(crate) trait Source: Send + Sync + 'static {
    /// Its connections.
    type Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next connection and who is there.
    fn next(&self) -> impl Future<Output = io::Result<(Self::Socket, Peer)>> + Send;
}

impl Source for UnixListener {
    type Socket = UnixStream;

    async fn next(&self) -> io::Result<(UnixStream, Peer)> {
        let (socket, _) = self.accept().await?;
        let who = socket.peer_cred()?;
        // A smaller buffer is slower, nothing else.
        let _ = sockopt::set_socket_send_buffer_size(socket.as_fd(), UNIX_SEND_BYTES);
        Ok((socket, Peer::Process { uid: who.uid(), pid: who.pid().unwrap_or(0) }))
    }
}

impl Source for TcpListener {
    type Socket = TcpStream;

    async fn next(&self) -> io::Result<(TcpStream, Peer)> {
        let (socket, address) = self.accept().await?;
        watch(&socket);
        Ok((socket, Peer::Host(address.ip().to_canonical())))
    }
}

/// Has the system find out when a TCP peer vanishes. Without one of these it takes longer, nothing else.
fn watch(socket: &TcpStream) {
    let _ = socket.set_nodelay(true);
    let _ = sockopt::set_socket_keepalive(socket, true);
    let _ = sockopt::set_tcp_keepidle(socket, TCP_IDLE);
    let _ = sockopt::set_tcp_keepintvl(socket, TCP_ASK_AGAIN);
    let _ = sockopt::set_tcp_keepcnt(socket, TCP_ASKS);
    let _ = sockopt::set_tcp_user_timeout(socket, TCP_UNCONFIRMED.as_millis() as u32);
}

/// A listener behind a gate.
#[derive(Debug)]
pub(crate) struct Acceptor<L> {
    listener: L,
    gate: Arc<Gate>,
    trouble: LogThrottle,
    wait: Duration,
}

impl<L: Source> Acceptor<L> {
    pub(crate) fn new(listener: L, gate: Arc<Gate>) -> Self {
        Self { listener, gate, trouble: LogThrottle::new(), wait: ACCEPT_AGAIN[0] }
    }

    /// The next connection that is let in.
    pub(crate) async fn accept(&mut self) -> (L::Socket, Pass) {
        loop {
            let (socket, peer) = match self.listener.next().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    self.failed(&error).await;
                    continue;
                }
            };
            self.wait = ACCEPT_AGAIN[0];
            if let Some(pass) = self.pass(peer).await {
                return (socket, pass);
            }
        }
    }

    /// The next connection that is let in, with its pass in one piece.
    pub(crate) async fn guarded(&mut self) -> Guarded<L::Socket> {
        let (socket, pass) = self.accept().await;
        Guarded::new(socket, pass)
    }

    /// The pass of a connection; none if its peer has too many.
    async fn pass(&self, peer: Peer) -> Option<Pass> {
        loop {
            match self.gate.enter(peer) {
                Entrance::Open { pass, crowded: false } => return Some(pass),
                Entrance::Open { pass, crowded: true } => {
                    sleep(AFTER_CROWD).await;
                    return Some(pass);
                }
                Entrance::Refused => {
                    sleep(AFTER_CROWD).await;
                    return None;
                }
                // Everybody else waits to be accepted meanwhile.
                Entrance::Full => drop(timeout(PLACE_AGAIN, self.gate.one_left()).await),
            }
        }
    }

    async fn failed(&mut self, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, NotConnected};
        if matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted | NotConnected) {
            return;
        }
        if let Some(left_out) = self.trouble.allow() {
            tracing::warn!(%error, lines_left_out = left_out, "cannot accept connections; trying again");
        }
        sleep(self.wait).await;
        self.wait = (self.wait * 2).min(ACCEPT_AGAIN[1]);
    }
}
