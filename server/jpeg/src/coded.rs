//! The coded bytes of a scan, or of a part of it, made ready to be read as bits.

use std::ops::Range;

use crate::{
    bits::PADDING,
    frame::Frame,
    level::SimdLevel,
    refusal::Refusal,
    seek::Part,
    unstuff::{SLACK, unstuff},
};

/// Memory for coded bytes that is kept from one file to the next.
const KEPT_BYTES: usize = 8 << 20;

/// The intervals between restart markers, without stuffed zeros, one behind the other.
#[derive(Clone, Debug)]
pub(crate) struct Coded {
    level: SimdLevel,
    /// The intervals, and behind them at least [`PADDING`] bytes, which may be those of another file.
    pub(crate) bytes: Vec<u8>,
    /// End of each interval in `bytes`.
    pub(crate) ends: Vec<usize>,
}

impl Coded {
    pub(crate) fn new(level: SimdLevel) -> Self {
        Self { level, bytes: Vec::new(), ends: Vec::new() }
    }

    /// Reads the intervals from `scan` on: all of them, each with the marker that is due. Gives the bytes behind them.
    ///
    /// # Errors
    /// [`Refusal::Damaged`] if there are more or fewer than the frame has.
    pub(crate) fn read<'b>(&mut self, frame: &Frame, bytes: &'b [u8]) -> Result<&'b [u8], Refusal> {
        let (across, down) = frame.geometry.mcus();
        let coded = bytes.get(frame.scan..).ok_or(Refusal::Damaged)?;
        let rest = self.intervals(coded, 0..(across * down).div_ceil(interval_len(frame)))?;
        // A restart that is not due would begin another interval.
        if matches!(rest, [0xFF, 0xD0..=0xD7, ..]) { Err(Refusal::Damaged) } else { Ok(rest) }
    }

    /// Reads the intervals, or parts of them, from a seek point to MCU number `end`.
    ///
    /// # Errors
    /// [`Refusal::Damaged`] if the bytes are not there, or begin too few intervals.
    pub(crate) fn read_part(
        &mut self,
        frame: &Frame,
        bytes: &[u8],
        part: &Part,
        end: usize,
    ) -> Result<(), Refusal> {
        let scan = bytes.get(frame.scan..).ok_or(Refusal::Damaged)?;
        let coded = scan.get(part.bytes.start..part.bytes.end.min(scan.len())).ok_or(Refusal::Damaged)?;
        let len = interval_len(frame);
        self.intervals(coded, part.mcu / len..(end - 1) / len + 1).map(|_| ())
    }

    /// Makes room for coded bytes and intervals, and gives back what a giant file needed.
    fn prepare(&mut self, bytes: usize, intervals: usize) -> Result<(), Refusal> {
        if self.bytes.len() > KEPT_BYTES && bytes < KEPT_BYTES {
            *self = Self::new(self.level);
        }
        self.ends.clear();
        let more = (bytes + SLACK + PADDING).saturating_sub(self.bytes.len());
        let is_there = self.bytes.try_reserve(more).is_ok()
            // Each interval but the first begins behind a marker.
            && self.ends.try_reserve(intervals.min(bytes / 2 + 1)).is_ok();
        if !is_there {
            return Err(Refusal::Memory);
        }
        self.bytes.resize(self.bytes.len() + more, 0);
        Ok(())
    }

    /// Reads intervals by their numbers; gives what is behind them.
    pub(crate) fn intervals<'b>(
        &mut self,
        coded: &'b [u8],
        numbers: Range<usize>,
    ) -> Result<&'b [u8], Refusal> {
        self.prepare(coded.len(), numbers.len())?;
        let (mut rest, mut end) = (coded, 0);
        for number in numbers.clone() {
            let (read, written) = unstuff(self.level, rest, &mut self.bytes[end..]);
            end += written;
            self.ends.push(end);
            rest = &rest[read..];
            if number + 1 < numbers.end {
                let marker = 0xD0 + (number & 7) as u8;
                rest = rest.strip_prefix(&[0xFF, marker]).ok_or(Refusal::Damaged)?;
            }
        }
        Ok(rest)
    }
}

/// MCUs from one restart to the next.
pub(crate) fn interval_len(frame: &Frame) -> usize {
    if frame.restart_interval == 0 { usize::MAX } else { frame.restart_interval }
}
