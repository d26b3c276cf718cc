//! Seek points: places in the coded bits at which decoding may begin, so that nothing before a crop has to be read.
//!
//! ```text
//! grid       the MCUs that have a point
//! record     points, made while a scan is read
//! packed     numbers of any width side by side
//! table      points as bytes, and back
//! ```

mod grid;
mod packed;
mod record;
mod table;

pub(crate) use record::Recorder;
pub(crate) use table::Part;
pub use table::{DEFAULT_SPACING, SeekTable};

/// A place in the coded bits of a scan, before an MCU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    /// Bits from the start of the scan on: eight for each byte of the file.
    pub(crate) position: u64,
    /// The DC coefficients before it; 0 for components that there are not.
    pub(crate) predictions: [i16; 3],
}
