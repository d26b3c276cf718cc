//! Memory that is returned to the system in a thread of its own.
//!
//! At the end of a stage a buffer of tens of gigabytes is freed at once, which takes seconds. The stage's end may be
//! found by an async thread or a worker, neither of which may wait that long.

use std::thread;

use crate::replay::shelf::{Shelf, Slab};

/// Slabs that are dropped on the spot: some milliseconds.
const FEW_SLABS: usize = 64;

/// The memory to free.
#[derive(Debug, Default)]
pub(crate) struct Garbage {
    pub(crate) shelves: Vec<Shelf>,
    pub(crate) slabs: Vec<Slab>,
}

impl Garbage {
    /// Drops everything, here if it is little.
    pub(crate) fn discard(self) {
        let slabs = self.slabs.len() + self.shelves.iter().map(Shelf::slabs).sum::<usize>();
        if slabs > FEW_SLABS {
            // If there is no thread to be had, the closure is dropped here, and all with it.
            let _ = thread::Builder::new().name("bw-free".to_owned()).spawn(move || drop(self));
        }
    }
}
