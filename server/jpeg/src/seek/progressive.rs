//! The points of progressive files as bytes.
//!
//! Each scan has points of its own: at the start of each row of its MCUs, which are blocks where it has one component, and
//! further ones in the row. A refinement of DC coefficients has none, since each block has one bit there. Some scans have
//! few bits, so the distance of the points in a row is a power of two of the one that was asked for, such that there are
//! not many more points than bits are worth it. All scans of a component's AC coefficients have the same distance: a
//! refinement needs what the scans before it told of each block that it reads.
//!
//! Numbers of a kind have the same width within a scan, the least that holds the largest:
//!
//! ```text
//! 0       version, 2
//! 1..3    spacing in MCUs of the frame, as it was asked for
//! 3..7    powers of two by which it is multiplied: for DC coefficients, and for the AC coefficients of each component
//! 7..9    number of scans
//! then    for each scan its kind, and the bits of a position;
//!             of a first scan of DC coefficients for each of its components the least prediction (i16) and the bits of
//!             others above it (u8); of a scan of AC coefficients the same for the rest of a run of empty blocks
//! then    for each scan for each point its position behind that of the point before, and those numbers
//! ```
//!
//! Numbers of several bytes have the lowest first. The last byte is filled with zeros.

use super::{Point, packed::unpack};
use crate::{
    frame::Frame,
    geometry::{Sampling, ScanMcus},
};

pub(super) const VERSION: u8 = 2;

/// Bytes before those of the scans, of each scan, and of each number of its points.
const HEAD: usize = 9;
const SCAN: usize = 2;
const NUMBER: usize = 3;

/// Most bits of a position from that of the point before on.
const MOST_POSITION_BITS: u32 = 40;

/// Scans of DC coefficients, and those of the AC coefficients of each component: each has a distance of its own.
pub(super) const GROUPS: usize = 4;

/// With it the rows of the widest image have one point each.
pub(super) const MOST_POWER: u8 = 13;

/// The components of a scan, and the bits of them that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScanKind {
    /// A bit for each component.
    components: u8,
    is_dc: bool,
    is_refinement: bool,
}

const DC: u8 = 8;
const REFINEMENT: u8 = 16;

impl ScanKind {
    pub(crate) fn new(components: impl Iterator<Item = usize>, is_dc: bool, is_refinement: bool) -> Self {
        Self { components: components.fold(0, |all, number| all | (1 << number)), is_dc, is_refinement }
    }

    /// Whether positions must be stored, since they do not follow from the number of the MCU.
    pub(super) fn has_points(self) -> bool {
        !(self.is_dc && self.is_refinement)
    }

    /// Numbers of a point beside its position.
    pub(super) fn numbers(self) -> usize {
        match (self.is_dc, self.is_refinement) {
            (true, true) => 0,
            (true, false) => self.components.count_ones() as usize,
            (false, _) => 1,
        }
    }

    pub(super) fn group(self) -> usize {
        if self.is_dc { 0 } else { 1 + self.components.trailing_zeros() as usize }
    }

    pub(super) fn byte(self) -> u8 {
        self.components | if self.is_dc { DC } else { 0 } | if self.is_refinement { REFINEMENT } else { 0 }
    }

    /// The kind of a scan of a file with this frame.
    fn read(byte: u8, frame: &Frame) -> Option<Self> {
        let kind =
            Self { components: byte & 7, is_dc: byte & DC != 0, is_refinement: byte & REFINEMENT != 0 };
        let count = kind.components.count_ones();
        let is_there = kind.byte() == byte
            && (1..1 << frame.geometry.component_count()).contains(&kind.components)
            && (kind.is_dc || count == 1);
        is_there.then_some(kind)
    }

    fn mcus(self, frame: &Frame) -> ScanMcus {
        let mut components = [0; 3];
        let mut count = 0;
        for number in (0..3).filter(|number| self.components >> number & 1 == 1) {
            components[count] = number;
            count += 1;
        }
        frame.geometry.mcus_of(&components[..count])
    }
}

/// Widths of the numbers of a scan.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Widths {
    pub(super) position: u32,
    pub(super) least: [i16; 3],
    pub(super) numbers: [u32; 3],
}

impl Widths {
    /// Bits of a point.
    fn point(&self) -> u32 {
        self.position + self.numbers.iter().sum::<u32>()
    }
}

/// MCUs of a frame whose rows have `columns` of them from one point to the next.
pub(super) fn distance(columns: usize, spacing: u16, power: u8) -> usize {
    usize::from(spacing).checked_shl(power.into()).unwrap_or(columns).clamp(1, columns)
}

/// The seek points of a progressive file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProgressiveTable<'a> {
    /// Of the frame.
    sampling: Sampling,
    mcus: (usize, usize),
    spacing: u16,
    powers: [u8; GROUPS],
    scans: usize,
    /// Number of points, and the byte at which they begin.
    len: usize,
    start: usize,
    bytes: &'a [u8],
}

