//! The index of a dataset on disk, so that a restart does not scan again.
//!
//! One file a dataset, named by the SHA-256 of its canonical path: a tag with the format's version, the path, the
//! index with its digest, the times of every sample and, where they were asked for, the hashes of their content, the
//! warnings of the scan, and the stamps of every folder walked. A file that is damaged is as good as none and is
//! replaced; whether what it says still holds is for `look` to find out. So the cache can be deleted at any time (at
//! the price of a scan and of hashes), and two daemons may share it.

use std::fs::{self, File, Permissions};
use std::io::{self, BufReader, BufWriter};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tempfile::Builder;

use crate::codec::{CacheReader, CacheWriter, damaged};
use crate::content::Contents;
use crate::digest::Digest;
use crate::index::Index;
use crate::read::open_without_waiting;
use crate::scan_record::ScanRecord;
use crate::stamps::{self, Times};
use crate::warning::Warnings;

/// Changes with the format, with the rules of the walk and with the bytes of the digest. Builds that list other files do
/// not take each other's.
const TAG: &[u8; 24] =
    if cfg!(feature = "jpeg2000") { b"bandwise index cache 2j\n" } else { b"bandwise index cache 2\n\n" };

const BUFFER_BYTES: usize = 256 << 10;

/// All that a scan found out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CachedIndex {
    pub(crate) index: Index,
    /// Without content.
    pub(crate) digest: Digest,
    /// Of each sample.
    pub(crate) times: Vec<Times>,
    pub(crate) contents: Contents,
    /// Warnings of the walk.
    pub(crate) folder_warnings: Warnings,
    /// Warnings of the last look at the samples.
    pub(crate) sample_warnings: Warnings,
    pub(crate) watch: ScanRecord,
}

/// The path of the cached index of the dataset at the canonical path `root`.
pub(crate) fn cache_path(cache_dir: &Path, root: &Path) -> PathBuf {
    let key: [u8; 32] = Sha256::digest(root.as_os_str().as_bytes()).into();
    cache_dir.join(format!("{}.index", Digest::from_bytes(key)))
}

/// The index kept at `path` for `root`, if there is one, as it was true once.
pub(crate) fn load(path: &Path, root: &Path) -> Option<CachedIndex> {
    let (file, metadata) = open_without_waiting(path).ok()?;
    if !metadata.is_file() {
        return None;
    }
    let reader = BufReader::with_capacity(BUFFER_BYTES, file);
    decode(CacheReader::new(reader, metadata.len()).ok()?, root).ok()
}

fn decode<R: io::Read>(mut input: CacheReader<R>, root: &Path) -> io::Result<CachedIndex> {
    let mut tag = [0; TAG.len()];
    input.raw(&mut tag)?;
    if &tag != TAG || input.bytes()? != root.as_os_str().as_bytes() {
        return Err(damaged());
    }
    let mut digest = [0; 32];
    input.raw(&mut digest)?;
    let index = Index::read(&mut input)?;
    let cached = CachedIndex {
        digest: Digest::from_bytes(digest),
        times: stamps::read(&mut input, index.len())?,
        contents: Contents::read(&mut input, index.len())?,
        index,
        folder_warnings: Warnings::read(&mut input)?,
        sample_warnings: Warnings::read(&mut input)?,
        watch: ScanRecord::read(&mut input)?,
    };
    input.finish().map(|()| cached)
}

/// Keeps an index at `path`, in place of what was there, or leaves all as it was. Hashes of files that have changed
/// about `now` (since 1970), a moment before they were looked at, are not kept.
///
/// Not synced to the disk: after a power failure the checksum tells, and the price is one scan.
pub(crate) fn save(path: &Path, root: &Path, cached: &CachedIndex, now: Duration) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(folder)?;
    // Readable by all, as the umask allows: the default of the crate is for secrets.
    let mut file = Builder::new().permissions(Permissions::from_mode(0o644)).tempfile_in(folder)?;
    write(file.as_file_mut(), root, cached, now)?;
    file.persist(path)?;
    Ok(())
}

fn write(file: &mut File, root: &Path, cached: &CachedIndex, now: Duration) -> io::Result<()> {
    let mut out = CacheWriter::new(BufWriter::with_capacity(BUFFER_BYTES, file));
    out.raw(TAG)?;
    out.bytes(root.as_os_str().as_bytes())?;
    out.raw(cached.digest.as_bytes())?;
    cached.index.write(&mut out)?;
    stamps::write(&cached.times, &mut out)?;
    cached.contents.settled(&cached.times, now).write(&mut out)?;
    cached.folder_warnings.write(&mut out)?;
    cached.sample_warnings.write(&mut out)?;
    cached.watch.write(&mut out)?;
    out.finish()
}
