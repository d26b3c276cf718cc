//! The points of each scan of a progressive file, made while it is read, and the choice of those that are kept.

use super::{
    Point,
    packed::{Packer, bits_for},
    progressive::{GROUPS, MOST_POWER, ScanKind, VERSION, Widths, distance},
};
use crate::{frame::Frame, geometry::ScanMcus};

/// Points may be as close as there are so many coded bits for each on average. A point has about two bytes.
const LEAST_BITS: u64 = 1024;

/// The points of the scans so far.
#[derive(Debug)]
pub(crate) struct ScanRecorder {
    /// MCUs of the frame in a row.
    columns: usize,
    spacing: u16,
    scans: Vec<RecordedScan>,
}

/// A scan that was read, or of which a part was.
#[derive(Debug)]
pub(super) struct RecordedScan {
    pub(super) kind: ScanKind,
    /// Rows of MCUs of the scan.
    pub(super) rows: usize,
    /// Row by row, the closest that they may be.
    pub(super) points: Vec<Point>,
    /// Bits of the scan.
    pub(super) bits: u64,
}

impl ScanRecorder {
    /// # Panics
    /// If `spacing` is 0.
    pub(crate) fn new(frame: &Frame, spacing: u16) -> Self {
        assert!(spacing > 0, "seek points need a spacing of at least one MCU");
        Self { columns: frame.geometry.mcus().0, spacing, scans: Vec::new() }
    }

    /// Begins a scan; gives the number of its MCUs from one point of a row to the next, if it has any.
    pub(crate) fn begin(&mut self, kind: ScanKind, mcus: ScanMcus) -> Option<usize> {
        self.scans.push(RecordedScan { kind, rows: mcus.rows, points: Vec::new(), bits: 0 });
        kind.has_points().then_some(usize::from(self.spacing) * mcus.across)
    }

    /// Adds the next point of the scan.
    pub(crate) fn add(&mut self, point: Point) {
        if let Some(scan) = self.scans.last_mut() {
            scan.points.push(point);
        }
    }

    /// Ends a scan of so many bits.
    pub(crate) fn end(&mut self, bits: u64) {
        if let Some(scan) = self.scans.last_mut() {
            scan.bits = bits;
        }
    }

    /// The table of a file that was read as a whole.
    pub(crate) fn finish(self) -> Vec<u8> {
        pack(self.columns, self.spacing, &self.scans)
    }
}

/// The least power that leaves enough bits for each point of the scans of a group, or leaves one point of each row.
fn power(columns: usize, spacing: u16, scans: &[RecordedScan], group: usize) -> u8 {
    let scans = || scans.iter().filter(|scan| scan.kind.group() == group && scan.kind.has_points());
    let bits: u64 = scans().map(|scan| scan.bits).sum();
    let rows: usize = scans().map(|scan| scan.rows).sum();
    let is_enough = |power: &u8| {
        let of_row = columns.div_ceil(distance(columns, spacing, *power));
        of_row == 1 || bits >= LEAST_BITS * (rows * of_row) as u64
    };
    (0..MOST_POWER).find(is_enough).unwrap_or(MOST_POWER)
}

/// The points of a scan that are kept.
fn kept(
    columns: usize,
    spacing: u16,
    power: u8,
    scan: &RecordedScan,
) -> impl Iterator<Item = &Point> + Clone {
    let (all, some) = (columns.div_ceil(spacing.into()), columns.div_ceil(distance(columns, spacing, power)));
    let every = 1_usize.checked_shl(power.into()).unwrap_or(all);
    scan.points.chunks(all).flat_map(move |row| row.iter().step_by(every).take(some))
}

/// Writes the points of all scans of a file.
pub(super) fn pack(columns: usize, spacing: u16, scans: &[RecordedScan]) -> Vec<u8> {
    let powers: [u8; GROUPS] = std::array::from_fn(|group| power(columns, spacing, scans, group));
    let mut bytes = vec![VERSION];
    bytes.extend(spacing.to_le_bytes());
    bytes.extend(powers);
    bytes.extend((scans.len() as u16).to_le_bytes());
    let points = |scan: &'_ RecordedScan| -> Vec<Point> {
        kept(columns, spacing, powers[scan.kind.group()], scan).copied().collect()
    };
    let mut all_widths = Vec::with_capacity(scans.len());
    for scan in scans {
        let points = points(scan);
        let widths = widths(&points);
        bytes.extend([scan.kind.byte(), widths.position as u8]);
        for (least, bits) in widths.least.iter().zip(widths.numbers).take(scan.kind.numbers()) {
            bytes.extend(least.to_le_bytes());
            bytes.push(bits as u8);
        }
        all_widths.push(widths);
    }
    let mut packer = Packer::new(bytes);
    for (scan, widths) in scans.iter().zip(all_widths) {
        let mut before = 0;
        for point in points(scan) {
            packer.push(point.position - before, widths.position);
            before = point.position;
            for ((value, least), bits) in point.predictions.iter().zip(widths.least).zip(widths.numbers) {
                packer.push(u64::from(value.abs_diff(least)), bits);
            }
        }
    }
    packer.into_bytes()
}

fn widths(points: &[Point]) -> Widths {
    let mut widths = Widths::default();
    let mut before = 0;
    for point in points {
        widths.position = widths.position.max(bits_for(point.position - before));
        before = point.position;
    }
    for number in 0..3 {
        let values = points.iter().map(|point| point.predictions[number]);
        let (least, most) = (values.clone().min().unwrap_or(0), values.max().unwrap_or(0));
        widths.least[number] = least;
        widths.numbers[number] = bits_for(u64::from(most.abs_diff(least)));
    }
    widths
}
