//! The public face: a dataset that is open.

use std::fmt;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::digest::Digest;
use crate::error::DatasetError;
use crate::folder::Folder;
use crate::index::Class;
use crate::look::IndexSource;
use crate::open::open_index;
use crate::options::OpenOptions;
use crate::paths::display;
use crate::progress::Progress;
use crate::read::ReadError;
use crate::samples::Samples;
use crate::seek_points::SeekPoints;
use crate::source::{Encoded, Need, Source};
use crate::subset::subset;
use crate::synthetic::{self, SolidImages, Synthetic};
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
    index_source: IndexSource,
    source: Arc<dyn Source>,
    hashed: u64,
    is_settled: bool,
    pub(crate) seek_points: Option<SeekPoints>,
}

impl Dataset {
    /// Opens the folder of class folders at `options.path`: from the cache if no folder has changed, or else by a
    /// scan. The folder is taken for one dataset, whatever its class folders are called.
    ///
    /// Blocks for as long as the scan or the look at the files takes (a stat call a sample), in its own threads. A
    /// folder that has just been changed is scanned at the next opening too: its times could not tell a further change.
    ///
    /// # Errors
    /// Whatever [`DatasetError`] names; a cache that cannot be used or written is none of these.
    pub fn open(options: &OpenOptions, progress: &dyn Progress) -> Result<Self, DatasetError> {
        let mut opened = open_index(options, progress)?;
        let kept = subset(&opened.index, options)?;
        let part = kept.as_ref().map(|kept| opened.index.select(kept));
        let digest = opened.digest(kept.as_deref(), part.as_ref().unwrap_or(&opened.index), options)?;
        let index = Arc::new(part.unwrap_or_else(|| mem::take(&mut opened.index)));
        let source = Folder::new(opened.root.clone(), Arc::clone(&index), opened.suspicion);
        Ok(Self {
            root: opened.root,
            samples: Samples::Files(index),
            digest,
            warnings: opened.warnings,
            index_source: opened.source,
            source: Arc::new(source),
            hashed: opened.hashed,
            is_settled: opened.is_settled,
            seek_points: None,
        })
    }

    /// The synthetic dataset: 1 281 167 samples in 1000 classes, sample `id` of the class `id` mod 1000, without
    /// files. Its source gives no bytes, only the byte of which every image consists.
    pub fn synthetic() -> Self {
        Self {
            root: PathBuf::new(),
            samples: Samples::Synthetic(Synthetic::new()),
            digest: synthetic::DIGEST,
            warnings: Vec::new(),
            index_source: IndexSource::None,
            source: Arc::new(SolidImages),
            hashed: 0,
            is_settled: true,
            seek_points: None,
        }
    }

    pub(crate) fn warn(&mut self, warnings: &[Warning]) {
        self.warnings.extend_from_slice(warnings);
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

    /// Encoded bytes of a sample, from the index.
    pub fn encoded_len(&self, sample: u64) -> u64 {
        self.samples.encoded_len(sample)
    }

    /// The source of the encoded bytes.
    pub fn source(&self) -> &Arc<dyn Source> {
        &self.source
    }

    /// The same samples with their bytes from another source, as a cache in front of the dataset's own.
    #[must_use]
    pub fn with_source(self, source: Arc<dyn Source>) -> Self {
        Self { source, ..self }
    }

    /// Reads the encoded bytes of a sample into `buffer`, in place of its content.
    ///
    /// Allocates at most `limit_bytes`. Waits for the storage, without an end if it hangs: call it from a thread that may.
    ///
    /// # Errors
    /// [`ReadError::OverLimit`] if the index says that the sample is larger than `limit_bytes`; every other error
    /// means that this server cannot read it. After an error the content of the buffer is not specified.
    pub fn read(&self, sample: u64, limit_bytes: u64, buffer: &mut Vec<u8>) -> Result<(), ReadError> {
        let encoded_bytes = self.encoded_len(sample);
        if encoded_bytes > limit_bytes {
            let path = self.source.location(sample);
            return Err(ReadError::OverLimit { path, encoded_bytes, limit_bytes });
        }
        let mut encoded = Encoded { bytes: mem::take(buffer), ..Encoded::default() };
        if !self.source.fetch_now(sample, Need::Whole, &mut encoded) {
            encoded = self.source.fetch(sample, Need::Whole).wait()?;
        }
        *buffer = encoded.bytes;
        Ok(())
    }

    /// Identifies the index: the same for the same names, classes and sizes, wherever they lie; and the same content, if
    /// it was opened with it.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The dataset folder, absolute and without links; empty for the synthetic dataset.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Samples whose content was read for the digest when the dataset was opened.
    pub fn hashed(&self) -> u64 {
        self.hashed
    }

    /// Whether a later opening need neither list the folders again nor hash again, as far as is known now: none was changed just before
    /// this one, and nothing else is there whose change would leave no trace.
    pub fn is_settled(&self) -> bool {
        self.is_settled
    }

    /// The warnings; at most about a hundred. Those of the scan are kept with a cached index.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The origin of the index.
    pub fn index_source(&self) -> IndexSource {
        self.index_source
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
