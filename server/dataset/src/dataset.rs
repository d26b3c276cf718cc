//! The public face: a dataset that is open.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::error::DatasetError;
use crate::index::Class;
use crate::open::{IndexSource, dataset_folder, open_index};
use crate::options::OpenOptions;
use crate::paths::{display, join};
use crate::progress::Progress;
use crate::read::{ReadError, read_file, will_need};
use crate::samples::Samples;
use crate::splits::{self, Layout};
use crate::subset::subset;
use crate::synthetic::{self, Synthetic};
use crate::warning::Warning;

/// An indexed, immutable list of samples.
///
/// Send and Sync; share it in an `Arc`. It takes 16 bytes a sample beside the file names. Methods that take a
/// sample id panic, as slices do, unless it is below [`Dataset::len`].
pub struct Dataset {
    root: PathBuf,
    samples: Samples,
    digest: Digest,
    warnings: Vec<Warning>,
    source: IndexSource,
}

impl Dataset {
    /// Opens the folder of class folders at `options.path`: from the cache if nothing has changed, or else by a
    /// scan. The folder is taken for one dataset, whatever its class folders are called.
    ///
    /// Blocks for as long as the scan takes (a stat call a sample), in its own threads. An index that has just
    /// been changed is not kept: the times of its folders could not tell a further change.
    ///
    /// # Errors
    /// Whatever [`DatasetError`] names; a cache that cannot be used or written is none of these.
    pub fn open(options: &OpenOptions, progress: &dyn Progress) -> Result<Self, DatasetError> {
        let opened = open_index(options, progress)?;
        let (index, digest) = match subset(&opened.index, options)? {
            Some(part) => {
                let digest = Digest::of(&part);
                (part, digest)
            }
            None => (opened.index, opened.digest),
        };
        Ok(Self {
            root: opened.root,
            samples: Samples::Files(index),
            digest,
            warnings: opened.warnings,
            source: opened.source,
        })
    }

    /// The synthetic dataset: 1 281 167 samples in 1000 classes, sample `id` of the class `id` mod 1000, without
    /// files. Whoever makes rows of it makes them up; to read a sample gives no bytes.
    pub fn synthetic() -> Self {
        Self {
            root: PathBuf::new(),
            samples: Samples::Synthetic(Synthetic::new()),
            digest: synthetic::DIGEST,
            warnings: Vec::new(),
            source: IndexSource::None,
        }
    }

    /// Whether this is the synthetic dataset.
    pub fn is_synthetic(&self) -> bool {
        matches!(self.samples, Samples::Synthetic(_))
    }

    /// Opens the folder at `options.path`, which may hold splits: `train` beside `val` or `test`, nothing else,
    /// each with class folders and no image directly in it. The result is one dataset for each split, with its
    /// name, or one without a name if the folder holds no splits.
    ///
    /// # Errors
    /// As [`Dataset::open`]; also if the splits have different classes, or if a list of samples is given for them.
    pub fn open_splits(
        options: &OpenOptions,
        progress: &dyn Progress,
    ) -> Result<Vec<(Option<&'static str>, Self)>, DatasetError> {
        let root = dataset_folder(&options.path)?;
        match splits::layout(&root)? {
            Layout::Plain => Ok(vec![(None, Self::open(options, progress)?)]),
            Layout::Half(warning) => {
                let mut dataset = Self::open(options, progress)?;
                dataset.warnings.push(warning);
                Ok(vec![(None, dataset)])
            }
            Layout::Splits(names) => open_each(&root, &names, options, progress),
        }
    }

    /// Number of samples; at least 1.
    pub fn len(&self) -> u64 {
        self.samples.len()
    }

    /// Whether there is no sample; always false, since an empty dataset does not open.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The classes in order; a label is a position in this list.
    pub fn classes(&self) -> &[Class] {
        self.samples.classes()
    }

    /// Each class with its label, in order.
    pub fn class_to_idx(&self) -> impl Iterator<Item = (&Class, u32)> {
        self.classes().iter().zip(0..)
    }

    /// The label of a sample: the position of its class. Cost: a binary search over the folders.
    pub fn label(&self, sample: u64) -> u32 {
        self.samples.label(sample)
    }

    /// The name of a sample, `class/.../file`, as the file system has it.
    pub fn name(&self, sample: u64) -> Vec<u8> {
        self.samples.name(sample)
    }

    /// The name of a sample for people: on one line, control characters, backslashes and bytes that are not UTF-8
    /// escaped.
    pub fn display_name(&self, sample: u64) -> String {
        display(&self.name(sample))
    }

    /// The sample of this name, if there is one. Cost: binary searches.
    pub fn find(&self, name: &[u8]) -> Option<u64> {
        self.samples.find(name)
    }

    /// The file of a sample; none lies there in the synthetic dataset.
    pub fn path(&self, sample: u64) -> PathBuf {
        join(&self.root, &self.name(sample))
    }

    /// Encoded bytes of a sample, from the index.
    pub fn encoded_len(&self, sample: u64) -> u64 {
        self.samples.encoded_len(sample)
    }

    /// Asks the system to fetch a sample into its page cache, without waiting for the bytes; opening the file may
    /// wait. A hint: what goes wrong is found out by the read.
    pub fn will_need(&self, sample: u64) {
        will_need(&self.path(sample));
    }

    /// Reads the encoded bytes of a sample into `buffer`, in place of its content.
    ///
    /// Allocates at most `limit_bytes`, and nothing if the buffer has the room. Waits for the disk: call it from
    /// a thread that may.
    ///
    /// # Errors
    /// [`ReadError::OverLimit`] if the index says that the sample is larger than `limit_bytes`; every other error
    /// means that this server cannot read it. After an error the content of the buffer is not specified.
    pub fn read(&self, sample: u64, limit_bytes: u64, buffer: &mut Vec<u8>) -> Result<(), ReadError> {
        if self.is_synthetic() {
            buffer.clear();
            return Ok(());
        }
        read_file(&self.path(sample), self.encoded_len(sample), limit_bytes, buffer)
    }

    /// Identifies the index: the same for the same names, classes and sizes, wherever they lie.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The dataset folder, absolute and without links; empty for the synthetic dataset.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What was odd; at most about a hundred entries. Those of the scan are kept with a cached index.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Where the index came from.
    pub fn index_source(&self) -> IndexSource {
        self.source
    }

    /// Memory that the index takes, in bytes.
    pub fn index_bytes(&self) -> u64 {
        self.samples.heap_bytes()
    }
}

impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dataset")
            .field("root", &self.root)
            .field("samples", &self.len())
            .field("classes", &self.classes().len())
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

fn open_each(
    root: &Path,
    names: &[&'static str],
    options: &OpenOptions,
    progress: &dyn Progress,
) -> Result<Vec<(Option<&'static str>, Dataset)>, DatasetError> {
    if options.keep.is_some() || options.leave_out.is_some() {
        return Err(DatasetError::SubsetOfSplits { path: options.path.clone() });
    }
    let open = |&name: &&'static str| {
        let options = OpenOptions { path: root.join(name), ..options.clone() };
        Ok((Some(name), Dataset::open(&options, progress)?))
    };
    let opened = names.iter().map(open).collect::<Result<Vec<_>, DatasetError>>()?;
    splits::check_classes(root, &opened)?;
    Ok(opened)
}
