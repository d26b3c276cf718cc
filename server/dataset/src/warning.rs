//! Warnings about a dataset that was opened nevertheless.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::codec::{CacheReader, CacheWriter, damaged};
use crate::sentence::{NEVER, listed};

/// Something the operator should know. Names are relative to the dataset folder and escaped for display.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// A sample whose size cannot be asked for, such as a broken link. It stays in the list with size 0 and is
    /// unreadable.
    BrokenSample {
        /// The sample.
        name: String,
        /// The error of the operating system.
        reason: String,
    },
    /// A sample that is no regular file (a pipe, a device). It stays in the list and is unreadable.
    NotAFile {
        /// The sample.
        name: String,
    },
    /// A folder that leads back to a folder above it and was not followed. torchvision lists the samples of such
    /// a loop about forty times over.
    FolderLoop {
        /// The folder.
        name: String,
    },
    /// More warnings of the scan than are kept.
    More {
        /// The number that was dropped.
        count: u64,
    },
    /// The index could not be kept, so the next start scans again.
    CacheNotWritten {
        /// The cache file.
        path: PathBuf,
        /// The error of the operating system.
        reason: String,
    },
    /// Files that were written over at the same size since the index was last looked at. The digest does not show it.
    Rewritten {
        /// Number of them.
        count: u64,
        /// The first sample of them.
        name: String,
    },
    /// Folders beside splits that are not served.
    LeftOut {
        /// Their names, at most ten.
        folders: Vec<String>,
        /// Number of them.
        count: u64,
        /// The reason.
        reason: LeftOut,
        /// The splits that are.
        served: Vec<String>,
    },
    /// One folder is named and built like a split, but others beside it hold images: all were taken for classes.
    OneOfClasses {
        /// The folder.
        split: String,
        /// One of the others.
        other: String,
    },
    /// Folders that are named like splits hold no class folders: they were taken for classes.
    SplitNames {
        /// Their names.
        folders: Vec<String>,
    },
}

/// The reason why a folder beside splits is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeftOut {
    /// Images lie directly in it, so their classes are unknown.
    Flat,
    /// No image lies in its class folders, or it has none.
    Empty,
    /// A link that leads nowhere.
    Broken,
    /// None of its folders is a class of the first split.
    OtherClasses,
    /// It is not named as a split.
    NotNamed,
}

impl Warning {
    /// Whether it concerns the samples, so that their users should know; otherwise it is about files of this process
    /// alone.
    pub fn is_about_data(&self) -> bool {
        !matches!(self, Self::CacheNotWritten { .. })
    }

    /// Number of warnings it stands for.
    pub fn count(&self) -> u64 {
        match self {
            Self::More { count } => *count,
            _ => 1,
        }
    }
}

impl fmt::Display for Warning {
    #[expect(
        clippy::unnecessary_debug_formatting,
        reason = "a path may hold line breaks, a warning is one line"
    )]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BrokenSample { name, reason } => {
                write!(f, "sample {name} is broken and counts as unreadable: {reason}")
            }
            Self::NotAFile { name } => {
                write!(f, "sample {name} is not a regular file and counts as unreadable")
            }
            Self::FolderLoop { name } => {
                write!(f, "folder {name} leads back to a folder above it; not followed")
            }
            Self::More { count } => write!(f, "{count} more warnings of the scan"),
            Self::CacheNotWritten { path, reason } => {
                write!(f, "cannot write index cache {path:?}, the next start scans again: {reason}")
            }
            Self::Rewritten { count, name } => write!(
                f,
                "files written over at the same size since the last start: {count}, the first is {name}; the \
                 fingerprint covers names and sizes alone, and the content too with content = true (--content)"
            ),
            Self::LeftOut { folders, count, reason, served } => write!(
                f,
                "not served beside {}: {} ({reason}); to serve the whole folder as one dataset whose classes are its \
                 folders, {NEVER}",
                served.join(", "),
                listed(folders, *count)
            ),
            Self::OneOfClasses { split, other } => write!(
                f,
                "all folders were taken for classes: {split} looks like a split, but {other} beside it holds images and \
                 is not named as one; if {split} is a split, open its own folder, and if it is a class, {NEVER}"
            ),
            Self::SplitNames { folders } => write!(
                f,
                "{} hold no class folders and were taken for classes; if they are splits, sort their images into one \
                 folder per class, and if they are classes, {NEVER}",
                folders.join(", ")
            ),
        }
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flat => "images lie directly in it; sort them into one folder per class",
            Self::Empty => "no images in class folders",
            Self::Broken => "a link that leads nowhere; mount its disk or mend it",
            Self::OtherClasses => "none of its folders is a class of the first split",
            Self::NotNamed => "splits are named train, val or test",
        })
    }
}

