//! State of the file of each sample when the dataset was opened: times beside the sizes of the index.
//!
//! They show that a file has been written over in place, which no folder tells, at the price of a stat call a sample.
//! The time of the last change (`ctime`) cannot be set back, so a file whose size and both times are as before is taken
//! to hold the same bytes.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;

use crate::codec::{CacheReader, CacheWriter, damaged};
use crate::scan_record::settles;
use std::time::Duration;

/// Size and times of a file; all 0 where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FileStamp {
    pub(crate) size: u64,
    pub(crate) times: Times,
}

/// Times of a file in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Times {
    /// Of its content, as its owner likes to have it.
    pub(crate) modified: i64,
    /// Of its content, name or rights, as the file system saw it.
    pub(crate) changed: i64,
}

impl FileStamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        let nanoseconds =
            |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
        let modified = nanoseconds(metadata.mtime(), metadata.mtime_nsec());
        let changed = nanoseconds(metadata.ctime(), metadata.ctime_nsec());
        Self { size: metadata.len(), times: Times { modified, changed } }
    }
}

impl Times {
    /// Whether a change after `now` (since 1970) must give another time.
    pub(crate) fn are_settled(&self, now: Duration) -> bool {
        settles(i128::from(self.changed), now)
    }
}

pub(crate) fn write<W: io::Write>(times: &[Times], out: &mut CacheWriter<W>) -> io::Result<()> {
    let column =
        |value: fn(&Times) -> i64| times.iter().map(|t| value(t).cast_unsigned()).collect::<Vec<_>>();
    out.u64s(&column(|times| times.modified))?;
    out.u64s(&column(|times| times.changed))
}

/// Reads what [`write`] wrote, for `samples` of them.
pub(crate) fn read<R: io::Read>(input: &mut CacheReader<R>, samples: u64) -> io::Result<Vec<Times>> {
    let (modified, changed) = (input.u64s()?, input.u64s()?);
    if modified.len() as u64 != samples || changed.len() as u64 != samples {
        return Err(damaged());
    }
    let pairs = modified.into_iter().zip(changed);
    Ok(pairs.map(|(m, c)| Times { modified: m.cast_signed(), changed: c.cast_signed() }).collect())
}
