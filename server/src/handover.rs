//! The second socket of each Unix listener: hands shared memory over to trainers.
//!
//! A stream offers a descriptor under a token; the client that sends the token over the socket takes it, once, and the
//! connection becomes the lease on the memory. After that the daemon has no descriptor of the file. This module decides
//! nothing: the pipeline decides how much is shared, and the service which client gets the token.
//!
//! ```text
//! Open + request ──> service::share ──> Pipeline::share: a sealed memfd, cut into slots ──> Part: token, shape
//! PATH.shm + token ──> handover ──> the descriptor (SCM_RIGHTS) ──> the client maps it
//! ```

use std::{
    collections::HashMap,
    io,
    os::fd::{AsFd as _, OwnedFd},
    sync::Arc,
};

use bandwise_pipeline::{LogThrottle, Owner};
use bandwise_shm::{TOKEN_BYTES, Token, fresh_token, send_descriptor};
use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt as _, Interest},
    net::{UnixListener, UnixStream},
    sync::watch,
    task::JoinSet,
};

use crate::{
    lease::{Claim, Lease, LeasePermit, Leases},
    net::{Acceptor, Pass},
    socket_file::SocketFile,
};

/// The descriptors that wait for their trainers.
#[derive(Debug)]
pub(crate) struct Offers {
    waiting: Mutex<HashMap<Token, Waiting>>,
    leases: Arc<Leases>,
    wrong_tokens: LogThrottle,
}

/// A descriptor, and the lease on its memory.
#[derive(Debug)]
struct Waiting {
    descriptor: OwnedFd,
    lease: Arc<Lease>,
    permit: LeasePermit,
}

/// An offer, taken back on drop.
#[derive(Debug)]
pub(crate) struct Offer {
    offers: Arc<Offers>,
    token: Token,
    lease: Arc<Lease>,
}

impl Offers {
    /// Offers and leases together are at most `most`.
    pub(crate) fn new(most: usize) -> Self {
        Self { waiting: Mutex::default(), leases: Leases::new(most), wrong_tokens: LogThrottle::new() }
    }

    /// A permit for an offer to `owner`, and for the lease that it becomes.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub(crate) fn permit(&self, owner: Owner) -> io::Result<LeasePermit> {
        self.leases.take(owner)
    }

    /// Offers `descriptor` under a fresh token.
    ///
    /// # Errors
    ///
    /// If the system has no random numbers.
    pub(crate) fn offer(self: &Arc<Self>, descriptor: OwnedFd, permit: LeasePermit) -> io::Result<Offer> {
        let (token, lease) = (fresh_token()?, Arc::<Lease>::default());
        self.waiting.lock().insert(token, Waiting { descriptor, lease: Arc::clone(&lease), permit });
        Ok(Offer { offers: Arc::clone(self), token, lease })
    }

    fn take(&self, token: &Token) -> Option<Waiting> {
        self.waiting.lock().remove(token)
    }

    /// The descriptor under a token, for the client that sends it.
    fn claim(&self, token: &Token) -> Option<(OwnedFd, Claim)> {
        let Waiting { descriptor, lease, permit } = self.take(token)?;
        Claim::new(lease, permit).map(|claim| (descriptor, claim))
    }
}

impl Offer {
    pub(crate) fn token(&self) -> &Token {
        &self.token
    }

    /// The lease that the trainer has if it takes the offer.
    pub(crate) fn lease(&self) -> &Arc<Lease> {
        &self.lease
    }
}

impl Drop for Offer {
    fn drop(&mut self) {
        // Closed outside of the lock, if no client took it.
        drop(self.offers.take(&self.token));
    }
}

/// Serves until the daemon drains: no stream opens after that. Leases continue.
pub(crate) async fn serve(
    mut acceptor: Acceptor<UnixListener>,
    file: SocketFile,
    offers: Arc<Offers>,
    mut draining: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        let (socket, pass) = tokio::select! {
            accepted = acceptor.accept() => accepted,
            // An error means that the daemon itself has ended.
            _ = draining.wait_for(|&draining| draining) => break,
        };
        connections.spawn(attend(socket, pass, Arc::clone(&offers)));
        while connections.try_join_next().is_some() {}
    }
    drop((acceptor, file));
    while connections.join_next().await.is_some() {}
}

/// A connection that brings no token, or goes away, is just closed.
async fn attend(socket: UnixStream, mut pass: Pass, offers: Arc<Offers>) {
    let limit = pass.gate().limits().first_request;
    tokio::select! {
        _ = &mut pass.withdrawn => {}
        outcome = tokio::time::timeout(limit, hand_over(socket, &offers)) => {
            if outcome.is_err() {
                pass.gate().say_silent(pass.caller().peer());
            }
        }
    }
}

async fn hand_over(mut socket: UnixStream, offers: &Offers) -> io::Result<()> {
    let mut token = [0; TOKEN_BYTES];
    socket.read_exact(&mut token).await?;
    let Some((descriptor, claim)) = offers.claim(&token) else {
        if let Some(left_out) = offers.wrong_tokens.allow() {
            tracing::warn!(
                lines_left_out = left_out,
                "a token for shared memory is unknown or was used before"
            );
        }
        return Ok(());
    };
    socket.async_io(Interest::WRITABLE, || send_descriptor(&socket, descriptor.as_fd())).await?;
    claim.sent(socket);
    Ok(())
}
