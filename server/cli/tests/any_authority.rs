//! Clients that call a Unix socket by its path, as gRPC's C core and others do: their bytes, over real sockets.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod common;

use std::{
    collections::BTreeSet,
    io::{Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    time::Duration,
};

use bandwise_client::Address;
use common::{Server, photos};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;

/// Headers of a call of Describe as grpcio sends them: names and values that the other end is to remember.
fn headers(authority: &str) -> Vec<u8> {
    let field = |name: &str, value: &str| {
        let text = |text: &str| [&[text.len() as u8], text.as_bytes()].concat();
        [vec![0x40], text(name), text(value)].concat()
    };
    [
        field(":path", "/bandwise.v1.Loader/Describe"),
        field(":authority", authority),
        b"\x83\x86".to_vec(),
        field("content-type", "application/grpc"),
        field("te", "trailers"),
    ]
    .concat()
}

/// The same headers again, as places in what the other end remembers.
const AGAIN: &[u8] = b"\xc1\xc0\x83\x86\xbf\xbe";

/// The same by an encoder that codes its strings.
const CODED: &[u8] = b"\x83\x86\x44\x94\x62\x31\xd5\x27\x83\x20\xab\xf7\x0a\xf9\xce\x39\x0b\x63\x17\xca\x82\x58\x68\xcb\
    \x41\x90\x54\x58\x6c\xb6\xa5\x45\x86\x31\xd5\x27\x83\x20\xab\xa0\xe4\xeb\x5f\x8b\x1d\x75\xd0\x62\x0d\x26\x3d\x4c\
    \x4d\x65\x64\x40\x82\x49\x7f\x86\x4d\x83\x35\x05\xb1\x1f";
const CODED_AGAIN: &[u8] = b"\x83\x86\xc1\xc0\xbf\xbe";

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
}

/// A call with an empty message.
fn call(stream: u8, headers: &[u8]) -> Vec<u8> {
    [frame(HEADERS, 0x4, stream, headers), frame(DATA, 0x1, stream, &[0; 5])].concat()
}

/// Sends two calls and returns the streams that were answered with a message, and those that were refused.
fn answers(mut socket: impl Read + Write, first: &[u8], second: &[u8]) -> [BTreeSet<u8>; 2] {
    let sent = [PREFACE, &frame(SETTINGS, 0, 0, b""), &call(1, first), &call(3, second)].concat();
    // In pieces, as a slow client sends them.
    for piece in sent.chunks(17) {
        socket.write_all(piece).unwrap();
    }
    let [mut answered, mut refused] = [BTreeSet::new(), BTreeSet::new()];
    while answered.len() + refused.len() < 2 {
        let mut head = [0; 9];
        socket.read_exact(&mut head).unwrap();
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        socket.read_exact(&mut payload).unwrap();
        match head[3] {
            DATA if payload.windows(6).any(|window| window == b"photos") => answered.insert(head[8]),
            RST_STREAM => refused.insert(head[8]),
            _ => continue,
        };
    }
    [answered, refused]
}

#[tokio::test(flavor = "multi_thread")]
async fn any_name_of_a_unix_socket_will_do() {
    let server = Server::with(&photos(), |config| config.listen.push("127.0.0.1:0".to_owned())).await;
    let [Address::Unix(path), Address::Tcp { host, port }] = server.daemon.addresses() else {
        panic!("two addresses")
    };
    let (path, tcp) = (path.clone(), format!("{host}:{port}"));
    tokio::task::spawn_blocking(move || {
        let unix = || {
            let socket = UnixStream::connect(&path).unwrap();
            socket.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
            socket
        };
        let both = BTreeSet::from([1, 3]);
        for authority in ["localhost", "tmp%2Fx.sock", "/tmp/x.sock", "a:b:c"] {
            let [answered, _] = answers(unix(), &headers(authority), AGAIN);
            assert_eq!(answered, both, "{authority}");
        }
        let [answered, _] = answers(unix(), CODED, CODED_AGAIN);
        assert_eq!(answered, both);
        // A port has a host: names are as strict there as before.
        let tcp = TcpStream::connect(&tcp).unwrap();
        tcp.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        let [_, refused] = answers(tcp, &headers("tmp%2Fx.sock"), AGAIN);
        assert_eq!(refused, both);
    })
    .await
    .unwrap();
}
