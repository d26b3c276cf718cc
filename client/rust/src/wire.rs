//! One `StreamBatches` call without a buffer between the connection and the batch.
//!
//! gRPC's usual decoder collects each message before it decodes it, which for tensors is one more copy. Here a part
//! whose `data` is its last field, after a few numbers, as daemons write it, is read up to the data, and the data is
//! appended to the batch as it arrives. Every other part is collected and decoded as usual. Receiving and copying
//! happen in one thread. Pausing the reads after each part, so that it is copied while it is in the cache, made it
//! slower.

use std::future::poll_fn;

use bandwise_proto::{
    DataPosition, MESSAGE_PREFIX_BYTES, STREAM_BATCHES_PATH, message_len,
    v1::{Part, Want},
};
use bytes::{Buf as _, Bytes, BytesMut};
use http_body_util::BodyExt as _;
use prost::Message as _;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{
    Code, Status,
    body::Body,
    codec::{BufferSettings, EncodeBody},
    codegen::{Service as _, http},
    transport::Channel,
};
use tonic_prost::ProstCodec;

/// Longest message that is read, as in gRPC clients by default.
const MAX_MESSAGE_BYTES: usize = 4 << 20;

/// A piece of the answer.
#[derive(Debug, PartialEq)]
pub(crate) enum Piece {
    /// A part; its data follow.
    Part(Box<Part>),
    /// Bytes of the data of the part before.
    Data(Bytes),
}

/// The answer of the daemon.
#[derive(Debug)]
pub(crate) struct PartStream {
    body: Body,
    /// The last bytes that were not read.
    chunk: Bytes,
    /// The begin of the message that is being read, with its prefix.
    head: BytesMut,
    /// Bytes of data that the last part still has.
    data_left: usize,
}

impl PartStream {
    /// Calls the daemon, which reads `wants` for as long as it answers.
    pub(crate) async fn call(
        mut channel: Channel,
        wants: impl Stream<Item = Want> + Send + 'static,
    ) -> Result<Self, Status> {
        let encoder = ProstCodec::<Want, Part>::raw_encoder(BufferSettings::default());
        let body = EncodeBody::new_client(encoder, wants.map(Ok), None, None);
        poll_fn(|context| channel.poll_ready(context)).await.map_err(failed)?;
        let response = channel.call(request(Body::new(body))).await.map_err(failed)?;
        match Status::from_header_map(response.headers()) {
            Some(status) if status.code() != Code::Ok => return Err(status),
            _ if response.status() != http::StatusCode::OK => {
                return Err(Status::unavailable(format!("HTTP status {}", response.status())));
            }
            _ => {}
        }
        Ok(Self { body: response.into_body(), chunk: Bytes::new(), head: BytesMut::new(), data_left: 0 })
    }

    /// The next piece; `None` at the good end. Cancel-safe: a dropped call loses nothing.
    pub(crate) async fn next(&mut self) -> Result<Option<Piece>, Status> {
        if self.data_left > 0 {
            return self.data().await.map(Some);
        }
        if !self.collect(MESSAGE_PREFIX_BYTES).await? {
            return Ok(None);
        }
        let len = self.message_len()?;
        self.collect(MESSAGE_PREFIX_BYTES + len.min(DataPosition::WITHIN)).await?;
        if let Some(position) = DataPosition::find(&self.head[MESSAGE_PREFIX_BYTES..], len) {
            let part = decode(&self.head[MESSAGE_PREFIX_BYTES..MESSAGE_PREFIX_BYTES + position.fields])?;
            self.head.advance(MESSAGE_PREFIX_BYTES + position.data);
            self.data_left = len - position.data;
            return Ok(Some(Piece::Part(Box::new(part))));
        }
        self.collect(MESSAGE_PREFIX_BYTES + len).await?;
        let mut part = decode(&self.head[MESSAGE_PREFIX_BYTES..])?;
        self.head.clear();
        // Kept where the begin of other data would be.
        self.head.extend_from_slice(&std::mem::take(&mut part.data));
        self.data_left = self.head.len();
        Ok(Some(Piece::Part(Box::new(part))))
    }

    /// Bytes of data: what was collected with the head of the part first.
    async fn data(&mut self) -> Result<Piece, Status> {
        if !self.head.is_empty() {
            let data = self.head.split().freeze();
            self.data_left -= data.len();
            return Ok(Piece::Data(data));
        }
        if self.chunk.is_empty() && !self.receive().await? {
            return Err(cut_off());
        }
        let data = self.chunk.split_to(self.chunk.len().min(self.data_left));
        self.data_left -= data.len();
        Ok(Piece::Data(data))
    }

    /// Makes the head `bytes` bytes long; false if the answer has ended before it.
    async fn collect(&mut self, bytes: usize) -> Result<bool, Status> {
        while self.head.len() < bytes {
            if self.chunk.is_empty() && !self.receive().await? {
                return if self.head.is_empty() { Ok(false) } else { Err(cut_off()) };
            }
            let more = self.chunk.split_to(self.chunk.len().min(bytes - self.head.len()));
            self.head.extend_from_slice(&more);
        }
        Ok(true)
    }

