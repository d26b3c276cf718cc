//! Recorded connections and mutilated ones.

use std::collections::VecDeque;

use proptest::prelude::*;
use tokio::io::AsyncReadExt as _;

use super::*;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Two calls as grpcio 1.85.1 sends them; the second one names the fields of the first.
const GRPCIO: &[&[u8]] = &[
    PREFACE,
    b"\x00\x00\x24\x04\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x03\x00\x00\x00\x00\x00\x04\x00\x40\x00\x00\
      \x00\x05\x00\x40\x00\x00\x00\x06\x00\x00\x40\x00\xfe\x03\x00\x00\x00\x01\
      \x00\x00\x04\x08\x00\x00\x00\x00\x00\x00\x3f\x00\x01\x00\x00\x00\x04\x01\x00\x00\x00\x00",
    b"\x00\x00\xf0\x01\x04\x00\x00\x00\x01@\x05:path\x1c/bandwise.v1.Loader/Describe\
      @\x0a:authority\x13tmp%2Fedge-rec.sock\x83\x86@\x0ccontent-type\x10application/grpc@\x02te\x08trailers\
      @\x14grpc-accept-encoding\x17identity, deflate, gzip@\x0cgrpc-timeout\x04400m\
      @\x0auser-agent\x30grpc-python/1.85.1 grpc-c/58.0.0 (linux; chttp2)",
    b"\x00\x00\x04\x08\x00\x00\x00\x00\x01\x00\x00\x00\x05\x00\x00\x05\x00\x01\x00\x00\x00\x01\0\0\0\0\0",
    b"\x00\x00\x1b\x01\x04\x00\x00\x00\x03\xc4\xc3\x83\x86\xc2\xc1\xc0@\x0cgrpc-timeout\x04401m\xbf",
    b"\x00\x00\x05\x00\x01\x00\x00\x00\x03\0\0\0\0\0",
];

/// Headers with a Huffman-coded path of a socket for an authority, by Python's hpack 4, and behind them the same again.
const CODED: &[u8] = b"\x83\x86\x44\x94\x62\x31\xd5\x27\x83\x20\xab\xf7\x0a\xf9\xce\x39\x0b\x63\x17\xca\x82\x58\x68\xcb\
    \x41\x90\x54\x58\x6c\xb6\xa5\x45\x86\x31\xd5\x27\x83\x20\xab\xa0\xe4\xeb\x5f\x8b\x1d\x75\xd0\x62\x0d\x26\x3d\x4c\
    \x4d\x65\x64\x40\x82\x49\x7f\x86\x4d\x83\x35\x05\xb1\x1f\x83\x86\xc1\xc0\xbf\xbe";

/// A connection that gives these parts to read, one at a time.
#[derive(Debug)]
struct ScriptedReads(VecDeque<Vec<u8>>);

impl AsyncRead for ScriptedReads {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(mut part) = self.0.pop_front() {
            let rest = part.split_off(part.len().min(buffer.remaining()));
            buffer.put_slice(&part);
            if !rest.is_empty() {
                self.0.push_front(rest);
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// The bytes read of `bytes` when they come in parts and are read in pieces of these sizes, over and over.
fn read(bytes: &[u8], parts: &[usize], pieces: &[usize]) -> Vec<u8> {
    let mut sizes = parts.iter().cycle();
    let (mut queue, mut rest) = (VecDeque::new(), bytes);
    while !rest.is_empty() {
        let (part, others) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
        queue.push_back(part.to_vec());
        rest = others;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut connection = AnyAuthority::new(ScriptedReads(queue));
        let mut out = Vec::new();
        for piece in pieces.iter().cycle() {
            let mut buffer = vec![0; *piece];
            let length = connection.read(&mut buffer).await.unwrap();
            if length == 0 {
                break;
            }
            out.extend_from_slice(&buffer[..length]);
        }
        out
    })
}

fn read_at_once(bytes: &[u8]) -> Vec<u8> {
    read(bytes, &[usize::MAX], &[1 << 20])
}

fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, 1], payload].concat()
}

fn replace(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let at = bytes.windows(old.len()).position(|window| window == old).unwrap();
    [&bytes[..at], new, &bytes[at + old.len()..]].concat()
}

