//! The second socket of each Unix listener: hands shared memory over to trainers.
//!
//! A stream offers a descriptor under a token; whoever brings the token over the socket takes it, once. It decides
//! nothing: how much is shared is the pipeline's, who is told the token the service's.

use std::{
    collections::HashMap,
    io,
    os::fd::{AsFd as _, OwnedFd},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bandwise_shm::{TOKEN_BYTES, Token, fresh_token, send_descriptor};
use tokio::{
    io::{AsyncReadExt as _, Interest},
    net::{UnixListener, UnixStream},
    sync::{Semaphore, watch},
    task::JoinSet,
};

/// How long a connection may take to bring its token: a client connects before it opens its stream.
const DEADLINE: Duration = Duration::from_secs(10);

/// Connections at a time; more wait to be accepted.
const MAX_CONNECTIONS: usize = 64;

/// Wait after a failed accept, which is likely to fail again at once.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// The descriptors that wait for their trainers.
#[derive(Debug, Default)]
pub(crate) struct Offers(Mutex<HashMap<Token, OwnedFd>>);

/// An offer, taken back on drop.
#[derive(Debug)]
pub(crate) struct Offer {
    offers: Arc<Offers>,
    token: Token,
}

impl Offers {
    /// Offers `descriptor` under a fresh token.
    pub(crate) fn offer(self: &Arc<Self>, descriptor: OwnedFd) -> io::Result<Offer> {
        let token = fresh_token()?;
        self.lock().insert(token, descriptor);
        Ok(Offer { offers: Arc::clone(self), token })
    }

    fn take(&self, token: &Token) -> Option<OwnedFd> {
        self.lock().remove(token)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Token, OwnedFd>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
pub(crate) async fn serve(listener: UnixListener, offers: Arc<Offers>, mut draining: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        // Never closed, so a place always comes.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // An error means that the daemon itself is gone.
            _ = draining.wait_for(|&draining| draining) => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let offers = Arc::clone(&offers);
                connections.spawn(async move {
                    let _place = place;
                    // A connection that brings no token, or goes away, is just closed.
                    let _ = tokio::time::timeout(DEADLINE, hand_over(stream, &offers)).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection for shared memory");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    while connections.join_next().await.is_some() {}
}

async fn hand_over(mut stream: UnixStream, offers: &Offers) -> io::Result<()> {
    let mut token = [0; TOKEN_BYTES];
    stream.read_exact(&mut token).await?;
    let Some(descriptor) = offers.take(&token) else {
        tracing::warn!("a token for shared memory is unknown or was used before");
        return Ok(());
    };
    stream.async_io(Interest::WRITABLE, || send_descriptor(&stream, descriptor.as_fd())).await
}
