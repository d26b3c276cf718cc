//! Values that a forked child leaks instead of dropping.
//!
//! A child has the memory of its parent and none of its threads: to end a run would wait for a thread that does not
//! exist, and to drop a batch would give back the parent's slot.
//!
//! For the same reason locks are those of `std` and not `parking_lot`'s: see the client's `buffers.rs`.

use std::process;

/// A value of the process that made it. A forked child cannot get at it, and leaks it instead of dropping it.
#[derive(Debug)]
pub(crate) struct OwnProcess<T> {
    value: Option<T>,
    process: u32,
}

impl<T> OwnProcess<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { value: Some(value), process: process::id() }
    }

    /// Whether this is the process that made it.
    pub(crate) fn is_here(&self) -> bool {
        process::id() == self.process
    }

    /// The value; `None` in a forked child.
    pub(crate) fn get(&self) -> Option<&T> {
        self.value.as_ref().filter(|_| self.is_here())
    }
}

impl<T> Drop for OwnProcess<T> {
    fn drop(&mut self) {
        if !self.is_here() {
            std::mem::forget(self.value.take());
        }
    }
}
