//! The points of sequential files as bytes, any of which can be found at once.
//!
//! All numbers of a kind have the same width, the least that holds the largest of the file:
//!
//! ```text
//! 0       version, 1
//! 1..3    spacing in MCUs
//! 3       bits of the position of a row
//! 4       bits of the position of a point, from that of its row on
//! 5..     for each component its least prediction (i16) and the bits of others above it (u8)
//! then    for each row its position and predictions
//!         for each further point of each row its position behind the row's, and predictions
//! ```
//!
//! Numbers of several bytes have the lowest first. The last byte is filled with zeros.

use std::ops::Range;

use super::{
    Point,
    grid::Grid,
    packed::{MAX_BITS, Packer, bits_for, unpack},
};
use crate::{frame::Frame, geometry::Sampling};

pub(super) const VERSION: u8 = 1;

/// Bytes before those of the components, and of each component.
const HEAD: usize = 5;
const COMPONENT: usize = 3;

/// The seek points of a sequential file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SequentialTable<'a> {
    grid: Grid,
    layout: Layout,
    bytes: &'a [u8],
}

/// Widths and places of the numbers.
#[derive(Clone, Copy, Debug)]
struct Layout {
    row_bits: u32,
    offset_bits: u32,
    least: [i16; 3],
    prediction_bits: [u32; 3],
    /// The bit at which the rows begin.
    start: u64,
}

impl Layout {
    /// Bits of all predictions of a point.
    fn predictions(&self) -> u32 {
        self.prediction_bits.iter().sum()
    }

    /// The bit at which a row begins, or for the number of rows that at which the points in them begin.
    fn row(&self, row: usize) -> u64 {
        self.start + row as u64 * u64::from(self.row_bits + self.predictions())
    }

    /// The bit behind `points` points in rows.
    fn points(&self, rows: usize, points: usize) -> u64 {
        self.row(rows) + points as u64 * u64::from(self.offset_bits + self.predictions())
    }

    fn write(&self, spacing: u16, components: usize) -> Vec<u8> {
        let [low, high] = spacing.to_le_bytes();
        let mut bytes = vec![VERSION, low, high, self.row_bits as u8, self.offset_bits as u8];
        for (least, bits) in self.least.iter().zip(self.prediction_bits).take(components) {
            bytes.extend_from_slice(&least.to_le_bytes());
            bytes.push(bits as u8);
        }
        bytes
    }

    /// The widths in a table, and its spacing.
    fn read(bytes: &[u8], components: usize) -> Option<(Self, u16)> {
        let &[VERSION, low, high, row_bits, offset_bits] = bytes.first_chunk()? else {
            return None;
        };
        let (mut least, mut prediction_bits) = ([0; 3], [0; 3]);
        let head = bytes.get(HEAD..HEAD + COMPONENT * components)?.as_chunks().0;
        for (at, &[low, high, bits]) in head.iter().enumerate() {
            (least[at], prediction_bits[at]) = (i16::from_le_bytes([low, high]), u32::from(bits));
        }
        let (row_bits, offset_bits) = (u32::from(row_bits), u32::from(offset_bits));
        let start = 8 * (HEAD + COMPONENT * components) as u64;
        let is_narrow = row_bits <= MAX_BITS
            && offset_bits <= MAX_BITS
            && prediction_bits.iter().all(|&bits| bits <= u16::BITS);
        let spacing = u16::from_le_bytes([low, high]);
        let layout = Self { row_bits, offset_bits, least, prediction_bits, start };
        (is_narrow && spacing > 0).then_some((layout, spacing))
    }
}

/// Components whose predictions a table has.
pub(super) fn components(frame: &Frame) -> usize {
    if frame.geometry.sampling == Sampling::Grey { 1 } else { 3 }
}

/// Writes the points of a grid, which has at least one.
pub(super) fn pack(grid: Grid, components: usize, points: &[Point]) -> Vec<u8> {
    debug_assert_eq!(points.len(), grid.len());
    let rows = || points.chunks(grid.of_row());
    let offset = |row: &[Point], point: &Point| point.position - row[0].position;
    let max_of = |row: &[Point]| row.iter().map(|point| offset(row, point)).max().unwrap_or(0);
    let range = |component: usize| {
        let values = points.iter().map(|point| point.predictions[component]);
        (values.clone().min().unwrap_or(0), values.max().unwrap_or(0))
    };
    let ranges = [0, 1, 2].map(range);
    let layout = Layout {
        row_bits: bits_for(rows().map(|row| row[0].position).max().unwrap_or(0)),
        offset_bits: bits_for(rows().map(max_of).max().unwrap_or(0)),
        least: ranges.map(|(least, _)| least),
        prediction_bits: ranges.map(|(least, most)| bits_for(u64::from(most.abs_diff(least)))),
        start: 8 * (HEAD + COMPONENT * components) as u64,
    };
    let mut packer = Packer::new(layout.write(grid.spacing(), components));
    let mut push = |number: u64, bits: u32, point: &Point| {
        packer.push(number, bits);
        for ((value, least), bits) in point.predictions.iter().zip(layout.least).zip(layout.prediction_bits) {
            packer.push(u64::from(value.abs_diff(least)), bits);
        }
    };
    rows().for_each(|row| push(row[0].position, layout.row_bits, &row[0]));
    for row in rows() {
        row[1..].iter().for_each(|point| push(offset(row, point), layout.offset_bits, point));
    }
    packer.into_bytes()
}

/// The bytes of a scan that some MCUs of a row are in, and the point at their start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// Number of the MCU at which the bytes begin.
    pub(crate) mcu: usize,
    pub(crate) point: Point,
    /// From the point's byte on to the next point; the last reaches to the end of the file.
    pub(crate) bytes: Range<usize>,
}

