//! Parts on the wire, for the two ends that keep tensor bytes out of protobuf's encoder and decoder, which copy them.
//!
//! A daemon writes a part as two pieces: all of the message up to the bytes of `data`, its last field, and these
//! ([`split_part`]). A client reads it up to the data, if nothing but numbers stands before them
//! ([`DataPosition::find`]). The bytes are those of the same protobuf message, and any gRPC client reads them.

use bytes::{BufMut as _, Bytes, BytesMut};
use prost::{
    Message as _,
    encoding::{WireType, decode_key, decode_varint, encode_key, encode_varint},
};

use crate::v1::Part;

/// Path of the call that streams batches.
pub const STREAM_BATCHES_PATH: &str = "/bandwise.v1.Loader/StreamBatches";

/// Field number of `Part.data`.
pub const PART_DATA_FIELD: u32 = 5;

/// Bytes that gRPC puts before each message: whether it is compressed, and its length.
pub const MESSAGE_PREFIX_BYTES: usize = 5;

/// The prefix of a message of `len` bytes that is not compressed.
pub fn message_prefix(len: u32) -> [u8; MESSAGE_PREFIX_BYTES] {
    let [a, b, c, d] = len.to_be_bytes();
    [0, a, b, c, d]
}

/// The length of the message behind a prefix.
///
/// # Errors
///
/// The prefix's first byte and the length, if the message is compressed or longer than `max` bytes.
pub fn message_len(prefix: [u8; MESSAGE_PREFIX_BYTES], max: usize) -> Result<usize, (u8, u32)> {
    let [compressed, a, b, c, d] = prefix;
    let len = u32::from_be_bytes([a, b, c, d]);
    match usize::try_from(len) {
        Ok(bytes) if compressed == 0 && bytes <= max => Ok(bytes),
        _ => Err((compressed, len)),
    }
}

/// A part as gRPC frames it, in two pieces: all of it up to the bytes of its data, and these, without a copy.
pub fn split_part(mut part: Part) -> (Bytes, Bytes) {
    let data = std::mem::take(&mut part.data);
    let rest = part.encoded_len();
    let mut head = BytesMut::with_capacity(MESSAGE_PREFIX_BYTES + rest + 16);
    head.put_bytes(0, MESSAGE_PREFIX_BYTES);
    // A buffer that grows has room for every message.
    let _ = part.encode(&mut head);
    if !data.is_empty() {
        encode_key(PART_DATA_FIELD, WireType::LengthDelimited, &mut head);
        encode_varint(data.len() as u64, &mut head);
    }
    // No part exceeds 1 MiB, by the contract.
    let message = (head.len() - MESSAGE_PREFIX_BYTES + data.len()) as u32;
    head[..MESSAGE_PREFIX_BYTES].copy_from_slice(&message_prefix(message));
    (head.freeze(), data)
}

/// The position of the data in a part that has only numbers before them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataPosition {
    /// Bytes of the fields before the data, which are a message of their own.
    pub fields: usize,
    /// Bytes up to the first byte of data: the fields, and the key and length of the data.
    pub data: usize,
}

impl DataPosition {
    /// Within so many bytes of a part the data begin, if only numbers stand before them.
    pub const WITHIN: usize = 64;

    /// Finds the data of a part of `len` bytes whose first bytes are `begin`; `None` if anything but numbers stands
    /// before the data, if they do not reach to the end of the part, or if `begin` is too short.
    pub fn find(begin: &[u8], len: usize) -> Option<Self> {
        let mut rest = begin;
        loop {
            let fields = begin.len() - rest.len();
            match decode_key(&mut rest).ok()? {
                (PART_DATA_FIELD, WireType::LengthDelimited) => {
                    let bytes = usize::try_from(decode_varint(&mut rest).ok()?).ok()?;
                    let data = begin.len() - rest.len();
                    return (data.checked_add(bytes)? == len).then_some(Self { fields, data });
                }
                (_, WireType::Varint) => decode_varint(&mut rest).ok()?,
                _ => return None,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use prost_types::FileDescriptorSet;

    use super::*;
    use crate::{DESCRIPTORS, v1::BatchHeader};

    fn parts() -> Vec<Part> {
        let header = BatchHeader { rows: 3, sample_ids: vec![1, 2, 3], ..Default::default() };
        let data = |bytes: usize| Bytes::from(vec![5; bytes]);
        vec![
            Part::default(),
            Part { draining: true, slot: Some(0), ..Default::default() },
            Part { step: 7, header: Some(header.clone()), ..Default::default() },
            Part { step: 1, first_row: 2, offset: 300, data: data(70_000), ..Default::default() },
            Part {
                step: u64::MAX,
                first_row: u64::MAX,
                offset: u64::MAX,
                data: data(1),
                ..Default::default()
            },
            Part { header: Some(header), data: data(9), ..Default::default() },
        ]
    }

    #[test]
    fn both_pieces_are_one_message() {
        for part in parts() {
            let (head, data) = split_part(part.clone());
            assert_eq!(data, part.data);
            let whole = [head, data].concat();
            let (prefix, message) = whole.split_first_chunk().unwrap();
            assert_eq!(*prefix, [&[0], &(message.len() as u32).to_be_bytes()[..]].concat()[..]);
            assert_eq!(message_len(*prefix, message.len()), Ok(message.len()));
            assert_eq!(Part::decode(message).unwrap(), part);
        }
    }

    #[test]
    fn data_behind_numbers_are_found_and_others_are_not() {
        for part in parts() {
            let (head, data) = split_part(part.clone());
            let message = &head[MESSAGE_PREFIX_BYTES..];
            let found = DataPosition::find(message, message.len() + data.len());
            assert_eq!(found.is_some(), !data.is_empty() && part.header.is_none(), "{part:?}");
            let Some(DataPosition { fields, data: begins }) = found else { continue };
            assert!(begins == message.len() && begins <= DataPosition::WITHIN);
            assert_eq!(Part::decode(&message[..fields]).unwrap(), Part { data: Bytes::new(), ..part });
            assert_eq!(DataPosition::find(message, message.len() + data.len() + 1), None, "not to the end");
            for cut in 0..begins {
                assert_eq!(DataPosition::find(&message[..cut], message.len() + data.len()), None, "{cut}");
            }
        }
    }

    #[test]
    fn no_length_of_a_peer_is_believed() {
        for message in
            [&[0xff; 80][..], &[0x2a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], &[0x2a]]
        {
            assert_eq!(DataPosition::find(message, message.len()), None);
        }
        assert_eq!(message_len([0, 0, 0, 1, 0], 256), Ok(256));
        assert_eq!(message_len([0, 0, 0, 1, 1], 256), Err((0, 257)));
        assert_eq!(message_len([0, 255, 255, 255, 255], 256), Err((0, u32::MAX)));
        assert_eq!(message_len([1, 0, 0, 0, 0], 256), Err((1, 0)));
    }

    #[test]
    fn field_and_path_are_those_of_the_contract() {
        let set = FileDescriptorSet::decode(DESCRIPTORS).unwrap();
        let file = set.file.iter().find(|file| file.package() == "bandwise.v1").unwrap();
        let part = file.message_type.iter().find(|message| message.name() == "Part").unwrap();
        let data = part.field.iter().find(|field| field.name() == "data").unwrap();
        assert_eq!(u32::try_from(data.number()), Ok(PART_DATA_FIELD));
        let [service] = &file.service[..] else { panic!("one service") };
        let method = service.method.iter().find(|method| method.name() == "StreamBatches").unwrap();
        let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
        assert_eq!(path, STREAM_BATCHES_PATH);
    }
}
