//! Reads files that the system has in memory, without ever waiting for storage.
//!
//! `openat2` with `RESOLVE_CACHED` opens a file only if every part of its path is cached, and `RWF_NOWAIT` reads only
//! pages that are. Both are asked for on file systems alone whose calls do not wait otherwise: those of local disks.
//! Everything else, an old kernel and a container that forbids `openat2` included, is read by threads that may wait.

use std::io::{IoSliceMut, Read as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::{ffi::OsStr, fs::File, os::unix::ffi::OsStrExt as _};

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fstat, fstatfs, openat2};
use rustix::io::{Errno, ReadWriteFlags, preadv2};

/// Magic numbers (linux/magic.h) of file systems on local disks: ext, XFS, Btrfs, F2FS, EROFS, `SquashFS`, bcachefs, and
/// `OverlayFS`, which has layers of these.
const DISKS: [u64; 8] =
    [0xEF53, 0x5846_5342, 0x9123_683E, 0xF2F5_2010, 0xE0F5_E1E2, 0x7371_7368, 0xCA45_1A4E, 0x794C_7630];

/// tmpfs and ramfs, which have nothing to wait for.
const MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58F6];

/// Samples of at most this size are read here: the copy of a larger one takes longer than to hand it over.
const MOST_BYTES: u64 = 64 << 20;

/// The files of one file system below a folder.
#[derive(Debug)]
pub(crate) struct PageCache {
    root: OwnedFd,
    /// Whether no read waits.
    in_memory: bool,
    /// Set once the system has said that it cannot do this.
    unsupported: AtomicBool,
}

impl PageCache {
    /// `None` if the folder lies where an open or a read could wait for more than memory.
    pub(crate) fn of(root: &Path) -> Option<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(root, flags, Mode::empty()).ok()?;
        let kind = fstatfs(&root).ok()?.f_type as u64 & 0xFFFF_FFFF;
        let in_memory = MEMORY.contains(&kind);
        (in_memory || DISKS.contains(&kind)).then(|| Self {
            root,
            in_memory,
            unsupported: AtomicBool::new(false),
        })
    }

    /// Reads the file of this name below the folder, which has `size` bytes, in place of the content of `bytes`. False
    /// if it is not in memory, is on another file system, is not as expected, or cannot be read, and if there is no
    /// memory for it.
    pub(crate) fn read(&self, name: &[u8], size: u64, bytes: &mut Vec<u8>) -> bool {
        if self.unsupported.load(Relaxed) || size > MOST_BYTES {
            return false;
        }
        self.try_read(name, size as usize, bytes).unwrap_or_else(|errno| {
            let is_lasting = matches!(errno, Errno::NOSYS | Errno::PERM | Errno::OPNOTSUPP | Errno::INVAL);
            self.unsupported.fetch_or(is_lasting, Relaxed);
            false
        })
    }

    fn try_read(&self, name: &[u8], size: usize, bytes: &mut Vec<u8>) -> Result<bool, Errno> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::CACHED | ResolveFlags::NO_XDEV;
        let file = openat2(&self.root, OsStr::from_bytes(name), flags, Mode::empty(), resolve)?;
        let stat = fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || stat.st_size as usize != size {
            return Ok(false);
        }
        if bytes.len() < size && bytes.try_reserve(size - bytes.len()).is_err() {
            return Ok(false);
        }
        bytes.resize(size, 0);
        if self.in_memory {
            return Ok(File::from(file).read_exact(bytes).is_ok());
        }
        let mut done = 0;
        while done < size {
            let mut rest = [IoSliceMut::new(&mut bytes[done..])];
            match preadv2(&file, &mut rest, done as u64, ReadWriteFlags::NOWAIT)? {
                0 => return Ok(false),
                read => done += read,
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Whether this machine's folder for temporary files and its kernel allow reads without a wait.
    fn supported(cache: &PageCache) -> bool {
        !cache.unsupported.load(Relaxed)
    }

    #[test]
    fn files_are_read_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        let content: Vec<u8> = (0..100_000u32).map(|i| (i / 7) as u8).collect();
        fs::write(folder.path().join("a/x"), &content).unwrap();
        fs::write(folder.path().join("a/empty"), "").unwrap();
        let Some(cache) = PageCache::of(folder.path()) else { return };
        let mut bytes = vec![1; 10];
        // The first look at a folder may not be in memory; a file that was just written is.
        let is_read = cache.read(b"a/x", 100_000, &mut bytes);
        if is_read {
            assert_eq!(bytes, content);
            assert!(cache.read(b"a/empty", 0, &mut bytes) && bytes.is_empty());
        }
        assert!(is_read || !supported(&cache));
        for (name, size) in
            [(&b"a/x"[..], 99_999), (b"a/x", 100_001), (b"a", 4096), (b"a/none", 1), (b"a/x/", 100_000)]
        {
            assert!(!cache.read(name, size, &mut bytes), "{name:?} {size}");
        }
        assert!(is_read || !supported(&cache), "an ordinary error switched it off");
    }

    #[test]
    fn other_file_systems_are_left_alone() {
        assert!(PageCache::of(Path::new("/proc")).is_none());
        assert!(PageCache::of(Path::new("/no/such/folder")).is_none());
    }
}