impl<'a> ProgressiveTable<'a> {
    /// The table of a file with this frame in bytes that were kept; `None` if they are not a table of such a frame.
    pub(super) fn read(frame: &Frame, bytes: &'a [u8]) -> Option<Self> {
        let &[VERSION, low, high, p0, p1, p2, p3, scans_low, scans_high] = bytes.first_chunk()? else {
            return None;
        };
        let powers = [p0, p1, p2, p3];
        let mut table = Self {
            sampling: frame.geometry.sampling,
            mcus: frame.geometry.mcus(),
            spacing: u16::from_le_bytes([low, high]),
            powers,
            scans: usize::from(u16::from_le_bytes([scans_low, scans_high])),
            len: 0,
            start: 0,
            bytes,
        };
        let (mut head, mut bits) = (HEAD, 0);
        for _ in 0..table.scans {
            let (kind, widths) = table.scan(frame, &mut head)?;
            let points = table.points_of(kind, kind.mcus(frame).rows);
            table.len += points;
            bits += points as u64 * u64::from(widths.point());
        }
        table.start = head;
        let len = bytes.len().checked_sub(head)?;
        let is_sound = table.spacing > 0 && powers.iter().all(|&power| power <= MOST_POWER);
        (is_sound && bits.div_ceil(8) == len as u64).then_some(table)
    }

    pub(super) fn spacing(&self) -> u16 {
        self.spacing
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether it may be a table of a file with this frame.
    pub(super) fn fits(&self, frame: &Frame) -> bool {
        (self.sampling, self.mcus) == (frame.geometry.sampling, frame.geometry.mcus())
    }

    /// The last MCU of the frame at or before one in which the scans of a component's AC coefficients have a point.
    pub(crate) fn before(&self, component: usize, column: usize) -> usize {
        let distance = self.distance(1 + component);
        column / distance * distance
    }

    /// The points of the scans in order.
    pub(crate) fn points(&self) -> ScanPoints<'a> {
        ScanPoints { table: *self, left: self.scans, head: HEAD, start: 8 * self.start as u64 }
    }

    /// MCUs of the frame from one point to the next.
    fn distance(&self, group: usize) -> usize {
        distance(self.mcus.0, self.spacing, self.powers[group])
    }

    /// Points of a scan.
    fn points_of(&self, kind: ScanKind, rows: usize) -> usize {
        if kind.has_points() { rows * self.mcus.0.div_ceil(self.distance(kind.group())) } else { 0 }
    }

    /// The next scan in the head of the table.
    fn scan(&self, frame: &Frame, head: &mut usize) -> Option<(ScanKind, Widths)> {
        let &[kind, position] = self.bytes.get(*head..)?.first_chunk()?;
        *head += SCAN;
        let kind = ScanKind::read(kind, frame)?;
        let mut widths = Widths { position: position.into(), ..Widths::default() };
        for number in 0..kind.numbers() {
            let &[low, high, bits]: &[u8; NUMBER] = self.bytes.get(*head..)?.first_chunk()?;
            *head += NUMBER;
            widths.least[number] = i16::from_le_bytes([low, high]);
            widths.numbers[number] = bits.into();
        }
        let is_narrow =
            widths.position <= MOST_POSITION_BITS && widths.numbers.iter().all(|&bits| bits <= u16::BITS);
        is_narrow.then_some((kind, widths))
    }
}

/// The scans of a table that are left.
#[derive(Clone, Debug)]
pub(crate) struct ScanPoints<'a> {
    table: ProgressiveTable<'a>,
    left: usize,
    /// The byte of the next scan in the head, and the bit of its first point.
    head: usize,
    start: u64,
}

impl<'a> ScanPoints<'a> {
    /// The points of the next scan, if it is one of this kind.
    pub(crate) fn next_scan(&mut self, frame: &Frame, kind: ScanKind) -> Option<RowPoints<'a>> {
        self.left = self.left.checked_sub(1)?;
        let (found, widths) = self.table.scan(frame, &mut self.head)?;
        if found != kind {
            return None;
        }
        let mcus = kind.mcus(frame);
        let distance = self.table.distance(kind.group());
        let of_row = self.table.mcus.0.div_ceil(distance);
        let points = RowPoints {
            bytes: self.table.bytes,
            widths,
            distance: distance * mcus.across,
            of_row,
            next: 0,
            at: self.start,
            position: 0,
        };
        self.start += self.table.points_of(kind, mcus.rows) as u64 * u64::from(widths.point());
        Some(points)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.left == 0
    }
}

/// The points of a scan, which are found in order.
#[derive(Clone, Debug)]
pub(crate) struct RowPoints<'a> {
    bytes: &'a [u8],
    widths: Widths,
    /// MCUs of the scan from one point of a row to the next.
    distance: usize,
    of_row: usize,
    /// The next point that was not passed, the bit at which it begins, and the position of the one before.
    next: usize,
    at: u64,
    position: u64,
}

