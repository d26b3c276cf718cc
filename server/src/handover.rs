//! The second socket of each Unix listener: hands shared memory over to trainers.
//!
//! A stream offers a descriptor under a token; whoever brings the token over the socket takes it, once. It decides
//! nothing: how much is shared is the pipeline's, who is told the token the service's.

use std::{
    collections::HashMap,
    io,
    os::fd::{AsFd as _, OwnedFd},
    sync::{Arc, Mutex, PoisonError},
};

use bandwise_pipeline::Seldom;
use bandwise_shm::{TOKEN_BYTES, Token, fresh_token, send_descriptor};
use tokio::{
    io::{AsyncReadExt as _, Interest},
    net::{UnixListener, UnixStream},
    sync::watch,
    task::JoinSet,
};

use crate::{
    net::{Acceptor, Pass},
    socket_file::SocketFile,
};

/// The descriptors that wait for their trainers.
#[derive(Debug)]
pub(crate) struct Offers {
    waiting: Mutex<HashMap<Token, OwnedFd>>,
    /// Number of connections that may wait at a time.
    most: usize,
    wrong_tokens: Seldom,
}

/// An offer, taken back on drop.
#[derive(Debug)]
pub(crate) struct Offer {
    offers: Arc<Offers>,
    token: Token,
}

impl Offers {
    /// At most `most` at a time.
    pub(crate) fn new(most: usize) -> Self {
        Self { waiting: Mutex::default(), most, wrong_tokens: Seldom::new() }
    }

    /// Offers `descriptor` under a fresh token.
    pub(crate) fn offer(self: &Arc<Self>, descriptor: OwnedFd) -> io::Result<Offer> {
        let token = fresh_token()?;
        let mut waiting = self.lock();
        if waiting.len() >= self.most {
            return Err(io::Error::other("too many streams have not fetched theirs"));
        }
        waiting.insert(token, descriptor);
        Ok(Offer { offers: Arc::clone(self), token })
    }

    fn take(&self, token: &Token) -> Option<OwnedFd> {
        self.lock().remove(token)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Token, OwnedFd>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Offer {
    pub(crate) fn token(&self) -> &Token {
        &self.token
    }
}

impl Drop for Offer {
    fn drop(&mut self) {
        // Closed outside of the lock, if nobody took it.
        drop(self.offers.take(&self.token));
    }
}

/// Serves until the daemon drains: no stream opens after that.
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
            // An error means that the daemon itself is gone.
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
    let Some(descriptor) = offers.take(&token) else {
        if let Some(left_out) = offers.wrong_tokens.turn() {
            tracing::warn!(
                lines_left_out = left_out,
                "a token for shared memory is unknown or was used before"
            );
        }
        return Ok(());
    };
    socket.async_io(Interest::WRITABLE, || send_descriptor(&socket, descriptor.as_fd())).await
}
