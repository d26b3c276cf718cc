//! Points, made while a scan is read.

use super::{Point, grid::Grid, sequential};
use crate::{frame::Frame, scan::Place};

/// The points of a scan so far.
#[derive(Debug)]
pub(crate) struct Recorder {
    grid: Grid,
    components: usize,
    points: Vec<Point>,
    /// Bytes of the scan that were looked at, and the zeros that are stuffed in them.
    seen: usize,
    stuffed: usize,
}

impl Recorder {
    /// # Panics
    /// If `spacing` is 0.
    pub(crate) fn new(frame: &Frame, spacing: u16) -> Self {
        let grid = Grid::new(frame, spacing);
        Self { grid, components: sequential::components(frame), points: Vec::new(), seen: 0, stuffed: 0 }
    }

    /// Whether a point is due before an MCU.
    pub(crate) fn is_due(&self, mcu: usize) -> bool {
        self.grid.has_point(mcu)
    }

    /// The first MCU behind `mcu` before which a point is due.
    pub(crate) fn next(&self, mcu: usize) -> usize {
        self.grid.next(mcu)
    }

    /// Adds a place of the scan, whose bytes are `coded` without stuffed zeros and restart markers.
    pub(crate) fn record(&mut self, coded: &[u8], place: Place) {
        let Place { bit, markers, predictions } = place;
        let byte = bit / 8;
        self.stuffed += memchr::memchr_iter(0xFF, &coded[self.seen..byte]).count();
        self.seen = byte;
        let position = 8 * (byte + self.stuffed + 2 * markers) as u64 + (bit % 8) as u64;
        self.points.push(Point { position, predictions: predictions.map(|prediction| prediction as i16) });
    }

    /// The table of a scan that was read as a whole.
    pub(crate) fn finish(self) -> Vec<u8> {
        sequential::pack(self.grid, self.components, &self.points)
    }
}