/// A field with an authority that is not coded.
fn field(name: &str) -> Vec<u8> {
    [&[0x41, name.len() as u8], name.as_bytes()].concat()
}

#[test]
fn grpcio_is_understood() {
    let sent = GRPCIO.concat();
    let expected = replace(&sent, b"tmp%2Fedge-rec.sock", b"tmp-2Fedge-rec-sock");
    assert_eq!(read_at_once(&sent), expected);
}

#[test]
fn a_coded_name_keeps_its_length() {
    let changed = fields::changed(CODED).unwrap();
    assert_eq!(huffman::decode(&CODED[26..42]).unwrap(), b"%2Frun%2Fbandwise.sock");
    let expected = [&CODED[..25], b"\x16-2Frun-2Fbandwise-sock", &CODED[42..]].concat();
    assert_eq!(changed, expected);
}

#[test]
fn examples_of_the_code() {
    // RFC 7541, appendix C.
    for (coded, plain) in [
        (&b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"[..], "www.example.com"),
        (b"\xa8\xeb\x10\x64\x9c\xbf", "no-cache"),
        (b"\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f", "custom-key"),
        (b"\x9d\x29\xad\x17\x18\x63\xc7\x8f\x0b\x97\xc8\xe9\xae\x82\xae\x43\xd3", "https://www.example.com"),
        (b"", ""),
    ] {
        assert_eq!(huffman::decode(coded).as_deref(), Some(plain.as_bytes()));
    }
    // A fill of eight bits, one of zeros, and a character that is no text.
    for wrong in [&b"\xff"[..], b"\x00", b"\xff\xff\xff\xff"] {
        assert_eq!(huffman::decode(wrong), None);
    }
}

#[test]
fn names_of_all_kinds() {
    for (name, taken_for) in [
        ("run%2Fbandwise.sock", "run-2Fbandwise-sock"),
        ("/run/bandwise.sock", "-run-bandwise-sock"),
        ("/run/größe.sock", "-run-gr----e-sock"),
        ("a:b:c", "a-b-c"),
        ("unix:/run/x", "unix--run-x"),
    ] {
        let sent = [&b"\x83\x86"[..], &field(name), b"\x84"].concat();
        let expected = [&b"\x83\x86"[..], &field(taken_for), b"\x84"].concat();
        assert_eq!(fields::changed(&sent), Some(expected), "{name}");
    }
    for name in
        ["localhost", "localhost:50051", "127.0.0.1:7", "[::1]:7", "bandwise.example.org", "user@host", ""]
    {
        assert_eq!(fields::changed(&field(name)), None, "{name}");
    }
}

#[test]
fn all_forms_of_the_field() {
    for form in [
        &b"\x41"[..],
        b"\x01",
        b"\x11",
        b"\x40\x0a:authority",
        b"\x00\x0a:authority",
        b"\x10\x88\xb8\x3b\x53\x39\xec\x32\x7d\x7f",
    ] {
        let sent = [form, b"\x03a/b"].concat();
        assert_eq!(fields::changed(&sent), Some([form, b"\x03a-b"].concat()), "{form:?}");
    }
    // Others of the same value.
    for form in [&b"\x44"[..], b"\x66", b"\x0f\x17", b"\x40\x0a:authoritx", b"\x40\x04host"] {
        assert_eq!(fields::changed(&[form, b"\x03a/b"].concat()), None, "{form:?}");
    }
    // Long strings, a size of the table, several fields.
    let long = [&b"\x3f\xe1\x1f\x41\x7f\x81\x01"[..], &[b'/'; 256], b"\x84\x41\x01%"].concat();
    let expected = [&b"\x3f\xe1\x1f\x41\x7f\x81\x01"[..], &[b'-'; 256], b"\x84\x41\x01-"].concat();
    assert_eq!(fields::changed(&long), Some(expected));
}

#[test]
fn malformed_headers_pass() {
    let sent = field("a/b");
    for end in 0..sent.len() {
        assert_eq!(fields::changed(&sent[..end]), None);
        // Also behind one that could be changed.
        assert_eq!(fields::changed(&[&sent, &sent[..end]].concat()).is_some(), end == 0);
    }
    assert_eq!(fields::changed(b"\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), None);
}

#[test]
fn headers_in_all_kinds_of_frames() {
    let (sent, taken_for) = (field("a/b"), field("a-b"));
    let plain = frame(1, 0x5, &taken_for);
    let padded = [&b"\x02"[..], &sent, b"\0\0"].concat();
    let weighed = [&b"\0\0\0\0\x10"[..], &sent].concat();
    let both = [&b"\x01\0\0\0\0\x10"[..], &sent, b"\0"].concat();
    let expected = frame(1, 0x25, &[&b"\0\0\0\0\x10"[..], &taken_for].concat());
    let continued = [frame(1, 0x1, &sent[..2]), frame(9, 0, b""), frame(9, 0x4, &sent[2..])].concat();
    for (frames, expected) in [
        (frame(1, 0x5, &sent), &plain),
        (frame(1, 0xd, &padded), &plain),
        (frame(1, 0x25, &weighed), &expected),
        (frame(1, 0x2d, &both), &expected),
        (continued, &plain),
    ] {
        let behind = frame(0, 1, b"\x41\x03a/b");
        let out = read_at_once(&[PREFACE, &frames, &behind].concat());
        assert_eq!(out, [PREFACE, expected, &behind].concat());
    }
}

#[test]
fn what_is_no_headers_passes() {
    let sent = field("a/b");
    for frames in [
        // Too much padding, a priority that is cut off.
        frame(1, 0xc, &[&b"\x09"[..], &sent].concat()),
        frame(1, 0x24, b"\0\0"),
        frame(1, 0xc, b""),
        // Interrupted, too long at once and in parts, and the end of the connection in the middle.
        [frame(1, 0, &sent), frame(0, 0, b"x"), frame(9, 4, b"")].concat(),
        frame(1, 0x4, &[&sent[..], &vec![0x84; 64 << 10]].concat()),
        [frame(1, 0, &sent), frame(9, 0, &[0x84; 10_000]).repeat(7), frame(9, 4, b"")].concat(),
        frame(1, 0x4, &sent)[..11].to_vec(),
    ] {
        let sent = [PREFACE, &frames].concat();
        assert_eq!(read_at_once(&sent), sent);
        assert_eq!(read(&sent, &[7, 1, 3], &[5, 2]), sent);
    }
    // Frames behind such ones are seen.
    let interrupted = [PREFACE, &frame(1, 0, &sent), &frame(0, 0, b"x")].concat();
    let out = read_at_once(&[&interrupted[..], &frame(1, 4, &sent)].concat());
    assert_eq!(out, [interrupted, frame(1, 4, &field("a-b"))].concat());
}

/// Frames of kinds and flags that matter, with payloads that are partly headers.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40),
        "[a-z/%]{0,20}".prop_map(|name| field(&name)),
        Just(CODED.to_vec()),
        Just(vec![0x84; 30_000]),
    ];
    let kind = prop_oneof![4 => Just(1u8), 4 => Just(9u8), 1 => Just(0u8), 1 => any::<u8>()];
    let flags = prop_oneof![Just(4u8), Just(0u8), any::<u8>()];
    let whole = (kind, flags, payload).prop_map(|(kind, flags, payload)| frame(kind, flags, &payload));
    let garbage = proptest::collection::vec(any::<u8>(), 0..60);
    proptest::collection::vec(prop_oneof![8 => whole, 1 => garbage], 0..10).prop_map(|frames| frames.concat())
}

proptest! {
    #[test]
    fn splits_make_no_difference(
        frames in frames(),
        parts in proptest::collection::vec(1usize..50, 1..6),
        pieces in proptest::collection::vec(1usize..50, 1..6),
    ) {
        let sent = [PREFACE, &frames].concat();
        prop_assert_eq!(read(&sent, &parts, &pieces), read_at_once(&sent));
    }

    #[test]
    fn memory_is_bounded(frames in frames()) {
        let mut state = Frames::new();
        for part in [PREFACE, &frames].concat().chunks(100) {
            let same = state.pass(part);
            state.change(&part[same..]);
            prop_assert!(state.held_bytes() <= 64 << 10);
        }
    }

    #[test]
    fn lengths_of_fields_stay(block in proptest::collection::vec(any::<u8>(), 0..60)) {
        // Whatever was changed needs no other change.
        if let Some(changed) = fields::changed(&block) {
            prop_assert_eq!(fields::changed(&changed), None);
        }
    }
}
