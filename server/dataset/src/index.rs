//! The samples of a dataset: names, labels and sizes, in order, held compactly.
//!
//! A name is `folder/file`, and a folder's path begins with its class, so both are kept once for all their
//! samples. Beside its file name a sample takes 16 bytes: 8 for the end of the name and 8 for the size. The index
//! knows nothing of where the bytes of a sample lie.

use std::cmp::Ordering;
use std::io;
use std::ops::Range;

use crate::codec::{CacheReader, CacheWriter, damaged};
use crate::names::Names;
use crate::order::python_order;
use crate::paths::{child, is_image};

/// A class: one folder directly in the dataset folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    name: String,
    bytes: Vec<u8>,
}

impl Class {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self { name: String::from_utf8_lossy(bytes).into_owned(), bytes: bytes.to_vec() }
    }

    /// The name as text, unescaped; bytes that are not UTF-8 are shown as U+FFFD, so two classes may look alike.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name as the file system has it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// An immutable list of samples, ordered by class, then folder path, then file name, each in Python's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Index {
    classes: Vec<Class>,
    /// Folders that hold at least one sample, relative to the dataset folder.
    folder_paths: Names,
    folder_classes: Vec<u32>,
    /// The first sample of each folder; strictly ascending from 0.
    folder_starts: Vec<u64>,
    /// File names without their folder.
    file_names: Names,
    /// Encoded bytes of each sample.
    sizes: Vec<u64>,
}

/// One folder of an index.
pub(crate) struct Folder<'a> {
    pub(crate) class: u32,
    pub(crate) path: &'a [u8],
    pub(crate) samples: Range<u64>,
}

impl Index {
    /// An index without samples; classes in Python's order.
    pub(crate) fn new(classes: &Names) -> Self {
        Self { classes: classes.iter().map(Class::new).collect(), ..Self::default() }
    }

    /// Appends the files of one folder, in order, with size 0. Folders come in the order of the index.
    pub(crate) fn push_folder(&mut self, class: u32, path: &[u8], files: &Names) {
        if files.len() > 0 {
            self.begin_folder(class, path);
            self.file_names.append(files);
            self.sizes.resize(self.file_names.len(), 0);
        }
    }

    /// The sizes of all samples, to be filled in.
    pub(crate) fn sizes_mut(&mut self) -> &mut Vec<u64> {
        &mut self.sizes
    }

    fn begin_folder(&mut self, class: u32, path: &[u8]) {
        self.folder_classes.push(class);
        self.folder_paths.push(path);
        self.folder_starts.push(self.len());
    }

    /// Gives back the room that growing left over.
    pub(crate) fn shrink(&mut self) {
        self.folder_paths.shrink();
        self.folder_classes.shrink_to_fit();
        self.folder_starts.shrink_to_fit();
        self.file_names.shrink();
        self.sizes.shrink_to_fit();
    }

    pub(crate) fn len(&self) -> u64 {
        self.file_names.len() as u64
    }

    pub(crate) fn classes(&self) -> &[Class] {
        &self.classes
    }

    /// The class of a sample. Cost: a binary search over the folders.
    ///
    /// # Panics
    /// As all that take a sample: if it is not below `len()`.
    pub(crate) fn label(&self, sample: u64) -> u32 {
        self.folder_classes[self.folder_of(sample)]
    }

    /// `class/.../file` of a sample.
    pub(crate) fn name(&self, sample: u64) -> Vec<u8> {
        child(self.folder_paths.get(self.folder_of(sample)), self.file_name(sample))
    }

    pub(crate) fn file_name(&self, sample: u64) -> &[u8] {
        self.file_names.get(self.position(sample))
    }

    pub(crate) fn size(&self, sample: u64) -> u64 {
        self.sizes[self.position(sample)]
    }

    fn position(&self, sample: u64) -> usize {
        assert!(sample < self.len(), "sample {sample} of {}", self.len());
        sample as usize
    }

    fn folder_of(&self, sample: u64) -> usize {
        let sample = self.position(sample) as u64;
        // The first folder starts at sample 0, so at least one start is not above the sample.
        self.folder_starts.partition_point(|&start| start <= sample) - 1
    }

