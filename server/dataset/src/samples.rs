//! The samples of a dataset of any kind. Methods that take a sample panic, as slices do, unless it is below `len()`.

use std::sync::Arc;

use crate::index::{Class, Index};
use crate::synthetic::Synthetic;

/// The samples of a dataset.
#[derive(Clone, Debug)]
pub(crate) enum Samples {
    /// Files below a folder.
    Files(Arc<Index>),
    /// No files.
    Synthetic(Synthetic),
}

impl Samples {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Files(index) => index.len(),
            Self::Synthetic(_) => Synthetic::len(),
        }
    }

    pub(crate) fn classes(&self) -> &[Class] {
        match self {
            Self::Files(index) => index.classes(),
            Self::Synthetic(synthetic) => synthetic.classes(),
        }
    }

    pub(crate) fn label(&self, sample: u64) -> u32 {
        match self {
            Self::Files(index) => index.label(sample),
            Self::Synthetic(_) => Synthetic::label(self.checked(sample)),
        }
    }

    pub(crate) fn name(&self, sample: u64) -> Vec<u8> {
        match self {
            Self::Files(index) => index.name(sample),
            Self::Synthetic(_) => Synthetic::name(self.checked(sample)),
        }
    }

    pub(crate) fn find(&self, name: &[u8]) -> Option<u64> {
        match self {
            Self::Files(index) => index.find(name),
            Self::Synthetic(_) => Synthetic::find(name),
        }
    }

    pub(crate) fn encoded_len(&self, sample: u64) -> u64 {
        match self {
            Self::Files(index) => index.size(sample),
            Self::Synthetic(_) => 0,
        }
    }

    pub(crate) fn heap_bytes(&self) -> u64 {
        match self {
            Self::Files(index) => index.heap_bytes(),
            Self::Synthetic(_) => 0,
        }
    }

    fn checked(&self, sample: u64) -> u64 {
        assert!(sample < self.len(), "sample {sample} of {}", self.len());
        sample
    }
}
