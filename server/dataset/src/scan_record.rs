//! Stamps of folders, which show that a scanned folder has changed, without listing it again.
//!
//! Adding, removing or renaming an entry changes the modification time of the folder that holds it, and a mount or
//! another folder in its place has another device or inode. So one stat call a folder is enough, and no sample is
//! touched. Two changes stay unseen: a file whose content changed in place (`stamps` sees that) and a working link
//! whose target turned from a file into a folder.
//!
//! Folders that changed less than 100 ms before the scan are scanned again at the next start, because a further change
//! might leave no trace in their times. For the same reason, hashes of files that changed as recently are not kept.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use rayon::prelude::*;

use crate::codec::{CacheReader, CacheWriter, damaged};
use crate::names::Names;
use crate::paths::join;

/// Broken links a watch holds at most; above, the next start scans again.
const MAX_BROKEN: usize = 10_000;

/// The identity of a folder and the time of the last change of its list of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    mtime_s: i64,
    mtime_ns: i64,
}

impl Stamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            mtime_s: metadata.mtime(),
            mtime_ns: metadata.mtime_nsec(),
        }
    }

    fn is_settled(&self, now: Duration) -> bool {
        settles(i128::from(self.mtime_s) * 1_000_000_000 + i128::from(self.mtime_ns), now)
    }
}

/// Whether a change after `now` must give another time than `time`, in nanoseconds since 1970. File systems round times
/// down: to seconds on some, whose times are whole seconds, to the clock tick (at most 10 ms) on others. A change in the
/// same step as an earlier one leaves no trace.
pub(crate) fn settles(time: i128, now: Duration) -> bool {
    let whole = time.rem_euclid(1_000_000_000) == 0;
    let step = if whole { Duration::from_secs(2) } else { Duration::from_millis(100) };
    time < i128::try_from(now.saturating_sub(step).as_nanos()).unwrap_or(i128::MAX)
}

/// The folders that were walked and the entries that led nowhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ScanRecord {
    /// Relative to the dataset folder, which is the empty path.
    folders: Names,
    stamps: Vec<Stamp>,
    /// Entries that could not be examined and are not named as images. A link to a disk that is mounted later turns
    /// into a class without any folder changing here.
    broken: Names,
    /// Samples that could not be examined.
    broken_samples: Names,
    /// Whether something may change without a trace here, so that only a scan will do.
    is_void: bool,
}

impl ScanRecord {
    /// `stamp` was taken before the folder was listed, so that what happens during the listing shows.
    pub(crate) fn push_folder(&mut self, path: &[u8], stamp: Stamp) {
        self.folders.push(path);
        self.stamps.push(stamp);
    }

    pub(crate) fn push_broken(&mut self, path: &[u8]) {
        self.broken.push(path);
    }

    pub(crate) fn set_broken_samples(&mut self, paths: Names) {
        self.broken_samples = paths;
    }

    /// Whether all is as it was; stats every folder, in the current thread pool.
    pub(crate) fn still_holds(&self, root: &Path) -> bool {
        let unchanged = |folder: usize| {
            let metadata = fs::metadata(join(root, self.folders.get(folder)));
            metadata.is_ok_and(|metadata| Stamp::of(&metadata) == self.stamps[folder])
        };
        let still_broken = |names: &Names| {
            (0..names.len()).into_par_iter().all(|entry| fs::metadata(join(root, names.get(entry))).is_err())
        };
        !self.is_void
            && (0..self.folders.len()).into_par_iter().all(unchanged)
            && still_broken(&self.broken)
            && still_broken(&self.broken_samples)
    }

    /// Notes whether every change after `now` (since 1970), which was before the scan, will show.
    pub(crate) fn settle(&mut self, now: Duration) {
        self.is_void = self.broken.len() + self.broken_samples.len() > MAX_BROKEN
            || !self.stamps.iter().all(|stamp| stamp.is_settled(now));
    }

    /// Whether the next start has to scan, since changes may leave no trace.
    pub(crate) fn is_void(&self) -> bool {
        self.is_void
    }

    pub(crate) fn write<W: io::Write>(&self, out: &mut CacheWriter<W>) -> io::Result<()> {
        self.folders.write(out)?;
        for stamp in &self.stamps {
            let times = [stamp.mtime_s.cast_unsigned(), stamp.mtime_ns.cast_unsigned()];
            [stamp.device, stamp.inode].into_iter().chain(times).try_for_each(|value| out.u64(value))?;
        }
        self.broken.write(out)?;
        self.broken_samples.write(out)?;
        out.u64(u64::from(self.is_void))
    }

    pub(crate) fn read<R: io::Read>(input: &mut CacheReader<R>) -> io::Result<ScanRecord> {
        let folders = Names::read(input)?;
        let stamps = (0..folders.len()).map(|_| read_stamp(input)).collect::<io::Result<Vec<_>>>()?;
        // The dataset folder itself is always watched.
        if stamps.is_empty() {
            return Err(damaged());
        }
        let (broken, broken_samples) = (Names::read(input)?, Names::read(input)?);
        Ok(ScanRecord { folders, stamps, broken, broken_samples, is_void: input.u64()? != 0 })
    }
}

fn read_stamp<R: io::Read>(input: &mut CacheReader<R>) -> io::Result<Stamp> {
    Ok(Stamp {
        device: input.u64()?,
        inode: input.u64()?,
        mtime_s: input.u64()?.cast_signed(),
        mtime_ns: input.u64()?.cast_signed(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(mtime_s: i64, mtime_ns: i64, now_ms: u64) -> bool {
        Stamp { device: 1, inode: 1, mtime_s, mtime_ns }.is_settled(Duration::from_millis(now_ms))
    }

    #[test]
    fn a_stamp_settles_once_the_clock_has_stepped_on() {
        assert!(!settled(10, 5_000_000, 10_050));
        assert!(settled(10, 5_000_000, 10_106));
        assert!(!settled(10, 0, 11_900), "whole seconds may be rounded ones");
        assert!(settled(10, 0, 12_001));
        assert!(!settled(20, 1, 10_000), "a time to come never settles");
        assert!(settled(-5, 0, 2_001));
    }
}
