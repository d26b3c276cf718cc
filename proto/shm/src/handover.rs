//! The hand-over of a file descriptor.
//!
//! The client connects to the daemon's second socket and writes the token that it got over gRPC; the daemon answers
//! with one byte that carries the descriptor, or closes the connection. Functions here do not wait: they are for
//! sockets that an async runtime watches.

use std::{
    ffi::OsString,
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
};

use rustix::{
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
        SendFlags, recvmsg, sendmsg,
    },
    rand::{GetRandomFlags, getrandom},
};

/// Bytes of a token.
pub const TOKEN_BYTES: usize = 16;

/// The right to a descriptor: it cannot be guessed, and it works once.
pub type Token = [u8; TOKEN_BYTES];

/// The byte that carries the descriptor.
const CARRIER: u8 = b'M';

/// A token from the system's random numbers.
///
/// # Errors
///
/// If the system has none yet.
pub fn fresh_token() -> io::Result<Token> {
    let mut token = [0; TOKEN_BYTES];
    // Up to 256 bytes come whole, never in pieces.
    getrandom(&mut token, GetRandomFlags::empty())?;
    Ok(token)
}

/// The path of the second socket of the listener at `path`: `PATH.shm`.
pub fn door_of(path: &Path) -> PathBuf {
    let mut door = OsString::from(path);
    door.push(".shm");
    PathBuf::from(door)
}

/// Sends `descriptor` over a Unix socket.
///
/// # Errors
///
/// Of the kind `WouldBlock` if the socket has no room now; otherwise if the other side is gone.
pub fn send_descriptor(socket: impl AsFd, descriptor: BorrowedFd<'_>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = [descriptor];
    if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::Error::other("no room for a descriptor"));
    }
    sendmsg(socket, &[IoSlice::new(&[CARRIER])], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Receives a descriptor from a Unix socket.
///
/// # Errors
///
/// Of the kind `WouldBlock` if nothing has come yet, `UnexpectedEof` if the other side has closed the connection,
/// `InvalidData` if something else came.
pub fn receive_descriptor(socket: impl AsFd) -> io::Result<OwnedFd> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut buffers = [IoSliceMut::new(&mut byte)];
    let received = recvmsg(socket, &mut buffers, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let descriptor = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    match (received.bytes, descriptor) {
        (0, _) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the daemon closed the connection")),
        (_, Some(descriptor)) if byte == [CARRIER] => Ok(descriptor),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "the answer is not a descriptor")),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Read as _, io::Seek as _, io::Write as _, os::unix::net::UnixStream};

    use super::*;

    #[test]
    fn a_descriptor_arrives_and_is_the_same_file() {
        let (here, there) = UnixStream::pair().unwrap();
        let (slots, descriptor) = crate::Slots::create(1, 1).unwrap();
        send_descriptor(&here, descriptor.as_fd()).unwrap();
        let mut file = File::from(receive_descriptor(&there).unwrap());
        slots.take(0).unwrap().bytes_mut()[..3].copy_from_slice(b"abc");
        let mut text = [0; 3];
        file.rewind().unwrap();
        file.read_exact(&mut text).unwrap();
        assert_eq!(&text, b"abc");
    }

    #[test]
    fn what_is_no_descriptor_is_refused() {
        let (mut here, there) = UnixStream::pair().unwrap();
        there.set_nonblocking(true).unwrap();
        assert_eq!(receive_descriptor(&there).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        here.write_all(b"M").unwrap();
        assert_eq!(receive_descriptor(&there).unwrap_err().kind(), io::ErrorKind::InvalidData);
        drop(here);
        assert_eq!(receive_descriptor(&there).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn tokens_differ() {
        assert_ne!(fresh_token().unwrap(), fresh_token().unwrap());
        assert_eq!(door_of(Path::new("/run/b.sock")), Path::new("/run/b.sock.shm"));
    }
}
