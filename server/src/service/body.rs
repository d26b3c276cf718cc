//! The body of a streaming answer, which sends the bytes of a batch from its own memory.
//!
//! The encoder of tonic copies each message into a buffer of its own, which for tensors costs as much as sending them.
//! Here a part with data becomes two pieces: a few bytes with the rest of the message, and the slice of the batch.
//! HTTP/2 puts both into one write. On the wire it is the same protobuf message, whose last field is `data`, and any
//! gRPC client reads it. Requests, small answers, errors and everything else stay with tonic.
//!
//! Batches go from stream to connection whole: a hand-over between threads for each part cost a third of the rate over
//! a Unix socket. Parts of 512 KiB and 1 MiB and stream windows of 2 and 4 MiB made no difference beyond the noise of a
//! shared machine (medians of 4 interleaved rounds), so parts stayed at 256 KiB and windows at 16 MiB.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bandwise_proto::split_part;
use bytes::Bytes;
use http_body::Frame;
use parking_lot::Mutex;
use tokio::sync::mpsc::Receiver;
use tokio_stream::Empty;
use tonic::{
    Code, Response, Status,
    body::Body,
    codegen::{BoxFuture, Service, http},
    server::NamedService,
};

use crate::service::parts::BatchParts;

/// The source of parts: whole batches at a time, since a hand-over between threads costs more than a part.
type Outgoing = Receiver<Result<BatchParts, Status>>;

/// The parts of a batch on their way from a handler past tonic's encoder, as an extension of its response.
#[derive(Clone)]
struct Bypass(Arc<Mutex<Option<Outgoing>>>);

/// The answer of a handler: tonic sees an empty stream, [`WithoutEncoder`] sends the parts.
pub(crate) fn answer<T>(outgoing: Outgoing) -> Response<Empty<T>> {
    let mut response = Response::new(tokio_stream::empty());
    response.extensions_mut().insert(Bypass(Arc::new(Mutex::new(Some(outgoing)))));
    response
}

/// A service whose streaming answers are sent without tonic's encoder.
#[derive(Clone, Debug)]
pub(crate) struct WithoutEncoder<S>(pub(crate) S);

impl<S: NamedService> NamedService for WithoutEncoder<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<http::Request<Body>> for WithoutEncoder<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let response = self.0.call(request);
        Box::pin(async move {
            let mut response = response.await?;
            let bypass = response.extensions_mut().remove::<Bypass>();
            let outgoing = bypass.and_then(|Bypass(it)| it.lock().take());
            if let Some(outgoing) = outgoing {
                let body = PartBody { outgoing, parts: None, data: Bytes::new(), ended: false };
                *response.body_mut() = Body::new(body);
            }
            Ok(response)
        })
    }
}

/// The frames of a stream of parts.
struct PartBody {
    outgoing: Outgoing,
    /// The batch that is being sent.
    parts: Option<BatchParts>,
    /// The bytes before the next part.
    data: Bytes,
    ended: bool,
}

impl http_body::Body for PartBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if !this.data.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut this.data)))));
        }
        let status = loop {
            if let Some(part) = this.parts.as_mut().and_then(Iterator::next) {
                let (head, data) = split_part(part);
                this.data = data;
                return Poll::Ready(Some(Ok(Frame::data(head))));
            }
            // The memory of a batch that is sent goes back before the next one is waited for.
            this.parts = None;
            if this.ended {
                return Poll::Ready(None);
            }
            match ready!(this.outgoing.poll_recv(context)) {
                Some(Ok(parts)) => this.parts = Some(parts),
                Some(Err(status)) => break status,
                None => break Status::new(Code::Ok, ""),
            }
        };
        this.ended = true;
        let mut trailers = http::HeaderMap::new();
        Poll::Ready(Some(status.add_header(&mut trailers).map(|()| Frame::trailers(trailers))))
    }
}
