//! A connection that ends when its pass is withdrawn, or when no request came in time.

use std::{
    future::Future as _,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};
use tonic::transport::server::Connected;

use crate::net::{Caller, Pass};

/// A connection with its pass.
#[derive(Debug)]
pub(crate) struct Guarded<S> {
    socket: S,
    pass: Pass,
    /// Runs until there was a request.
    deadline: Option<Pin<Box<Sleep>>>,
    withdrawn: bool,
}

impl<S> Guarded<S> {
    pub(crate) fn new(socket: S, pass: Pass) -> Self {
        let deadline = Some(Box::pin(sleep(pass.gate().limits().first_request)));
        Self { socket, pass, deadline, withdrawn: false }
    }

    /// The connection as its requests see it.
    pub(crate) fn caller(&self) -> &Caller {
        self.pass.caller()
    }

    /// An error once the connection must end.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if self.withdrawn || Pin::new(&mut self.pass.withdrawn).poll(context).is_ready() {
            self.withdrawn = true;
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "closed for other connections"));
        }
        if self.pass.asked() {
            self.deadline = None;
        } else if let Some(deadline) = &mut self.deadline
            && deadline.as_mut().poll(context).is_ready()
        {
            self.pass.gate().say_silent(self.pass.caller().peer());
            self.withdrawn = true;
            return Err(io::Error::new(io::ErrorKind::TimedOut, "no request in time"));
        }
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.socket).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.socket).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

impl<S> Connected for Guarded<S> {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        self.caller().clone()
    }
}