impl RowPoints<'_> {
    /// The last point at or before an MCU of a row, and the column of its MCU. No point is before the last
    /// that was found.
    pub(crate) fn find(&mut self, row: usize, column: usize) -> (usize, Point) {
        let number = row * self.of_row + column / self.distance;
        let Widths { position: bits, least, numbers } = self.widths;
        let len = u64::from(self.widths.point());
        while self.next <= number {
            self.position = self.position.wrapping_add(unpack(self.bytes, self.at, bits));
            self.at += len;
            self.next += 1;
        }
        let mut at = self.at - len + u64::from(bits);
        let mut predictions = least;
        for (value, bits) in predictions.iter_mut().zip(numbers) {
            *value = value.wrapping_add(unpack(self.bytes, at, bits) as i16);
            at += u64::from(bits);
        }
        (column / self.distance * self.distance, Point { position: self.position, predictions })
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::scans::{RecordedScan, pack},
        *,
    };

    /// The header of a progressive file of 1000 x 300 pixels, 4:2:0.
    fn frame() -> Frame {
        let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0];
        bytes.extend([1; 64]);
        bytes.extend([0xFF, 0xC2, 0, 17, 8, 1, 44, 3, 232, 3, 1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0]);
        bytes.extend([0xFF, 0xDA, 0, 2]);
        Frame::read(&bytes).unwrap()
    }

    /// Scans of all kinds with points after so many bits each, as they are recorded.
    fn scans(frame: &Frame, spacing: u16, bits: u64) -> Vec<RecordedScan> {
        let kinds: [(&[usize], bool, bool); 6] = [
            (&[0, 1, 2], true, false),
            (&[0], false, false),
            (&[2], false, false),
            (&[0, 1, 2], true, true),
            (&[0], false, true),
            (&[1], false, false),
        ];
        let (mut state, mut scans) = (bits, Vec::new());
        let mut random = |end: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % end
        };
        for (components, is_dc, is_refinement) in kinds {
            let kind = ScanKind::new(components.iter().copied(), is_dc, is_refinement);
            let rows = kind.mcus(frame).rows;
            let count =
                if kind.has_points() { rows * frame.geometry.mcus().0.div_ceil(spacing.into()) } else { 0 };
            let mut position = 0;
            let mut point = || {
                position += random(bits);
                let mut predictions = [0; 3];
                for number in &mut predictions[..kind.numbers()] {
                    *number = if is_dc { random(4096) as i16 - 2048 } else { random(1 << 15) as i16 };
                }
                Point { position, predictions }
            };
            let points = (0..count).map(|_| point()).collect();
            scans.push(RecordedScan { kind, rows, points, bits: position });
        }
        scans
    }

    #[test]
    fn points_are_found_again() {
        let frame = frame();
        let (columns, _) = frame.geometry.mcus();
        let mut all = Vec::new();
        for (spacing, bits) in [(1, 2), (1, 100), (2, 5000), (8, 200), (8, 1 << 20), (5000, 300)] {
            let scans = scans(&frame, spacing, bits);
            let bytes = pack(columns, spacing, &scans);
            let table = ProgressiveTable::read(&frame, &bytes).unwrap();
            assert_eq!(table.spacing(), spacing);
            let (mut points, mut found) = (table.points(), 0);
            for RecordedScan { kind, rows, points: recorded, .. } in &scans {
                let mut of_scan = points.next_scan(&frame, *kind).unwrap();
                if recorded.is_empty() {
                    continue;
                }
                let mcus = kind.mcus(&frame);
                let closest = usize::from(spacing) * mcus.across;
                let mut distances = Vec::new();
                for row in 0..*rows {
                    for column in (row % 3..mcus.row_len).step_by(5) {
                        let (start, point) = of_scan.find(row, column);
                        assert!(start <= column && start % closest == 0, "{start} for {column}");
                        let number = row * mcus.row_len.div_ceil(closest) + start / closest;
                        assert_eq!(point, recorded[number], "{kind:?}, {row}, {column}, every {spacing}");
                        distances.push(column - start);
                    }
                }
                let most = of_scan.distance.min(mcus.row_len);
                assert!(distances.iter().all(|&distance| distance < most), "{kind:?}, {most}");
                found += rows * of_scan.of_row;
                all.push(of_scan.of_row);
            }
            assert!(points.is_empty());
            assert_eq!(table.len(), found);
            // Another order of scans is another file.
            assert!(table.points().next_scan(&frame, scans[1].kind).is_none());
        }
        // One point of a row, some, and all that were recorded.
        assert!([1, 2, 8, 32].iter().all(|count| all.contains(count)), "{all:?}");
    }
}
