//! The index of a dataset on disk, so that a restart does not scan again.
//!
//! One file a dataset, named by the SHA-256 of its canonical path: a tag with the format's version, the path, the
//! index with its digest, the warnings of the scan, and the stamps of every folder walked. A file is used only if
//! its checksum holds and every stamp is still right; any other file is as good as none and is replaced. So the
//! cache can be deleted at any time, and two daemons may share it.

use std::fs::{self, File, Permissions};
use std::io::{self, BufReader, BufWriter};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tempfile::Builder;

use crate::codec::{Decoder, Encoder, damaged};
use crate::digest::Digest;
use crate::index::Index;
use crate::read::open_without_waiting;
use crate::warning::Warnings;
use crate::watch::Watch;

/// Changes with the format, with the rules of the walk and with the bytes of the digest.
const TAG: &[u8; 24] = b"bandwise index cache 1\n\n";

const BUFFER_BYTES: usize = 256 << 10;

/// All that a scan found out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CachedIndex {
    pub(crate) index: Index,
    pub(crate) digest: Digest,
    pub(crate) warnings: Warnings,
    pub(crate) watch: Watch,
}

/// Where the index of the dataset at the canonical path `root` is kept.
pub(crate) fn cache_path(cache_dir: &Path, root: &Path) -> PathBuf {
    let key: [u8; 32] = Sha256::digest(root.as_os_str().as_bytes()).into();
    cache_dir.join(format!("{}.index", Digest::from_bytes(key)))
}

/// The index kept at `path` for `root`, if there is one and the dataset has not changed since.
///
/// Stats every folder of the dataset in the current thread pool.
pub(crate) fn load(path: &Path, root: &Path) -> Option<CachedIndex> {
    let (file, metadata) = open_without_waiting(path).ok()?;
    if !metadata.is_file() {
        return None;
    }
    let reader = BufReader::with_capacity(BUFFER_BYTES, file);
    let cached = decode(Decoder::new(reader, metadata.len()).ok()?, root).ok()?;
    cached.watch.still_holds(root).then_some(cached)
}

fn decode<R: io::Read>(mut input: Decoder<R>, root: &Path) -> io::Result<CachedIndex> {
    let mut tag = [0; TAG.len()];
    input.raw(&mut tag)?;
    if &tag != TAG || input.bytes()? != root.as_os_str().as_bytes() {
        return Err(damaged());
    }
    let mut digest = [0; 32];
    input.raw(&mut digest)?;
    let cached = CachedIndex {
        digest: Digest::from_bytes(digest),
        index: Index::read(&mut input)?,
        warnings: Warnings::read(&mut input)?,
        watch: Watch::read(&mut input)?,
    };
    input.finish().map(|()| cached)
}

/// Keeps an index at `path`, in place of what was there, or leaves all as it was.
///
/// Not synced to the disk: after a power failure the checksum tells, and the price is one scan.
pub(crate) fn save(path: &Path, root: &Path, cached: &CachedIndex) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(folder)?;
    // Readable by all, as the umask allows: the default of the crate is for secrets.
    let mut file = Builder::new().permissions(Permissions::from_mode(0o644)).tempfile_in(folder)?;
    write(file.as_file_mut(), root, cached)?;
    file.persist(path)?;
    Ok(())
}

fn write(file: &mut File, root: &Path, cached: &CachedIndex) -> io::Result<()> {
    let mut out = Encoder::new(BufWriter::with_capacity(BUFFER_BYTES, file));
    out.raw(TAG)?;
    out.bytes(root.as_os_str().as_bytes())?;
    out.raw(cached.digest.as_bytes())?;
    cached.index.write(&mut out)?;
    cached.warnings.write(&mut out)?;
    cached.watch.write(&mut out)?;
    out.finish()
}
