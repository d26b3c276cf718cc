//! All MCUs of a scan in order, with seek points recorded on the way if they are wanted.

use crate::{
    picture::{Picture, Samples},
    refusal::Refusal,
    scan::{Mcu, Needs, Scan},
    seek::Recorder,
};

/// A scan from its first MCU on.
pub(crate) struct Walk<'a> {
    scan: Scan<'a>,
    recorder: Option<Recorder>,
    /// The next MCU.
    mcu: usize,
}

impl<'a> Walk<'a> {
    /// `scan` is before its first MCU.
    pub(crate) fn new(scan: Scan<'a>, recorder: Option<Recorder>) -> Self {
        Self { scan, recorder, mcu: 0 }
    }

    /// Passes over the MCUs before number `end`.
    pub(crate) fn skip_to(&mut self, end: usize) -> Result<(), Refusal> {
        while self.mcu < end {
            let stop = self.record()?.min(end);
            self.scan.skip(stop - self.mcu)?;
            self.mcu = stop;
        }
        Ok(())
    }

    /// Decodes the blocks of the next MCU that are needed.
    pub(crate) fn decode(&mut self, mcu: &mut Mcu, needs: Needs) -> Result<(), Refusal> {
        self.record()?;
        self.mcu += 1;
        self.scan.decode(mcu, needs)
    }

    /// Decodes the MCUs of a picture, whose rows have `row_len` of them.
    pub(crate) fn draw<S: Samples>(
        &mut self,
        mut picture: Picture<'_, S>,
        row_len: usize,
    ) -> Result<(), Refusal> {
        for row in picture.window().down.mcus.clone() {
            self.skip_to(row * row_len + picture.window().across.mcus.start)?;
            picture.row(row, |mcu, needs| self.decode(mcu, needs))?;
        }
        Ok(())
    }

    /// The table of the points, once all MCUs were passed.
    pub(crate) fn into_table(self) -> Option<Vec<u8>> {
        self.recorder.map(Recorder::finish)
    }

    /// Records a point if one is due; gives the MCU of the next.
    fn record(&mut self) -> Result<usize, Refusal> {
        let Some(recorder) = &mut self.recorder else {
            return Ok(usize::MAX);
        };
        if recorder.is_due(self.mcu) {
            self.scan.begin_interval()?;
            recorder.record(self.scan.coded(), self.scan.place());
        }
        Ok(recorder.next(self.mcu))
    }
}
