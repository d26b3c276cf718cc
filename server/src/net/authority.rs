//! Lets clients of a Unix socket use any name for it.
//!
//! A request names in `:authority` the host that it is meant for. A Unix socket has no host, so clients send something
//! else: gRPC's C core and all languages on top of it the percent-encoded path, others the path. HTTP/2 has no rule for
//! this, and the server below (h2) refuses all but host names, without an option; its newest version does the same. So
//! this module stands between socket and h2 and replaces a name that h2 would refuse with one of the same length. The
//! compression of headers counts lengths, so both tables of compressed headers stay equal without a third one here.
//! Nothing reads the name later.
//!
//! Only frames of headers are held back and looked at, and their bytes change only if such a name is in them.
//! Everything else passes unchanged, and so does what cannot be parsed: the server below judges it. Batches travel in
//! the other direction and are not touched.
//!
//! Two other ways were left out. A crate that decodes and encodes all headers would put a second implementation in
//! front of every request; a patched h2 would have to be kept up to date.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::net::{Peer, Source};

mod fields;
mod frames;
mod huffman;
#[cfg(test)]
mod tests;

use frames::Frames;

/// A listener whose connections may send any authority, or such a connection.
#[derive(Debug)]
pub(crate) struct AnyAuthority<S> {
    inner: S,
    frames: Frames,
    /// Bytes that are to be read next, from the given place on.
    ready: Vec<u8>,
    given: usize,
}

impl<S> AnyAuthority<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self { inner, frames: Frames::new(), ready: Vec::new(), given: 0 }
    }

    /// Moves what is ready to `buffer`; false if there was nothing.
    fn give(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let rest = &self.ready[self.given..];
        if rest.is_empty() {
            return false;
        }
        let length = rest.len().min(buffer.remaining());
        buffer.put_slice(&rest[..length]);
        self.given += length;
        if self.given == self.ready.len() {
            (self.ready, self.given) = (Vec::new(), 0);
        }
        true
    }
}

impl<L: Source> Source for AnyAuthority<L> {
    type Socket = AnyAuthority<L::Socket>;

    async fn next(&self) -> io::Result<(Self::Socket, Peer)> {
        let (socket, peer) = self.inner.next().await?;
        Ok((AnyAuthority::new(socket), peer))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for AnyAuthority<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        while buffer.remaining() > 0 && !this.give(buffer) {
            ready!(Pin::new(&mut this.inner).poll_read(context, buffer))?;
            let read = &buffer.filled()[before..];
            if read.is_empty() {
                // The end, perhaps in the middle of a frame.
                this.ready = this.frames.finish();
                if this.ready.is_empty() {
                    break;
                }
                continue;
            }
            let same = this.frames.pass(read);
            this.ready = this.frames.change(&read[same..]);
            buffer.set_filled(before + same);
            if same > 0 {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for AnyAuthority<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
