//! The file in which the seek points of a dataset's JPEGs are kept, beside its cached index.
//!
//! Its records are bound to the bytes of the images and not to the index, so it serves every subset of the folder, and
//! neither a scan nor a changed list makes it stale.

use std::path::Path;

use bandwise_seek::{SeekOptions, SeekStore, SeekTrouble};

use crate::cache::cache_path;
use crate::dataset::Dataset;
use crate::seek_points::{SeekPointOptions, SeekPoints};

/// Kind of the records: tables of `bandwise_jpeg` of the version that begins each of them. Files of another kind are made
/// anew.
const CONTENT: u32 = 1;

impl Dataset {
    /// The file for the seek points of this dataset in the cache folder, with default bounds: for whoever reads or makes
    /// them. `None` for the synthetic dataset, which has nothing to decode.
    pub fn seek_options(&self, cache_dir: &Path) -> Option<SeekOptions> {
        if self.root().as_os_str().is_empty() {
            return None;
        }
        let path = cache_path(cache_dir, self.root()).with_extension("seek");
        Some(SeekOptions { content: CONTENT, ..SeekOptions::new(path, self.len()) })
    }

    /// Opens the seek points of this dataset in a cache folder, where it has files. Gives what the log should say of that:
    /// nothing of it is an error, since without them samples only take longer.
    pub fn open_seek_points(&mut self, cache_dir: &Path, options: SeekPointOptions) -> Option<SeekTrouble> {
        let SeekPointOptions { spacing, max_bytes } = options;
        let (store, trouble) = SeekStore::open(&SeekOptions { max_bytes, ..self.seek_options(cache_dir)? });
        self.seek_points = Some(SeekPoints { store, spacing });
        trouble
    }

    /// The seek points, if they were opened.
    pub fn seek_points(&self) -> Option<&SeekPoints> {
        self.seek_points.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{NoProgress, OpenOptions};

    #[test]
    fn the_file_lies_beside_the_index() {
        let (data, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(data.path().join("a")).unwrap();
        fs::write(data.path().join("a/1.jpg"), "x").unwrap();
        let mut options = OpenOptions::new(data.path());
        options.cache_dir = Some(cache.path().to_owned());
        let dataset = Dataset::open(&options, &NoProgress).unwrap();
        let seek = dataset.seek_options(cache.path()).unwrap();
        assert!(seek.path.with_extension("index").is_file());
        assert_eq!((seek.path.extension().unwrap().to_str(), seek.expected_samples), (Some("seek"), 1));
        assert!(Dataset::synthetic().seek_options(cache.path()).is_none());
    }
}
