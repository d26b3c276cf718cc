//! Receive buffers that are used again: fresh large buffers cost page faults, which is what costs most here.
//!
//! The lock is that of `std`, here and in the Python package, and not `parking_lot`'s as in the daemon. Trainers fork, and
//! `parking_lot` keeps one table of waiting threads for the process: a child gets the table as it was, with locks of threads
//! that it does not have, and a new loader there may hang. In a test of contended locks, 5 of 300 children hung with
//! `parking_lot` and none with `std`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Buffers kept for reuse; more than a stream ever has in use at a time would be waste.
const MAX_KEPT: usize = 8;

/// A shelf of empty buffers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffers(Arc<Mutex<Vec<Vec<u8>>>>);

impl Buffers {
    /// An empty buffer with room for `len` bytes, a used one where there is one large enough.
    pub(crate) fn take(&self, len: usize) -> Buffer {
        let mut kept = self.lock();
        let fitting = kept.iter().position(|buffer| buffer.capacity() >= len);
        let bytes = fitting.map_or_else(|| Vec::with_capacity(len), |i| kept.swap_remove(i));
        Buffer { bytes, home: self.clone() }
    }

    fn put(&self, mut bytes: Vec<u8>) {
        bytes.clear();
        let mut kept = self.lock();
        if kept.len() == MAX_KEPT {
            // The smallest goes: stages only grow.
            let smallest = (0..kept.len()).min_by_key(|&i| kept[i].capacity());
            smallest.map(|i| kept.swap_remove(i));
        }
        kept.push(bytes);
    }

    /// No panic under the lock leaves the shelf broken.
    fn lock(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that go back to the shelf when dropped.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    home: Buffers,
}

impl Buffer {
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    pub(crate) fn push(&mut self, data: &[u8]) {
        self.bytes.extend_from_slice(data);
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.home.put(std::mem::take(&mut self.bytes));
    }
}