/// Warnings kept of one scan; the rest is only counted, since a dataset of broken links has millions.
const MAX_WARNINGS: usize = 100;

/// The warnings of a scan, at most [`MAX_WARNINGS`] of them and a count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Warnings {
    kept: Vec<Warning>,
    more: u64,
}

impl Warnings {
    pub(crate) fn push(&mut self, warning: Warning) {
        if self.kept.len() < MAX_WARNINGS {
            self.kept.push(warning);
        } else {
            self.more += 1;
        }
    }

    /// Both lists in order; associative, so that parts may be joined by threads.
    pub(crate) fn joined(mut self, other: Warnings) -> Warnings {
        self.more += other.more;
        other.kept.into_iter().for_each(|warning| self.push(warning));
        self
    }

    pub(crate) fn into_list(mut self) -> Vec<Warning> {
        if self.more > 0 {
            self.kept.push(Warning::More { count: self.more });
        }
        self.kept
    }

    pub(crate) fn write<W: io::Write>(&self, out: &mut CacheWriter<W>) -> io::Result<()> {
        out.u64(self.more)?;
        out.u64(self.kept.len() as u64)?;
        for warning in &self.kept {
            let (kind, name, reason) = match warning {
                Warning::BrokenSample { name, reason } => (0, name.as_str(), reason.as_str()),
                Warning::NotAFile { name } => (1, name.as_str(), ""),
                Warning::FolderLoop { name } => (2, name.as_str(), ""),
                // A scan gives no other; were one added and forgotten here, its dataset would not be cached.
                _ => return Err(io::ErrorKind::Unsupported.into()),
            };
            out.u64(kind)?;
            out.bytes(name.as_bytes())?;
            out.bytes(reason.as_bytes())?;
        }
        Ok(())
    }

    pub(crate) fn read<R: io::Read>(input: &mut CacheReader<R>) -> io::Result<Warnings> {
        let mut warnings = Warnings { kept: Vec::new(), more: input.u64()? };
        for _ in 0..input.count(24)? {
            warnings.push(read_warning(input)?);
        }
        Ok(warnings)
    }
}

fn read_warning<R: io::Read>(input: &mut CacheReader<R>) -> io::Result<Warning> {
    let kind = input.u64()?;
    let name = String::from_utf8(input.bytes()?).map_err(|_| damaged())?;
    let reason = String::from_utf8(input.bytes()?).map_err(|_| damaged())?;
    match kind {
        0 => Ok(Warning::BrokenSample { name, reason }),
        1 => Ok(Warning::NotAFile { name }),
        2 => Ok(Warning::FolderLoop { name }),
        _ => Err(damaged()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(range: std::ops::Range<u32>) -> Warnings {
        let mut warnings = Warnings::default();
        range.for_each(|n| warnings.push(Warning::NotAFile { name: n.to_string() }));
        warnings
    }

    #[test]
    fn only_the_first_hundred_are_kept_however_they_are_joined() {
        let whole = numbered(0..250);
        let joined = numbered(0..70).joined(numbered(70..220)).joined(numbered(220..250));
        assert_eq!(whole.clone().into_list().len(), 101);
        assert_eq!(whole.into_list().last(), Some(&Warning::More { count: 150 }));
        assert_eq!(joined.into_list().last(), Some(&Warning::More { count: 150 }));
    }
}