impl<'a> SequentialTable<'a> {
    /// The table of a file with this frame in bytes that were kept; `None` if they are not a table of such a frame.
    pub(super) fn read(frame: &Frame, bytes: &'a [u8]) -> Option<Self> {
        let (layout, spacing) = Layout::read(bytes, components(frame))?;
        let grid = Grid::new(frame, spacing);
        let end = layout.points(grid.rows(), grid.len() - grid.rows());
        (end.div_ceil(8) == bytes.len() as u64).then_some(Self { grid, layout, bytes })
    }

    /// MCUs from one point of a row to the next.
    pub(super) fn spacing(&self) -> u16 {
        self.grid.spacing()
    }

    /// Number of points.
    pub(super) fn len(&self) -> usize {
        self.grid.len()
    }

    /// Whether it may be a table of a file with this frame.
    pub(crate) fn fits(&self, frame: &Frame) -> bool {
        self.grid == Grid::new(frame, self.spacing())
    }

    /// The part of the scan for some MCUs of a row.
    pub(crate) fn part(&self, row: usize, columns: &Range<usize>) -> Part {
        let first = self.grid.before(row, columns.start);
        let next = self.grid.before(row, columns.end - 1) + 1;
        let point = self.point(first);
        let start = byte_of(point.position);
        // The byte in which the next point is, with the zero that may be stuffed behind it.
        let end = if next < self.grid.len() {
            byte_of(self.point(next).position).saturating_add(2)
        } else {
            usize::MAX
        };
        Part { mcu: self.grid.mcu(first), point, bytes: start..end }
    }

    /// A point by its number.
    fn point(&self, number: usize) -> Point {
        let (row, column) = (number / self.grid.of_row(), number % self.grid.of_row());
        let Layout { row_bits, offset_bits, .. } = self.layout;
        let row_at = self.layout.row(row);
        let row_position = unpack(self.bytes, row_at, row_bits);
        let Some(column) = column.checked_sub(1) else {
            return self.with_predictions(row_position, row_at + u64::from(row_bits));
        };
        let at = self.layout.points(self.grid.rows(), row * (self.grid.of_row() - 1) + column);
        let position = row_position + unpack(self.bytes, at, offset_bits);
        self.with_predictions(position, at + u64::from(offset_bits))
    }

    /// A point whose predictions begin at a bit.
    fn with_predictions(&self, position: u64, mut at: u64) -> Point {
        let mut predictions = self.layout.least;
        for (value, bits) in predictions.iter_mut().zip(self.layout.prediction_bits) {
            *value = value.wrapping_add(unpack(self.bytes, at, bits) as i16);
            at += u64::from(bits);
        }
        Point { position, predictions }
    }
}

/// The byte of a position.
fn byte_of(position: u64) -> usize {
    usize::try_from(position / 8).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header of a file of 64 x 40 blocks, with one component or three.
    fn frame(components: u8) -> Frame {
        let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0];
        bytes.extend([1; 64]);
        for class in [0, 0x10] {
            bytes.extend([0xFF, 0xC4, 0, 20, class, 1]);
            bytes.extend([0; 16]);
        }
        bytes.extend([0xFF, 0xC0, 0, 8 + 3 * components, 8, 1, 64, 2, 0, components]);
        (1..=components).for_each(|id| bytes.extend([id, 0x11, 0]));
        bytes.extend([0xFF, 0xDA, 0, 6 + 2 * components, components]);
        (1..=components).for_each(|id| bytes.extend([id, 0]));
        bytes.extend([0, 63, 0]);
        Frame::read(&bytes).unwrap()
    }

    /// Points of all magnitudes, in the order of a file.
    fn points(count: usize, components: u8, spread: u32) -> Vec<Point> {
        let (mut state, mut position) = (u64::from(spread), 0);
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        let mut point = || {
            position += random() & ((1 << spread) - 1);
            let predictions = [0, 1, 2].map(|component| {
                let value = (random() as i16) >> (15 - spread.min(15));
                if component < components { value } else { 0 }
            });
            Point { position, predictions }
        };
        (0..count).map(|_| point()).collect()
    }

    #[test]
    fn points_are_found_again() {
        for (components, spacing, spread) in
            [(1, 1, 0), (1, 3, 7), (3, 8, 12), (3, 5, 15), (3, 64, 30), (3, 99, 3)]
        {
            let frame = frame(components);
            let grid = Grid::new(&frame, spacing);
            let points = points(grid.len(), components, spread);
            let bytes = pack(grid, super::components(&frame), &points);
            let table = SequentialTable::read(&frame, &bytes).unwrap();
            let found: Vec<Point> = (0..table.len()).map(|number| table.point(number)).collect();
            assert_eq!(found, points, "{components} components, every {spacing}");
            // A part begins at the last point at or before its first MCU, and ends at the first behind its last.
            for (row, columns) in [(0, 0..1), (3, 5..9), (7, 60..64), (39, 0..64), (39, 63..64)] {
                let part = table.part(row, &columns);
                let mcus = |column: usize| row * 64 + column;
                let first = (0..points.len()).rfind(|&at| grid.mcu(at) <= mcus(columns.start)).unwrap();
                let next = (0..points.len()).find(|&at| grid.mcu(at) >= mcus(columns.end));
                assert_eq!((part.mcu, part.point), (grid.mcu(first), points[first]));
                let end = next.map_or(usize::MAX, |at| points[at].position as usize / 8 + 2);
                assert_eq!(part.bytes, points[first].position as usize / 8..end);
            }
        }
    }
}
