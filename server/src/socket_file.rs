//! The file of a Unix socket: bound by one daemon at a time, and removed by the daemon that it belongs to.
//!
//! It is removed when its daemon stops listening, and only if it is still the same file; an open descriptor keeps its
//! inode number from being used again. Daemons look and bind under a lock of the folder, which leaves no file behind.

use std::{
    fs, io,
    os::{
        fd::OwnedFd,
        unix::fs::{FileTypeExt as _, PermissionsExt as _},
    },
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, flock, fstat, open, statat};
use tokio::net::{UnixListener, UnixStream};

/// Waits for the lock of a folder: a daemon that starts or ends holds it for a moment.
const LOCK_AGAIN: Duration = Duration::from_millis(5);

/// Tries to lock a folder before going on without.
const LOCK_TRIES: u32 = 400;

/// The file of a socket that listens, removed on drop if it is still this one.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    /// The file itself, so that no other file can have its number. None where the system does not give it.
    held: Option<OwnedFd>,
}

impl SocketFile {
    /// Binds `path`, in the place of a socket that a dead daemon left behind.
    pub(crate) async fn bind(path: &Path) -> Result<(UnixListener, Self), String> {
        // Daemons that start at once look and bind one after the other.
        let _lock = FolderLock::take(path).await;
        clear(path).await?;
        let listener = UnixListener::bind(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => format!("{error}; create the folder first"),
            _ => error.to_string(),
        })?;
        let file = Self { path: path.to_owned(), held: hold(path) };
        // Trainers in the same container group often run as another user of the same group.
        fs::set_permissions(path, fs::Permissions::from_mode(0o660)).map_err(|error| error.to_string())?;
        Ok((listener, file))
    }

    /// The path as it was given.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path from the root on.
    pub(crate) fn absolute(&self) -> PathBuf {
        std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone())
    }

    /// Whether the file at the path is this one, and not the one of a daemon that has taken the path over.
    fn is_in_place(&self) -> bool {
        let at_path = statat(rustix::fs::CWD, &self.path, AtFlags::SYMLINK_NOFOLLOW);
        match (&self.held, at_path) {
            (Some(held), Ok(found)) => {
                fstat(held).is_ok_and(|own| (own.st_dev, own.st_ino) == (found.st_dev, found.st_ino))
            }
            _ => false,
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _lock = FolderLock::at_once(&self.path);
        if self.is_in_place() {
            // Another process may have removed it; an error cannot be reported here.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn hold(path: &Path) -> Option<OwnedFd> {
    open(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()).ok()
}

/// Removes a socket on which no process listens.
async fn clear(path: &Path) -> Result<(), String> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.to_string()),
        Ok(found) if !found.file_type().is_socket() => {
            Err("a file that is not a socket is in the way; remove it or choose another path".to_owned())
        }
        Ok(_) => match UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                fs::remove_file(path).map_err(|error| format!("cannot remove the stale socket: {error}"))
            }
            // The daemon there may have ended and removed it a moment ago.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            // One whose queue is full.
            Ok(_) | Err(_) => Err("another daemon listens there; stop it or choose another path".to_owned()),
        },
    }
}

/// The lock of the folder of a socket. It leaves nothing behind, and ends with the process.
struct FolderLock(#[expect(dead_code, reason = "it is locked as long as it is open")] OwnedFd);

impl FolderLock {
    /// Waits a while. Without the right to read the folder, or on a file system without locks, none is taken.
    async fn take(path: &Path) -> Option<Self> {
        let folder = Self::folder(path)?;
        for _ in 0..LOCK_TRIES {
            match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Some(Self(folder)),
                Err(rustix::io::Errno::WOULDBLOCK) => tokio::time::sleep(LOCK_AGAIN).await,
                Err(_) => return None,
            }
        }
        tracing::warn!(path = %path.display(), "another process keeps the folder of the socket locked");
        None
    }

    /// Does not wait long: it is held for moments.
    fn at_once(path: &Path) -> Option<Self> {
        let folder = Self::folder(path)?;
        for _ in 0..LOCK_TRIES / 4 {
            match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Some(Self(folder)),
                Err(rustix::io::Errno::WOULDBLOCK) => std::thread::sleep(LOCK_AGAIN),
                Err(_) => return None,
            }
        }
        None
    }

    fn folder(path: &Path) -> Option<OwnedFd> {
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        open(folder, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_of_another_stays() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("a.sock");
        let (listener, old) = SocketFile::bind(&path).await.unwrap();
        let message = SocketFile::bind(&path).await.unwrap_err();
        assert!(message.contains("another daemon"), "{message}");
        // It does not listen any more, and another takes its place.
        drop(listener);
        let (_listener, new) = SocketFile::bind(&path).await.unwrap();
        drop(old);
        assert!(UnixStream::connect(&path).await.is_ok());
        drop(new);
        assert!(!path.exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn one_of_many_gets_a_stale_path() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("a.sock");
        for _ in 0..20 {
            drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
            let mut tries = tokio::task::JoinSet::new();
            for _ in 0..4 {
                let path = path.clone();
                tries.spawn(async move { SocketFile::bind(&path).await });
            }
            let bound: Vec<_> = tries.join_all().await.into_iter().filter_map(Result::ok).collect();
            assert_eq!(bound.len(), 1);
            assert!(UnixStream::connect(&path).await.is_ok());
        }
    }

    #[tokio::test]
    async fn files_that_are_no_sockets_stay() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("a.sock");
        fs::write(&path, "x").unwrap();
        assert!(SocketFile::bind(&path).await.unwrap_err().contains("not a socket"));
        assert!(path.exists());
        assert!(
            SocketFile::bind(&folder.path().join("no/b")).await.unwrap_err().contains("create the folder")
        );
    }
}
