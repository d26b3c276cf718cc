//! The ceiling: the same bytes through the same kind of socket and nothing else, from a process to another.

use std::{
    env,
    hint::black_box,
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::net::{UnixListener, UnixStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result};
use bandwise_client::Address;

use super::{
    meter::{Meter, Sample},
    subject::Socket,
};

/// The contents of the buffers: like the synthetic dataset, not zeros.
const BYTE: u8 = 60;

/// Buffers that are read before the measurement begins.
const WARM_UP: usize = 8;

/// Connects to `address` and writes a buffer of `bytes` bytes again and again, until the reader is gone.
///
/// # Errors
///
/// If no process listens there, or the connection breaks otherwise.
pub fn send(address: &Address, bytes: usize) -> Result<()> {
    let mut stream: Box<dyn Write> = match address {
        Address::Unix(path) => Box::new(UnixStream::connect(path)?),
        tcp @ Address::Tcp { .. } => Box::new(TcpStream::connect(tcp.to_string())?),
    };
    let buffer = vec![BYTE; bytes];
    loop {
        match stream.write_all(&buffer) {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                return Ok(());
            }
            Err(error) => return Err(error).context("cannot write"),
        }
    }
}

/// Another process that runs [`send`]: this program with `--send`.
struct Sender(Child);

impl Sender {
    fn start(address: &str, bytes: usize) -> Result<Self> {
        let child = Command::new(env::current_exe()?)
            .args(["--send", address, "--bytes", &bytes.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start the sender")?;
        Ok(Self(child))
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing is left to do about it.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Reads buffers of `bytes` bytes from a sender for `time`.
pub(super) fn copy(socket: Socket, bytes: usize, time: Duration) -> Result<Sample> {
    match socket {
        Socket::Tcp => {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            let sender = Sender::start(&listener.local_addr()?.to_string(), bytes)?;
            receive(listener.accept()?.0, Some(sender.0.id()), bytes, time)
        }
        Socket::Unix => {
            let folder = tempfile::TempDir::with_prefix("bandwise-bench-")?;
            let path = folder.path().join("plain.sock");
            let listener = UnixListener::bind(&path)?;
            let sender = Sender::start(&format!("unix:{}", path.display()), bytes)?;
            receive(listener.accept()?.0, Some(sender.0.id()), bytes, time)
        }
    }
}

fn receive(mut stream: impl Read, sender: Option<u32>, bytes: usize, time: Duration) -> Result<Sample> {
    let mut buffer = vec![0; bytes];
    for _ in 0..WARM_UP {
        stream.read_exact(&mut buffer)?;
    }
    let (meter, mut read) = (Meter::start(sender)?, 0);
    while meter.begun().elapsed() < time {
        stream.read_exact(&mut buffer)?;
        read += black_box(&buffer).len() as u64;
    }
    meter.stop(read)
}

/// Copies a buffer of `bytes` bytes into another for `time`.
pub(super) fn memcpy(bytes: usize, time: Duration) -> Result<Sample> {
    let (source, mut target) = (vec![BYTE; bytes], vec![0; bytes]);
    let (meter, mut copied) = (Meter::start(None)?, 0);
    while meter.begun().elapsed() < time {
        target.copy_from_slice(black_box(&source));
        copied += black_box(&target).len() as u64;
    }
    meter.stop(copied)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_read_until_the_reader_goes() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        let sender = std::thread::spawn(move || send(&Address::Unix(path), 100_000));
        let stream = listener.accept().unwrap().0;
        let sample = receive(stream, None, 100_000, Duration::from_millis(1)).unwrap();
        assert!(sample.gb_per_s > 0.0, "{sample:?}");
        sender.join().unwrap().unwrap();
    }
}
