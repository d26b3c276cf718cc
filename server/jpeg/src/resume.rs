//! Rows of MCUs that are read from the seek points before them.

use std::ops::Range;

use crate::{
    coded::Coded,
    frame::Frame,
    level::SimdLevel,
    pair::Pair,
    picture::{Picture, Samples},
    refusal::Refusal,
    scan::Scan,
    seek::SequentialTable,
    tables::Tables,
};

/// A file with its seek points, and the MCUs of each row that are wanted.
pub(crate) struct Resume<'a> {
    pub(crate) level: SimdLevel,
    pub(crate) frame: &'a Frame,
    pub(crate) bytes: &'a [u8],
    pub(crate) tables: &'a Tables,
    pub(crate) table: &'a SequentialTable<'a>,
    pub(crate) columns: Range<usize>,
}

impl Resume<'_> {
    /// Decodes all rows of a picture, two at a time.
    pub(crate) fn decode<S: Samples>(
        &self,
        mut picture: Picture<'_, S>,
        coded: &mut [Coded; 2],
    ) -> Result<(), Refusal> {
        let rows = picture.window().down.mcus.clone();
        let [one, two] = coded;
        for row in rows.clone().step_by(2) {
            let (mut scan, skipped) = self.scan(one, row)?;
            if row + 1 < rows.end {
                let (other, _) = self.scan(two, row + 1)?;
                let mut pair = Pair::new(self.level, [scan, other]);
                pair.skip(skipped)?;
                picture.two_rows(row, |mcus, needs| pair.decode(mcus, needs))?;
            } else {
                scan.skip(skipped)?;
                picture.row(row, |mcu, needs| scan.decode(mcu, needs))?;
            }
        }
        Ok(())
    }

    /// The scan from the last point before the MCUs of a row, and how many are before them: as many in each row.
    fn scan<'b>(&'b self, coded: &'b mut Coded, row: usize) -> Result<(Scan<'b>, usize), Refusal> {
        let (row_len, _) = self.frame.geometry.mcus();
        let part = self.table.part(row, &self.columns);
        coded.read_part(self.frame, self.bytes, &part, row * row_len + self.columns.end)?;
        let scan = Scan::resume(self.level, self.frame, coded, self.tables, part.mcu, &part.point);
        Ok((scan, row * row_len + self.columns.start - part.mcu))
    }
}
