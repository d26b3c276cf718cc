//! The link to one daemon: opens a stream, reads it, and reopens it after it broke.
//!
//! A stream is read where the run polls it, so nothing is received before the trainer waits for it. It is opened by a
//! task of its own, which continues while the trainer works. A link whose stream breaks rests for 0.1 to 5 s, with
//! jitter, and opens it again over a new connection; its batches go back to the table. The scheduler decides what to
//! request and what follows from an answer.

use std::{
    fmt,
    future::pending,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bandwise_proto::{Address, v1::WantSteps};
use tokio::{
    task::JoinHandle,
    time::{Sleep, sleep, timeout},
};

use crate::{
    backoff::Backoff,
    connection::Connection,
    error::ClientError,
    opening,
    schedule::Wanted,
    spec::StreamSpec,
    stream::{BatchStream, Reply},
    transport::Transport,
};

/// Time that a daemon may take until its stream is open.
pub(crate) const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// An event of a link.
#[derive(Debug)]
pub(crate) enum Event {
    /// The stream is open, for so many batches at a time.
    Opened(usize),
    /// The daemon has answered.
    Reply(Reply),
    /// The stream broke or could not be opened; it is tried again.
    Lost(ClientError),
    /// The daemon does not take this job; it is not tried again.
    Refused(ClientError),
}

/// A stream, and how many batches it takes at a time.
type Opened = (BatchStream, usize);

enum State {
    /// Left alone for a while.
    Resting(Pin<Box<Sleep>>),
    Opening(Opening),
    Open(Box<BatchStream>),
    Refused,
}

/// A task that ends with the value.
struct Opening(JoinHandle<Result<Opened, ClientError>>);

impl Drop for Opening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The link to one daemon.
pub(crate) struct DaemonLink {
    address: Address,
    spec: Arc<StreamSpec>,
    state: State,
    backoff: Backoff,
    /// Whether the end of the open stream was noticed.
    noticed: bool,
    transport: Option<Transport>,
}

impl DaemonLink {
    /// A link that opens its stream over `connection`; or leaves the daemon alone for a while because of the error, which
    /// is the link's first event.
    pub(crate) fn new(
        address: Address,
        spec: Arc<StreamSpec>,
        connection: Result<Connection, ClientError>,
    ) -> (Self, Option<Event>) {
        let mut link = Self {
            address,
            spec,
            state: State::Refused,
            backoff: Backoff::default(),
            noticed: false,
            transport: None,
        };
        match connection {
            Ok(connection) => {
                link.state = link.opening(Some(connection));
                (link, None)
            }
            Err(error) => {
                let event = link.broken(error);
                (link, Some(event))
            }
        }
    }

    /// The address of the daemon.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Whether its stream is about to open.
    pub(crate) fn is_opening(&self) -> bool {
        matches!(self.state, State::Opening(_))
    }

    /// The present or last transport of batches from here.
    pub(crate) fn transport(&self) -> Option<Transport> {
        self.transport
    }

    /// Asks for a batch.
    pub(crate) fn want(&self, wanted: Wanted) {
        if let State::Open(stream) = &self.state {
            stream.want(WantSteps {
                first_step: wanted.id.step,
                count: 1,
                stride: 1,
                first_row: wanted.id.first_row,
                rows: wanted.rows,
            });
        }
    }

    /// Cancels the wants of a step.
    pub(crate) fn cancel(&self, step: u64) {
        if let State::Open(stream) = &self.state {
            stream.cancel(vec![step]);
        }
    }

    /// Ends the stream, which is opened again after a while.
    pub(crate) fn leave(&mut self) {
        self.state = State::Resting(Box::pin(sleep(self.backoff.next())));
    }

    /// The daemon has made a batch, so its next failure is its first one again.
    pub(crate) fn works(&mut self) {
        self.backoff.reset();
    }

    /// Waits until the stream ends, even if batches of it are still unread here; for ever after that was noticed.
    pub(crate) async fn over(&self) {
        match &self.state {
            State::Open(stream) if !self.noticed => stream.over().await,
            _ => pending().await,
        }
    }

    /// The end of the stream was noticed.
    pub(crate) fn notice(&mut self) {
        self.noticed = true;
    }

    /// The next event.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        loop {
            match &mut self.state {
                State::Refused => return Poll::Pending,
                State::Resting(pause) => {
                    ready!(pause.as_mut().poll(context));
                    self.state = self.opening(None);
                }
                State::Opening(opening) => {
                    let opened = ready!(Pin::new(&mut opening.0).poll(context));
                    return Poll::Ready(self.opened(opened.unwrap_or_else(|error| {
                        Err(self.unreachable(&format!("the task that opens the stream has ended: {error}")))
                    })));
                }
                State::Open(stream) => {
                    let reply = ready!(pin!(stream.next()).poll(context));
                    return Poll::Ready(match reply {
                        Ok(Some(reply)) => Event::Reply(reply),
                        Ok(None) => self.broken(self.unreachable("the daemon has ended the stream")),
                        Err(error) => self.broken(error),
                    });
                }
            }
        }
    }

    fn opened(&mut self, opened: Result<Opened, ClientError>) -> Event {
        match opened {
            Ok((stream, capacity)) => {
                self.transport = Some(stream.transport());
                self.state = State::Open(Box::new(stream));
                self.noticed = false;
                Event::Opened(capacity)
            }
            Err(error) => self.broken(error),
        }
    }

    fn broken(&mut self, error: ClientError) -> Event {
        if error.is_final() {
            self.state = State::Refused;
            return Event::Refused(error);
        }
        self.leave();
        Event::Lost(error)
    }

    fn opening(&self, connection: Option<Connection>) -> State {
        let (address, spec) = (self.address.clone(), Arc::clone(&self.spec));
        let late = self.unreachable("it does not answer");
        State::Opening(Opening(tokio::spawn(async move {
            timeout(OPEN_TIMEOUT, open(&address, &spec, connection)).await.unwrap_or(Err(late))
        })))
    }

    fn unreachable(&self, reason: &str) -> ClientError {
        ClientError::Connect { address: self.address.clone(), reason: reason.to_owned() }
    }
}

impl fmt::Debug for DaemonLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DaemonLink").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Opens a stream; over a new connection where there is none, so that nothing is left of one that hangs.
async fn open(
    address: &Address,
    spec: &StreamSpec,
    connection: Option<Connection>,
) -> Result<Opened, ClientError> {
    let connection = match connection {
        Some(connection) => connection,
        None => Connection::open(address).await?,
    };
    let capacity = connection.describe("").await?.max_pending_batches;
    Ok((opening::open(&connection, spec).await?, capacity as usize))
}
