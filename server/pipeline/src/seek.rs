//! The seek points of a dataset, as the decoder's memory.

use bandwise_dataset::SeekPoints;
use bandwise_decode::SeekMemory;

/// Seek points that are kept in a file.
pub struct KeptPoints<'a>(pub &'a SeekPoints);

impl SeekMemory for KeptPoints<'_> {
    fn hash(&self, bytes: &[u8]) -> u64 {
        bandwise_seek::content_hash(bytes)
    }

    fn find(&self, hash: u64, out: &mut Vec<u8>) -> bool {
        self.0.store.get(hash, out)
    }

    fn keep(&self, hash: u64, points: &[u8]) {
        self.0.store.put(hash, points);
        if let Some(trouble) = self.0.store.take_trouble() {
            tracing::warn!("{trouble}");
        }
    }

    fn spacing(&self) -> u16 {
        self.0.spacing
    }
}
