//! Lists the folders of a dataset as `os.scandir` and `os.walk(followlinks=True)` do for torchvision.
//!
//! Folders are listed in parallel, one depth after the other, so that no thread waits inside another's task. The
//! result does not depend on the order in which that happens. Sizes are not asked for here.
//!
//! Differences from torchvision, on purpose: a folder that cannot be read is an error (`os.walk` skips it in
//! silence), and a link that leads back to a folder above it is not followed.

use std::fs::{self, DirEntry};
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;

use crate::error::DatasetError;
use crate::names::Names;
use crate::order::python_order;
use crate::paths::{child, display, is_image, join};
use crate::progress::Tally;
use crate::scan_record::{ScanRecord, Stamp};
use crate::warning::{Warning, Warnings};

/// The results of a walk.
pub(crate) struct Walk {
    /// Class folders in Python's order.
    pub(crate) classes: Names,
    /// Every folder below the root, in the order of the index.
    pub(crate) folders: Vec<ListedFolder>,
    /// The stamps that show later whether all this still holds.
    pub(crate) watch: ScanRecord,
    /// Loops.
    pub(crate) warnings: Warnings,
}

/// The images of one folder, in Python's order.
pub(crate) struct ListedFolder {
    pub(crate) class: u32,
    pub(crate) path: Vec<u8>,
    pub(crate) files: Names,
}

/// Walks the folder `root` in the current thread pool.
pub(crate) fn walk(root: &Path, tally: &Tally<'_>) -> Result<Walk, DatasetError> {
    let (stamp, entries) = examine(root)?;
    let classes = entries.folders.sorted();
    if classes.len() == 0 {
        return Err(DatasetError::NoClassFolders {
            path: root.to_owned(),
            images: entries.images.len() as u64,
        });
    }
    let mut walk =
        Walk { classes, folders: Vec::new(), watch: ScanRecord::default(), warnings: Warnings::default() };
    walk.watch.push_folder(b"", stamp);
    entries.broken.iter().for_each(|name| walk.watch.push_broken(name));
    let above = Arc::new(Ancestors { stamp, above: None });
    let visit = |(class, path): (usize, &[u8])| Visit {
        class: class as u32,
        path: path.to_vec(),
        above: above.clone(),
    };
    let mut to_visit: Vec<Visit> = walk.classes.iter().enumerate().map(visit).collect();
    while !to_visit.is_empty() {
        let visited = to_visit.into_par_iter().map(|visit| visit.list(root, tally));
        let visited = visited.collect::<Result<Vec<_>, _>>()?;
        to_visit = visited.into_iter().flat_map(|visited| walk.take(visited)).collect();
    }
    walk.folders.sort_unstable_by(|a, b| a.class.cmp(&b.class).then_with(|| python_order(&a.path, &b.path)));
    Ok(walk)
}

impl Walk {
    /// Takes in what one visit found and returns the folders to visit next.
    fn take(&mut self, visited: Visited) -> Vec<Visit> {
        match visited {
            Visited::Loop { path, stamp } => {
                self.watch.push_folder(&path, stamp);
                self.warnings.push(Warning::FolderLoop { name: display(&path) });
                Vec::new()
            }
            Visited::Listed { folder, stamp, broken, next } => {
                self.watch.push_folder(&folder.path, stamp);
                broken.iter().for_each(|name| self.watch.push_broken(&child(&folder.path, name)));
                self.folders.push(folder);
                next
            }
        }
    }
}

/// A folder that is to be listed.
struct Visit {
    class: u32,
    path: Vec<u8>,
    above: Arc<Ancestors>,
}

enum Visited {
    Loop { path: Vec<u8>, stamp: Stamp },
    Listed { folder: ListedFolder, stamp: Stamp, broken: Names, next: Vec<Visit> },
}

impl Visit {
    fn list(self, root: &Path, tally: &Tally<'_>) -> Result<Visited, DatasetError> {
        let Self { class, path, above } = self;
        let (stamp, entries) = examine(&join(root, &path))?;
        if above.contains(&stamp) {
            return Ok(Visited::Loop { path, stamp });
        }
        tally.add_found(entries.folders.len() as u64, entries.images.len() as u64)?;
        let above = Arc::new(Ancestors { stamp, above: Some(above) });
        let visit = |name: &[u8]| Visit { class, path: child(&path, name), above: above.clone() };
        let next = entries.folders.iter().map(visit).collect();
        let folder = ListedFolder { class, files: entries.images.sorted(), path };
        Ok(Visited::Listed { folder, stamp, broken: entries.broken, next })
    }
}

/// A folder and those above it, to see loops.
struct Ancestors {
    stamp: Stamp,
    above: Option<Arc<Ancestors>>,
}

impl Ancestors {
    fn contains(&self, stamp: &Stamp) -> bool {
        let mut next = Some(self);
        while let Some(ancestor) = next {
            if (ancestor.stamp.device, ancestor.stamp.inode) == (stamp.device, stamp.inode) {
                return true;
            }
            next = ancestor.above.as_deref();
        }
        false
    }
}

/// The entries of one folder, unordered.
#[derive(Default)]
struct Entries {
    folders: Names,
    /// Entries named as images that are no folders, whatever else they are.
    images: Names,
    /// Links that lead nowhere and are not named as images; those that are, show when their size is asked for.
    broken: Names,
}

fn examine(folder: &Path) -> Result<(Stamp, Entries), DatasetError> {
    let stamped = fs::metadata(folder).map(|metadata| Stamp::of(&metadata));
    stamped
        .and_then(|stamp| Ok((stamp, list(folder)?)))
        .map_err(|reason| DatasetError::folder(folder, reason))
}

fn list(folder: &Path) -> io::Result<Entries> {
    let mut entries = Entries::default();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().into_vec();
        match (EntryKind::of(&entry), is_image(&name)) {
            (EntryKind::Folder, _) => entries.folders.push(&name),
            (_, true) => entries.images.push(&name),
            (EntryKind::Broken, false) => entries.broken.push(&name),
            (EntryKind::File, false) => (),
        }
    }
    Ok(entries)
}

/// The kind of an entry after following links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryKind {
    /// A folder.
    Folder,
    /// Anything else.
    File,
    /// A link whose target cannot be examined; no folder, as for `os.DirEntry.is_dir`.
    Broken,
}

impl EntryKind {
    /// Costs a system call only for links, and on file systems that keep no entry types.
    pub(crate) fn of(entry: &DirEntry) -> Self {
        let is_folder = match entry.file_type() {
            Ok(kind) if kind.is_symlink() => fs::metadata(entry.path()).map(|target| target.is_dir()),
            kind => kind.map(|kind| kind.is_dir()),
        };
        match is_folder {
            Ok(true) => Self::Folder,
            Ok(false) => Self::File,
            Err(_) => Self::Broken,
        }
    }
}
