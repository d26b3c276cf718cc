//! A SHA-256 of the bytes of each sample, for digests that tell when a file changes at the same size.
//!
//! Hashes are kept with the index and made again only for files whose size or times differ. Files are read in pieces,
//! so that their size does not matter, and one that changes meanwhile counts as unreadable.

use std::io::{self, Read as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;
use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use crate::codec::{CacheReader, CacheWriter, damaged};
use crate::index::Index;
use crate::paths::{display, join};
use crate::progress::Progress;
use crate::read::open_without_waiting;
use crate::sentence::NAMES_SHOWN;
use crate::stamps::{FileStamp, Times};

/// Bytes of a hash.
pub(crate) const HASH_BYTES: usize = 32;

/// The SHA-256 of the bytes of a sample.
pub(crate) type Hash = [u8; HASH_BYTES];

/// In the place of a hash that is not known; no file is known to have it.
const UNKNOWN: Hash = [0; HASH_BYTES];

/// Read at a time.
const PIECE_BYTES: usize = 256 << 10;

/// The hashes of all samples of an index, or of none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    /// As long as the index, or empty.
    hashes: Vec<Hash>,
}

/// Samples without a hash.
#[derive(Debug, Default)]
pub(crate) struct Unhashed {
    /// Ascending, each with what the operating system said.
    pub(crate) samples: Vec<(u64, String)>,
}

impl Contents {
    pub(crate) fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    pub(crate) fn get(&self, sample: u64) -> Option<&Hash> {
        self.hashes.get(sample as usize).filter(|hash| **hash != UNKNOWN)
    }

    /// The hashes of an older index that still hold for a newer one. In the current thread pool.
    pub(crate) fn carried(old: Old<'_>, index: &Index, times: &[Times]) -> Contents {
        if old.contents.is_empty() {
            return Contents::default();
        }
        let hash = |sample: u64| {
            let before = old.index.find(&index.name(sample))?;
            let same = old.index.size(before) == index.size(sample)
                && old.times[before as usize] == times[sample as usize];
            old.contents.get(before).filter(|_| same).copied()
        };
        let hashes = (0..index.len()).into_par_iter().map(|sample| hash(sample).unwrap_or(UNKNOWN));
        Contents { hashes: hashes.collect() }
    }

    /// Makes the hashes that are missing; returns how many it made, and what could not be read. In the current thread
    /// pool.
    pub(crate) fn complete(
        &mut self,
        root: &Path,
        index: &Index,
        times: &[Times],
        progress: &dyn Progress,
    ) -> (u64, Unhashed) {
        self.hashes.resize(index.len() as usize, UNKNOWN);
        let missing: Vec<u64> = (0..index.len()).filter(|&sample| self.get(sample).is_none()).collect();
        let (done, failed) = (AtomicU64::new(0), Mutex::new(Vec::new()));
        let hash = |&sample: &u64| {
            let stamp = FileStamp { size: index.size(sample), times: times[sample as usize] };
            let hashed = hash_file(&join(root, &index.name(sample)), stamp);
            progress.hashed(done.fetch_add(1, Relaxed) + 1, missing.len() as u64);
            hashed.unwrap_or_else(|reason| {
                failed.lock().push((sample, reason.to_string()));
                UNKNOWN
            })
        };
        let made: Vec<Hash> = missing.par_iter().map(hash).collect();
        missing.iter().zip(made).for_each(|(&sample, hash)| self.hashes[sample as usize] = hash);
        let mut samples = failed.into_inner();
        samples.sort_unstable();
        (missing.len() as u64 - samples.len() as u64, Unhashed { samples })
    }

    /// Without those of files that may since have changed without a trace.
    pub(crate) fn settled(&self, times: &[Times], now: Duration) -> Contents {
        let kept = |(hash, times): (&Hash, &Times)| if times.are_settled(now) { *hash } else { UNKNOWN };
        Contents { hashes: self.hashes.iter().zip(times).map(kept).collect() }
    }

    pub(crate) fn write<W: io::Write>(&self, out: &mut CacheWriter<W>) -> io::Result<()> {
        out.bytes(self.hashes.as_flattened())
    }

    /// Reads what `write` wrote, for `samples` of them.
    pub(crate) fn read<R: io::Read>(input: &mut CacheReader<R>, samples: u64) -> io::Result<Contents> {
        let bytes = input.bytes()?;
        let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
        let fits = rest.is_empty() && (hashes.is_empty() || hashes.len() as u64 == samples);
        if fits { Ok(Contents { hashes: hashes.to_vec() }) } else { Err(damaged()) }
    }
}

/// An older index with what is known of its files.
#[derive(Clone, Copy)]
pub(crate) struct Old<'a> {
    pub(crate) index: &'a Index,
    pub(crate) times: &'a [Times],
    pub(crate) contents: &'a Contents,
}

impl Unhashed {
    /// The number of them that are `kept`, and the first ten with their reasons.
    pub(crate) fn among(&self, index: &Index, kept: impl Fn(u64) -> bool) -> (u64, Vec<String>) {
        let bad = || self.samples.iter().filter(|(sample, _)| kept(*sample));
        let named =
            |(sample, reason): &(u64, String)| format!("{} ({reason})", display(&index.name(*sample)));
        (bad().count() as u64, bad().take(NAMES_SHOWN).map(named).collect())
    }
}

fn hash_file(path: &Path, expected: FileStamp) -> io::Result<Hash> {
    let (mut file, metadata) = open_without_waiting(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut hash = Sha256::new();
    let mut piece = vec![0; PIECE_BYTES.min(usize::try_from(expected.size).unwrap_or(PIECE_BYTES).max(1))];
    loop {
        match file.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => hash.update(&piece[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let unchanged = [metadata, file.metadata()?].iter().all(|seen| FileStamp::of(seen) == expected);
    if unchanged { Ok(hash.finalize().into()) } else { Err(io::Error::other("changed while it was read")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_of_files_that_may_change_unseen_are_not_kept() {
        let second = 1_000_000_000;
        let at = |changed: i64| Times { modified: 0, changed };
        let contents = Contents { hashes: vec![[1; 32], [2; 32], [3; 32]] };
        let times = [at(9 * second + 1), at(10 * second), at(9 * second - second / 2)];
        let kept = contents.settled(&times, Duration::from_millis(10_050));
        assert_eq!((0..3).map(|sample| kept.get(sample).is_some()).collect::<Vec<_>>(), [true, false, true]);
    }
}
