//! Folders that hold splits: `train`, `val`, `test`, each a folder of class folders.
//!
//! A folder is *named as a split* if it is called train, training, val, valid, validation, test or testing, in upper or
//! lower case. It *looks like a split* if it also holds a folder and no image directly. Links count as what they lead to.
//!
//! 1. If no folder looks like a split, the whole folder is one dataset. It is warned of if two folders are named as
//!    splits, or if one is and nothing else is there: they are classes then.
//! 2. If one folder looks like a split, none other is named as one, and another holds images (in it or in its folders),
//!    it is one dataset too, with a warning: `train` is then a class among others.
//! 3. Otherwise each folder that looks like a split is served under its own name, trains first. Every other folder is
//!    left out with a warning that names it: flat or empty ones, broken links, folders that are not named as splits, and
//!    a split that has none of the classes of the first one. Files beside them do not matter, and neither do folders
//!    whose names begin with a dot or that systems put there.
//!
//! The option `splits = "never"` makes it one dataset, whatever it looks like.
//!
//! A split that has none of the first split's classes is left out; one that has some of them is an error. The first is
//! usually a test set without labels in some folder, the second a mistake that would shift labels.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;

use crate::error::DatasetError;
use crate::options::Splits;
use crate::paths::{display, is_image, join};
use crate::walk::EntryKind;
use crate::warning::{LeftOut, Warning};

/// Names of splits in lower case, in the order in which they are served.
const SPLITS: [&str; 7] = ["train", "training", "val", "valid", "validation", "test", "testing"];

/// Folders that systems and file managers leave behind.
const NOISE: [&[u8]; 4] = [b"__MACOSX", b"lost+found", b"@eaDir", b"System Volume Information"];

/// Folders of a folder that are looked into for images.
const LOOKED_INTO: usize = 100;

/// The kind of a folder with regard to splits.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FolderKind {
    /// One dataset, and perhaps what is odd about it.
    Plain(Option<Warning>),
    /// At least one split.
    Splits {
        /// The names of their folders.
        splits: Vec<String>,
        /// Names of other folders, and why they are no splits.
        left_out: Vec<(String, LeftOut)>,
    },
}

/// Looks at `root` and, if a folder in it is named as a split, at its folders and into those; nothing deeper is read.
pub(crate) fn folder_kind(root: &Path, splits: Splits) -> Result<FolderKind, DatasetError> {
    if splits == Splits::Never {
        return Ok(FolderKind::Plain(None));
    }
    let looked = look(root, false).map_err(|reason| DatasetError::folder(root, reason))?;
    let mut named: Vec<_> = looked.folders.iter().filter_map(|name| Some((kind(name)?, name))).collect();
    named.sort_unstable();
    let (mut like, mut unlike) = (Vec::new(), Vec::new());
    for (_, name) in named {
        let folder = join(root, name);
        let inside = look(&folder, true).map_err(|reason| DatasetError::folder(&folder, reason))?;
        match (inside.has_images, inside.folders.is_empty()) {
            (true, _) => unlike.push((display(name), LeftOut::Flat)),
            (false, true) => unlike.push((display(name), LeftOut::Empty)),
            (false, false) => like.push(display(name)),
        }
    }
    let broken = looked.broken.iter().filter(|name| kind(name).is_some());
    unlike.extend(broken.map(|name| (display(name), LeftOut::Broken)));
    let mut others: Vec<_> = looked.folders.into_iter().filter(|name| kind(name).is_none()).collect();
    others.sort_unstable();
    Ok(judge(root, like, unlike, &others))
}

fn judge(root: &Path, like: Vec<String>, unlike: Vec<(String, LeftOut)>, others: &[Vec<u8>]) -> FolderKind {
    if like.is_empty() {
        let folders: Vec<_> = unlike.into_iter().map(|(name, _)| name).collect();
        let suspicious = folders.len() > 1 || (folders.len() == 1 && others.is_empty());
        return FolderKind::Plain(suspicious.then_some(Warning::SplitNames { folders }));
    }
    if let ([split], []) = (like.as_slice(), unlike.as_slice())
        && let Some(other) = others.iter().find(|other| holds_images(&join(root, other)))
    {
        let (split, other) = (split.clone(), display(other));
        return FolderKind::Plain(Some(Warning::OneOfClasses { split, other }));
    }
    let mut left_out = unlike;
    left_out.extend(others.iter().map(|name| (display(name), LeftOut::NotNamed)));
    FolderKind::Splits { splits: like, left_out }
}

/// The place of a name in the order of splits.
fn kind(name: &[u8]) -> Option<usize> {
    SPLITS.iter().position(|split| name.eq_ignore_ascii_case(split.as_bytes()))
}

/// The entries of a folder that matter here.
#[derive(Default)]
struct Looked {
    folders: Vec<Vec<u8>>,
    /// Links that lead nowhere.
    broken: Vec<Vec<u8>>,
    has_images: bool,
}

/// May stop at the first image, so that a class folder of millions of images costs nothing.
fn look(folder: &Path, until_image: bool) -> io::Result<Looked> {
    let mut looked = Looked::default();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().into_vec();
        match EntryKind::of(&entry) {
            EntryKind::Folder if name.starts_with(b".") || NOISE.contains(&name.as_slice()) => {}
            EntryKind::Folder => looked.folders.push(name),
            EntryKind::Broken if !is_image(&name) => looked.broken.push(name),
            _ if is_image(&name) => {
                looked.has_images = true;
                if until_image {
                    break;
                }
            }
            _ => {}
        }
    }
    Ok(looked)
}

/// Whether a folder or one of its folders holds an image, as a class does. One that cannot be read holds none.
fn holds_images(folder: &Path) -> bool {
    let Ok(looked) = look(folder, true) else { return false };
    let below = |name: &Vec<u8>| look(&join(folder, name), true).is_ok_and(|looked| looked.has_images);
    looked.has_images || looked.folders.iter().take(LOOKED_INTO).any(below)
}
