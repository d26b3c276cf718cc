//! The counters of the pipeline: plain atomics, read when a report is requested.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

use bandwise_decode::JpegPath;
use parking_lot::Mutex;

/// Counters and gauges of a pipeline since its start.
#[derive(Debug, Default)]
pub struct Stats {
    /// Rows written.
    pub rows: AtomicU64,
    /// Rows among them that were made before and copied.
    pub rows_from_memo: AtomicU64,
    /// Replayed rows among them that were not kept, and so were made.
    pub replayed_rows_made: AtomicU64,
    /// Encoded bytes read.
    pub encoded_bytes: AtomicU64,
    /// Batches handed over complete.
    pub batches: AtomicU64,
    /// Nanoseconds that workers spent on rows, summed over the workers.
    pub worker_busy_ns: AtomicU64,
    /// Samples that were not in memory and so were fetched.
    pub fetched: AtomicU64,
    /// Fetches among them that storage did not answer in time.
    pub fetch_timeouts: AtomicU64,
    /// Rows that wait for a fetch to begin.
    pub fetch_waiting: AtomicU64,
    /// Bytes of samples that are being fetched or wait for a worker.
    pub fetch_bytes: AtomicU64,
    /// Samples that could not be read here.
    pub unreadable: AtomicU64,
    /// Rows that hold another sample because theirs could not be read here, as their job asks for.
    pub unreadable_substituted: AtomicU64,
    /// Panics of workers.
    pub panics: AtomicU64,
    /// Bytes of batch memory on loan: being written, waiting, or being sent.
    pub batch_bytes_in_use: AtomicU64,
    /// Bytes of the slots that streams share with their trainers, or shared and have not got back.
    pub shared_bytes: AtomicU64,
    /// Bytes among them that trainers keep after the end of the stream.
    pub kept_bytes: AtomicU64,
    /// Bytes of rows that are kept for later steps.
    pub replay_bytes: AtomicU64,
    /// Bytes that jobs with open streams may keep.
    pub replay_reserved_bytes: AtomicU64,
    /// Streams that are open, and closed ones whose batches are still held.
    pub streams: AtomicU64,
    undecodable: Mutex<BTreeMap<&'static str, u64>>,
    jpeg_paths: [AtomicU64; JpegPath::ALL.len()],
}

impl Stats {
    pub(crate) fn add(counter: &AtomicU64, amount: u64) {
        counter.fetch_add(amount, Ordering::Relaxed);
    }

    pub(crate) fn count_jpeg(&self, path: JpegPath) {
        Self::add(&self.jpeg_paths[path as usize], 1);
    }

    /// JPEGs decoded so far by each path, where there were any.
    pub fn jpeg_paths(&self) -> Vec<(JpegPath, u64)> {
        let counts = self.jpeg_paths.iter().map(|count| count.load(Ordering::Relaxed));
        JpegPath::ALL.into_iter().zip(counts).filter(|(_, count)| *count > 0).collect()
    }

    pub(crate) fn count_undecodable(&self, reason: &'static str) {
        *self.undecodable.lock().entry(reason).or_default() += 1;
    }

    /// Undecodable samples met so far, by the decoder's word for what is wrong with them.
    pub fn undecodable(&self) -> BTreeMap<&'static str, u64> {
        self.undecodable.lock().clone()
    }
}
