//! The rows of a block whose image is one byte over and over, so that the same image need not be written again.
//!
//! For the synthetic dataset this leaves nothing to write: its blocks come back to it, and what is measured is transport
//! alone. Whoever writes an image in another way clears the mark of its row.

use std::sync::atomic::{AtomicU16, Ordering};

use crate::layout::BatchLayout;

/// No byte is known.
const UNKNOWN: u16 = u16::MAX;

/// The byte of each row's image, where it is known.
///
/// A row has one writer at a time, and a block goes from one to the next through a channel, so relaxed access is enough.
#[derive(Debug, Default)]
pub(crate) struct Fills {
    /// The positions of the images.
    layout: Option<BatchLayout>,
    rows: Box<[AtomicU16]>,
}

impl Fills {
    /// Forgets all rows unless they lie as those of `layout` do.
    pub(crate) fn keep_for(&mut self, layout: &BatchLayout) {
        if self.layout.as_ref() != Some(layout) {
            self.layout = Some(layout.clone());
            self.rows = (0..layout.rows()).map(|_| AtomicU16::new(UNKNOWN)).collect();
        }
    }

    /// Whether every byte of the row's image is this one.
    pub(crate) fn has(&self, row: usize, byte: u8) -> bool {
        self.rows.get(row).is_some_and(|fill| fill.load(Ordering::Relaxed) == u16::from(byte))
    }

    /// Every byte of the row's image is this one now; or, with `None`, is not known.
    pub(crate) fn set(&self, row: usize, byte: Option<u8>) {
        if let Some(fill) = self.rows.get(row) {
            fill.store(byte.map_or(UNKNOWN, u16::from), Ordering::Relaxed);
        }
    }
}
