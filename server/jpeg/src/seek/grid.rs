//! The MCUs that have a point: the first of each row, and every so many behind it.

use crate::frame::Frame;

/// The places of the points in an image. MCUs and points are numbered in the order of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    /// MCUs of a row.
    columns: usize,
    rows: usize,
    /// MCUs from one point of a row to the next.
    spacing: usize,
}

impl Grid {
    /// # Panics
    /// If `spacing` is 0.
    pub(crate) fn new(frame: &Frame, spacing: u16) -> Self {
        assert!(spacing > 0, "seek points need a spacing of at least one MCU");
        let (columns, rows) = frame.geometry.mcus();
        Self { columns, rows, spacing: usize::from(spacing) }
    }

    pub(crate) fn spacing(self) -> u16 {
        self.spacing as u16
    }

    pub(crate) fn rows(self) -> usize {
        self.rows
    }

    /// Points of a row.
    pub(crate) fn of_row(self) -> usize {
        self.columns.div_ceil(self.spacing)
    }

    /// Points of the image.
    pub(crate) fn len(self) -> usize {
        self.rows * self.of_row()
    }

    /// Whether there is a point before an MCU.
    pub(crate) fn has_point(self, mcu: usize) -> bool {
        (mcu % self.columns).is_multiple_of(self.spacing)
    }

    /// The first MCU behind `mcu` that has a point, or would begin another row.
    pub(crate) fn next(self, mcu: usize) -> usize {
        let (row, column) = (mcu / self.columns, mcu % self.columns);
        row * self.columns + ((column / self.spacing + 1) * self.spacing).min(self.columns)
    }

    /// The last point at or before an MCU of a row.
    pub(crate) fn before(self, row: usize, column: usize) -> usize {
        row * self.of_row() + column / self.spacing
    }

    /// The MCU of a point.
    pub(crate) fn mcu(self, point: usize) -> usize {
        point / self.of_row() * self.columns + point % self.of_row() * self.spacing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_begin_rows_and_follow_each_other_by_the_spacing() {
        for (columns, rows, spacing) in [(1, 1, 1), (7, 3, 2), (8, 3, 4), (5, 2, 1), (5, 4, 9)] {
            let grid = Grid { columns, rows, spacing };
            let naive: Vec<usize> = (0..columns * rows).filter(|mcu| mcu % columns % spacing == 0).collect();
            let walked: Vec<usize> = std::iter::successors(Some(0), |&mcu| Some(grid.next(mcu)))
                .take_while(|&mcu| mcu < columns * rows)
                .collect();
            assert_eq!(walked, naive);
            assert_eq!((0..grid.len()).map(|point| grid.mcu(point)).collect::<Vec<_>>(), naive);
            for mcu in 0..columns * rows {
                assert_eq!(grid.has_point(mcu), naive.contains(&mcu));
                let before = naive.iter().rposition(|&at| at <= mcu);
                assert_eq!(Some(grid.before(mcu / columns, mcu % columns)), before);
            }
        }
    }
}
