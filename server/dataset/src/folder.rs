//! Samples that are files below a folder.

use std::path::PathBuf;
use std::sync::Arc;

use crate::index::Index;
use crate::page_cache::PageCache;
use crate::paths::join;
use crate::read::read_file;
use crate::source::{Encoded, Fetch, Need, Source};
use crate::suspicion::Suspicion;

/// The files of an index below a folder.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    index: Arc<Index>,
    /// Tells the next start that the index does not hold, where a read finds that.
    suspicion: Option<Arc<Suspicion>>,
    page_cache: Option<PageCache>,
}

impl Folder {
    pub(crate) fn new(root: PathBuf, index: Arc<Index>, suspicion: Option<Suspicion>) -> Self {
        let page_cache = PageCache::of(&root);
        Self { root, index, suspicion: suspicion.map(Arc::new), page_cache }
    }
}

impl Source for Folder {
    fn fetch_now(&self, sample: u64, _need: Need, encoded: &mut Encoded) -> bool {
        let Some(page_cache) = &self.page_cache else { return false };
        let size = self.index.size(sample);
        let is_there = page_cache.read(&self.index.name(sample), size, &mut encoded.bytes);
        encoded.size = size;
        is_there
    }

    fn fetch(&self, sample: u64, _need: Need) -> Fetch {
        let (path, size) = (self.location(sample), self.index.size(sample));
        // A sample without a size in the index was known to be broken.
        let suspicion = self.suspicion.clone().filter(|_| size > 0);
        Fetch::Blocking(Box::new(move || {
            let mut bytes = Vec::new();
            let read = read_file(&path, size, &mut bytes);
            if let (Err(error), Some(suspicion)) = (&read, suspicion)
                && error.is_change()
            {
                suspicion.set();
            }
            read.map(|()| Encoded::whole(bytes))
        }))
    }

    fn location(&self, sample: u64) -> PathBuf {
        join(&self.root, &self.index.name(sample))
    }
}
