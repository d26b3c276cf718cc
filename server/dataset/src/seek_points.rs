//! The kept seek points of a dataset's JPEGs: places in their coded data at which decoding may begin, by content.

use bandwise_seek::SeekStore;

/// Options for keeping seek points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeekPointOptions {
    /// MCUs (8 or 16 pixels) from one point of a row to the next, at least 1, for points that are made.
    pub spacing: u16,
    /// Largest file of a dataset in bytes.
    pub max_bytes: u64,
}

/// Seek points in a file that other daemons may use at the same time.
#[derive(Debug)]
pub struct SeekPoints {
    /// The file.
    pub store: SeekStore,
    /// MCUs from one point of a row to the next, for points that are made.
    pub spacing: u16,
}
