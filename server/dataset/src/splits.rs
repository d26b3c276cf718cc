//! Folders that hold splits: `train` beside `val` or `test`, each a folder of class folders.
//!
//! A folder holds splits if all of this is true:
//!
//! 1. it holds the folder `train` and at least one of `val` and `test`;
//! 2. it holds no other folder, those whose names begin with a dot aside (any other folder would be a class);
//! 3. no image lies directly in it, nor directly in one of these folders;
//! 4. each of these folders holds at least one folder.
//!
//! So a dataset whose classes happen to be called `train` and `val`, with images directly in them, stays one
//! dataset; so does one with a further class. Where the first two hold but only some of the folders pass the
//! others (a `val` that was never sorted into class folders), it stays one dataset too, with a warning.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;

use crate::dataset::Dataset;
use crate::error::{DatasetError, NAMES_SHOWN};
use crate::index::Class;
use crate::paths::{display, is_image};
use crate::walk::EntryKind;
use crate::warning::Warning;

const SPLITS: [&str; 3] = ["train", "val", "test"];

/// What a folder is, as far as splits go.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// One dataset.
    Plain,
    /// These splits, in the order train, val, test.
    Splits(Vec<&'static str>),
    /// One dataset that looks as if it had been meant to be splits.
    Half(Warning),
}

/// Looks at `root` and, if it seems to hold splits, at those; nothing deeper is read.
pub(crate) fn layout(root: &Path) -> Result<Layout, DatasetError> {
    let Some(found) = look(root)?.split_names() else { return Ok(Layout::Plain) };
    let (mut like_splits, mut unlike_splits) = (Vec::new(), Vec::new());
    for split in found {
        let looked = look(&root.join(split))?;
        let like_split = !looked.has_images && !looked.folders.is_empty();
        if like_split { like_splits.push(split) } else { unlike_splits.push(split) }
    }
    Ok(match (like_splits.is_empty(), unlike_splits.is_empty()) {
        (true, _) => Layout::Plain,
        (_, true) => Layout::Splits(like_splits),
        _ => Layout::Half(Warning::HalfSplit { path: root.to_owned(), like_splits, unlike_splits }),
    })
}

/// The entries of a folder that matter here.
struct Looked {
    folders: Vec<Vec<u8>>,
    has_images: bool,
}

impl Looked {
    fn split_names(&self) -> Option<Vec<&'static str>> {
        let is_present = |name: &&str| self.folders.iter().any(|folder| folder == name.as_bytes());
        let found: Vec<_> = SPLITS.into_iter().filter(is_present).collect();
        let visible = self.folders.iter().filter(|name| !name.starts_with(b".")).count();
        let holds = !self.has_images && found.len() >= 2 && found[0] == "train" && visible == found.len();
        holds.then_some(found)
    }
}

/// Stops at the first image, so that a class folder of millions of images costs nothing.
fn look(folder: &Path) -> Result<Looked, DatasetError> {
    let list = || -> io::Result<Looked> {
        let mut looked = Looked { folders: Vec::new(), has_images: false };
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().into_vec();
            if EntryKind::of(&entry) == EntryKind::Folder {
                looked.folders.push(name);
            } else if is_image(&name) {
                looked.has_images = true;
                break;
            }
        }
        Ok(looked)
    };
    list().map_err(|reason| DatasetError::folder(folder, reason))
}

/// Checks that all splits have the classes of the first.
pub(crate) fn check_classes(
    root: &Path,
    splits: &[(Option<&'static str>, Dataset)],
) -> Result<(), DatasetError> {
    let Some(((first, first_dataset), others)) = splits.split_first() else { return Ok(()) };
    for (second, second_dataset) in others {
        let (only_first_count, only_first) = only_in(first_dataset.classes(), second_dataset.classes());
        let (only_second_count, only_second) = only_in(second_dataset.classes(), first_dataset.classes());
        if only_first_count + only_second_count > 0 {
            return Err(DatasetError::SplitClassesDiffer {
                path: root.to_owned(),
                first: first.unwrap_or_default(),
                second: second.unwrap_or_default(),
                only_first_count,
                only_first,
                only_second_count,
                only_second,
            });
        }
    }
    Ok(())
}

/// How many classes only `these` has, and the first of them.
fn only_in(these: &[Class], those: &[Class]) -> (u64, Vec<String>) {
    let those: std::collections::HashSet<&[u8]> = those.iter().map(Class::bytes).collect();
    let only: Vec<_> = these.iter().filter(|class| !those.contains(class.bytes())).collect();
    (only.len() as u64, only.iter().take(NAMES_SHOWN).map(|class| display(class.bytes())).collect())
}