    /// Waits for bytes; false at the good end.
    async fn receive(&mut self) -> Result<bool, Status> {
        while let Some(frame) = self.body.frame().await {
            match frame?.into_data() {
                Ok(data) if data.is_empty() => {}
                Ok(data) => {
                    self.chunk = data;
                    return Ok(true);
                }
                Err(frame) => {
                    let status = frame.trailers_ref().and_then(Status::from_header_map);
                    return match status {
                        Some(status) if status.code() == Code::Ok => Ok(false),
                        Some(status) => Err(status),
                        None => Err(cut_off()),
                    };
                }
            }
        }
        Err(cut_off())
    }

    /// Length of the message whose prefix is the head.
    fn message_len(&self) -> Result<usize, Status> {
        // `collect` has made the head this long.
        let prefix = self.head.first_chunk().copied().unwrap_or_default();
        message_len(prefix, MAX_MESSAGE_BYTES).map_err(|(compressed, len)| {
            Status::internal(format!("a message of {len} bytes, compression {compressed}"))
        })
    }
}

fn request(body: Body) -> http::Request<Body> {
    let mut request = http::Request::new(body);
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = http::Uri::from_static(STREAM_BATCHES_PATH);
    *request.version_mut() = http::Version::HTTP_2;
    let headers = request.headers_mut();
    headers.insert("te", http::HeaderValue::from_static("trailers"));
    headers.insert("content-type", http::HeaderValue::from_static("application/grpc"));
    request
}

fn decode(message: &[u8]) -> Result<Part, Status> {
    Part::decode(message).map_err(|error| Status::internal(format!("a part that is none: {error}")))
}

fn failed(error: tonic::transport::Error) -> Status {
    Status::from_error(Box::new(error))
}

fn cut_off() -> Status {
    Status::unavailable("the answer ended early")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(message: &[u8]) -> Vec<u8> {
        [&[0], &(message.len() as u32).to_be_bytes()[..], message].concat()
    }

    fn part(step: u64, data: usize) -> Part {
        let data: Vec<u8> = (0..data).map(|i| i as u8 | 1).collect();
        Part { step, first_row: 1, offset: u64::from(u32::MAX), data: data.into(), ..Part::default() }
    }

    /// Reads `wire` in chunks of `size` bytes: parts with their data put together again.
    async fn read(wire: &[u8], size: usize) -> Result<Vec<Part>, Status> {
        let mut trailers = http::HeaderMap::new();
        trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
        let chunks = wire.chunks(size).map(|chunk| http_body::Frame::data(Bytes::copy_from_slice(chunk)));
        let frames: Vec<_> =
            chunks.chain([http_body::Frame::trailers(trailers)]).map(Ok::<_, Status>).collect();
        let body = Body::new(http_body_util::StreamBody::new(tokio_stream::iter(frames)));
        let mut parts = PartStream { body, chunk: Bytes::new(), head: BytesMut::new(), data_left: 0 };
        let mut read: Vec<Part> = Vec::new();
        while let Some(piece) = parts.next().await? {
            match (piece, read.last_mut()) {
                (Piece::Part(part), _) => read.push(*part),
                (Piece::Data(data), Some(part)) => part.data = [part.data.clone(), data].concat().into(),
                (Piece::Data(_), None) => panic!("data before a part"),
            }
        }
        Ok(read)
    }

    #[tokio::test]
    async fn parts_are_read_however_they_are_cut() {
        let header = bandwise_proto::v1::BatchHeader { sample_ids: vec![9; 300], ..Default::default() };
        let draining = Part { draining: true, data: vec![3; 100].into(), ..Part::default() };
        let with_header = Part { header: Some(header), data: vec![3; 100].into(), ..Part::default() };
        let expected = vec![part(1, 1000), part(2, 0), Part::default(), with_header, draining, part(3, 5)];
        let wire: Vec<u8> = expected.iter().flat_map(|part| framed(&part.encode_to_vec())).collect();
        for size in [1, 2, 3, 7, 64, 100, 1024, wire.len()] {
            assert_eq!(read(&wire, size).await.unwrap(), expected, "chunks of {size}");
        }
        for cut in [1, 5, 6, 100, wire.len() - 1] {
            assert!(read(&wire[..cut], 50).await.is_err(), "cut at {cut}");
        }
    }

    #[tokio::test]
    async fn what_is_no_part_is_refused() {
        for wire in [
            vec![1, 0, 0, 0, 0],
            vec![0, 0xff, 0xff, 0xff, 0xff],
            framed(&[0xff; 80]),
            // Data that say to be longer than their message.
            framed(&[0x2a, 0x7f, 1, 2]),
        ] {
            assert!(read(&wire, 100).await.is_err(), "{wire:?}");
        }
    }
}
