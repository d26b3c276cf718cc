//! Seek points: places in the coded bits at which decoding may begin, so that nothing before a crop has to be read.
//!
//! ```text
//! grid         the MCUs that have a point
//! record       points, made while the scan of a sequential file is read
//! packed       numbers of any width side by side
//! sequential   the points of a sequential file as bytes, and back
//! progressive  the same for a progressive file
//! scans        the points of each scan of a progressive file, made while it is read
//! table        tables of both kinds
//! ```

mod grid;
mod packed;
mod progressive;
mod record;
mod scans;
mod sequential;
mod table;

pub(crate) use progressive::{ProgressiveTable, RowPoints, ScanKind, ScanPoints};
pub(crate) use record::Recorder;
pub(crate) use scans::ScanRecorder;
pub(crate) use sequential::{Part, SequentialTable};
pub(crate) use table::Kind;
pub use table::{DEFAULT_SPACING, SeekTable};

/// A place in the coded bits of a scan, before an MCU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    /// Bits from the start of the scan on: eight for each byte of the file; in a progressive file for each one without
    /// stuffed zeros and restart markers.
    pub(crate) position: u64,
    /// The DC coefficients before it; 0 for components that there are not. In a scan of AC coefficients the first is the
    /// number of blocks behind it that a run of empty ones still has.
    pub(crate) predictions: [i16; 3],
}