    /// All folders in order.
    pub(crate) fn folders(&self) -> impl Iterator<Item = Folder<'_>> {
        (0..self.folder_starts.len()).map(|folder| Folder {
            class: self.folder_classes[folder],
            path: self.folder_paths.get(folder),
            samples: self.samples_of(folder),
        })
    }

    fn samples_of(&self, folder: usize) -> Range<u64> {
        self.folder_starts[folder]..self.folder_starts.get(folder + 1).copied().unwrap_or(self.len())
    }

    /// The sample of this name. Cost: three binary searches.
    pub(crate) fn find(&self, name: &[u8]) -> Option<u64> {
        let path_end = name.iter().rposition(|&byte| byte == b'/')?;
        let (path, file) = (&name[..path_end], &name[path_end + 1..]);
        let class_end = path.iter().position(|&byte| byte == b'/').unwrap_or(path.len());
        let class =
            self.classes.binary_search_by(|class| python_order(&class.bytes, &path[..class_end])).ok()?;
        let folder = self.find_folder(class as u32, path)?;
        let Range { start, end } = self.samples_of(folder);
        search(start, end, |sample| python_order(self.file_name(sample), file))
    }

    fn find_folder(&self, class: u32, path: &[u8]) -> Option<usize> {
        let order = |folder: u64| {
            let folder = folder as usize;
            self.folder_classes[folder]
                .cmp(&class)
                .then_with(|| python_order(self.folder_paths.get(folder), path))
        };
        search(0, self.folder_starts.len() as u64, order).map(|folder| folder as usize)
    }

    /// The number of samples of each class.
    pub(crate) fn samples_per_class(&self) -> Vec<u64> {
        let mut counts = vec![0; self.classes.len()];
        for folder in self.folders() {
            counts[folder.class as usize] += folder.samples.end - folder.samples.start;
        }
        counts
    }

    /// The samples marked in `kept`, in order, with all classes.
    pub(crate) fn select(&self, kept: &[bool]) -> Index {
        let mut part = Index { classes: self.classes.clone(), ..Index::default() };
        for folder in self.folders() {
            let mut samples = folder.samples.filter(|&sample| kept[sample as usize]).peekable();
            if samples.peek().is_some() {
                part.begin_folder(folder.class, folder.path);
            }
            for sample in samples {
                part.file_names.push(self.file_name(sample));
                part.sizes.push(self.size(sample));
            }
        }
        part.shrink();
        part
    }

    /// Bytes held on the heap, spare capacity included.
    pub(crate) fn heap_bytes(&self) -> u64 {
        let class_bytes = |class: &Class| size_of::<Class>() + class.name.capacity() + class.bytes.capacity();
        let classes: usize = self.classes.iter().map(class_bytes).sum();
        let folders = self.folder_classes.capacity() * size_of::<u32>();
        let starts_and_sizes = (self.folder_starts.capacity() + self.sizes.capacity()) * size_of::<u64>();
        (classes + folders + starts_and_sizes) as u64
            + self.folder_paths.heap_bytes()
            + self.file_names.heap_bytes()
    }

    pub(crate) fn write<W: io::Write>(&self, out: &mut CacheWriter<W>) -> io::Result<()> {
        self.classes.iter().map(Class::bytes).collect::<Names>().write(out)?;
        self.folder_paths.write(out)?;
        out.u64s(&self.folder_classes.iter().map(|&class| u64::from(class)).collect::<Vec<_>>())?;
        out.u64s(&self.folder_starts)?;
        self.file_names.write(out)?;
        out.u64s(&self.sizes)
    }

    /// Reads what `write` wrote; refuses whatever could later panic or lead out of the dataset folder.
    pub(crate) fn read<R: io::Read>(input: &mut CacheReader<R>) -> io::Result<Index> {
        let mut index = Index::new(&Names::read(input)?);
        index.folder_paths = Names::read(input)?;
        let narrow = |class: u64| u32::try_from(class).map_err(|_| damaged());
        index.folder_classes = input.u64s()?.into_iter().map(narrow).collect::<io::Result<_>>()?;
        index.folder_starts = input.u64s()?;
        index.file_names = Names::read(input)?;
        index.sizes = input.u64s()?;
        if index.is_sound() { Ok(index) } else { Err(damaged()) }
    }

    fn is_sound(&self) -> bool {
        let folders = self.folder_starts.len();
        let equally_long = self.folder_paths.len() == folders
            && self.folder_classes.len() == folders
            && self.sizes.len() == self.file_names.len();
        let starts_sound = self.folder_starts.is_sorted_by(|a, b| a < b)
            && self.folder_starts.last().is_none_or(|&last| last < self.len())
            && self.folder_starts.first().copied() == (self.len() > 0).then_some(0);
        let known_class = |class: &u32| (*class as usize) < self.classes.len();
        equally_long
            && starts_sound
            && self.folder_classes.iter().all(known_class)
            && self.folder_paths.iter().all(is_plain_path)
            && self.file_names.iter().all(|name| is_image(name) && is_plain_name(name))
    }
}

/// Binary search: the place in `start..end` that compares equal, where `order` tells how a place compares with what is sought.
fn search(mut start: u64, mut end: u64, order: impl Fn(u64) -> Ordering) -> Option<u64> {
    while start < end {
        let middle = start + (end - start) / 2;
        match order(middle) {
            Ordering::Less => start = middle + 1,
            Ordering::Greater => end = middle,
            Ordering::Equal => return Some(middle),
        }
    }
    None
}

fn is_plain_path(path: &[u8]) -> bool {
    path.split(|&byte| byte == b'/').all(is_plain_name)
}

fn is_plain_name(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..") && !name.iter().any(|&byte| byte == b'/' || byte == 0)
}

#[cfg(test)]
mod tests;
