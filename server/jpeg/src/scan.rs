//! The coded bits of a file, MCU by MCU (T.81, F.2): predictions, restarts, and the check for damage.

use std::ops::Range;

use crate::{
    bits::{Bits, PADDING},
    entropy::{Block, Damaged, ac_coefficients, dc_difference, skip_coefficients},
    frame::{Frame, Sampling},
    refusal::Refusal,
    seek::{Part, Point},
    tables::Tables,
    unstuff::unstuff,
};

/// Most blocks of an MCU: four of luma, two of chroma.
pub(crate) const MAX_BLOCKS: usize = 6;

/// Most MCUs that are skipped before a check: predictions cannot leave 32 bits in them.
const UNCHECKED: usize = 4096;
const _: () = assert!(UNCHECKED as i64 * 4 * (1 << 15) + (1 << 15) < 1 << 31);

/// The blocks of an MCU that are needed.
pub(crate) type Needs = [bool; MAX_BLOCKS];

/// An MCU as it was decoded.
#[derive(Clone, Debug)]
pub(crate) struct Mcu {
    pub(crate) blocks: [Block; MAX_BLOCKS],
    /// For each block the position behind its last coefficient; 0 where it was skipped.
    pub(crate) ends: [usize; MAX_BLOCKS],
}

impl Mcu {
    pub(crate) const fn new() -> Self {
        Self { blocks: [Block::new(); MAX_BLOCKS], ends: [0; MAX_BLOCKS] }
    }
}

/// The intervals between restart markers, without stuffed zeros, one behind the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Coded {
    bytes: Vec<u8>,
    /// End of each interval in `bytes`.
    ends: Vec<usize>,
}

impl Coded {
    /// Reads the intervals from `scan` on: all of them, each with the marker that is due.
    ///
    /// # Errors
    /// [`Refusal::Damaged`] if there are more or fewer than the frame has.
    pub(crate) fn read(&mut self, frame: &Frame, bytes: &[u8]) -> Result<(), Refusal> {
        let (across, down) = frame.mcus();
        let coded = bytes.get(frame.scan..).ok_or(Refusal::Damaged)?;
        let rest = self.intervals(coded, 0..(across * down).div_ceil(interval_len(frame)))?;
        // A restart that is not due would begin another interval.
        if matches!(rest, [0xFF, 0xD0..=0xD7, ..]) { Err(Refusal::Damaged) } else { Ok(()) }
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

    /// Reads intervals by their numbers; gives what is behind them.
    fn intervals<'b>(&mut self, coded: &'b [u8], numbers: Range<usize>) -> Result<&'b [u8], Refusal> {
        self.bytes.clear();
        self.ends.clear();
        let mut rest = coded;
        for number in numbers.clone() {
            let read = unstuff(rest, &mut self.bytes);
            self.ends.push(self.bytes.len());
            rest = &rest[read..];
            if number + 1 < numbers.end {
                let marker = 0xD0 + (number & 7) as u8;
                rest = rest.strip_prefix(&[0xFF, marker]).ok_or(Refusal::Damaged)?;
            }
        }
        self.bytes.resize(self.bytes.len() + PADDING, 0);
        Ok(rest)
    }
}

/// MCUs from one restart to the next.
fn interval_len(frame: &Frame) -> usize {
    if frame.restart_interval == 0 { usize::MAX } else { frame.restart_interval }
}

/// The place in a scan before an MCU.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Bits before it, without stuffed zeros and restart markers.
    pub(crate) bit: usize,
    /// Restart markers before it.
    pub(crate) markers: usize,
    /// DC coefficients before it. Those of a `Place` fit 16 bits.
    pub(crate) predictions: [i32; 3],
}

/// A position in the coded bits.
pub(crate) struct Scan<'a> {
    coded: &'a Coded,
    tables: &'a Tables,
    sampling: Sampling,
    bits: Bits<'a>,
    predictions: [i32; 3],
    interval: usize,
    /// MCUs of an interval, and those that are left of this one.
    interval_len: usize,
    left: usize,
}

impl<'a> Scan<'a> {
    /// Before the first MCU.
    pub(crate) fn new(frame: &Frame, coded: &'a Coded, tables: &'a Tables) -> Self {
        Self::resume(frame, coded, tables, 0, &Point { position: 0, predictions: [0; 3] })
    }

    /// Before the MCU of a seek point, in whose byte `coded` begins.
    pub(crate) fn resume(
        frame: &Frame,
        coded: &'a Coded,
        tables: &'a Tables,
        mcu: usize,
        point: &Point,
    ) -> Self {
        let interval_len = interval_len(frame);
        Self {
            coded,
            tables,
            sampling: frame.sampling,
            bits: Bits::new(&coded.bytes, (point.position % 8) as usize),
            predictions: point.predictions.map(i32::from),
            interval: 0,
            interval_len,
            left: interval_len - mcu % interval_len,
        }
    }

    /// The coded bytes, without stuffed zeros and restart markers.
    pub(crate) fn coded(&self) -> &'a [u8] {
        &self.coded.bytes
    }

    /// The place before the next MCU, once its interval was begun and the MCUs before it were checked.
    pub(crate) fn place(&self) -> Place {
        Place { bit: self.bits.position(), markers: self.interval, predictions: self.predictions }
    }

    /// Passes over MCUs.
    pub(crate) fn skip(&mut self, mut count: usize) -> Result<(), Refusal> {
        while count > 0 {
            let some = count.min(UNCHECKED);
            for _ in 0..some {
                self.begin_mcu()?;
                let mut bits = self.bits;
                self.skip_mcu(&mut bits).map_err(|Damaged| Refusal::Damaged)?;
                self.bits = bits;
            }
            self.check()?;
            count -= some;
        }
        Ok(())
    }

    /// Decodes the blocks of an MCU that are needed.
    pub(crate) fn decode(&mut self, mcu: &mut Mcu, needs: Needs) -> Result<(), Refusal> {
        self.begin_mcu()?;
        let mut bits = self.bits;
        self.decode_mcu(&mut bits, mcu, needs).map_err(|Damaged| Refusal::Damaged)?;
        self.bits = bits;
        self.check()
    }

    /// Components of the blocks of an MCU, in order.
    fn components(&self) -> &'static [usize] {
        match self.sampling {
            Sampling::Grey => &[0],
            Sampling::Full => &[0, 1, 2],
            Sampling::Half | Sampling::HalfDown => &[0, 0, 1, 2],
            Sampling::Quarter => &[0, 0, 0, 0, 1, 2],
        }
    }

    #[inline(always)]
    fn skip_mcu(&mut self, bits: &mut Bits<'_>) -> Result<(), Damaged> {
        for &component in self.components() {
            let tables = &self.tables.components[component];
            self.predictions[component] += dc_difference(bits, &tables.dc)?;
            skip_coefficients(bits, &tables.skip, &tables.ac, 1)?;
        }
        Ok(())
    }

    #[inline(always)]
    fn decode_mcu(&mut self, bits: &mut Bits<'_>, mcu: &mut Mcu, needs: Needs) -> Result<(), Damaged> {
        for (number, &component) in self.components().iter().enumerate() {
            let tables = &self.tables.components[component];
            self.predictions[component] += dc_difference(bits, &tables.dc)?;
            if needs[number] {
                let block = &mut mcu.blocks[number];
                block.reset(self.predictions[component] as i16);
                mcu.ends[number] = ac_coefficients(bits, &tables.ac, block)?;
            } else {
                mcu.ends[number] = 0;
                skip_coefficients(bits, &tables.skip, &tables.ac, 1)?;
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn begin_mcu(&mut self) -> Result<(), Refusal> {
        self.begin_interval()?;
        self.left -= 1;
        Ok(())
    }

    /// Goes to the next interval if it begins with the next MCU.
    #[inline(always)]
    pub(crate) fn begin_interval(&mut self) -> Result<(), Refusal> {
        if self.left == 0 { self.restart() } else { Ok(()) }
    }

    #[cold]
    fn restart(&mut self) -> Result<(), Refusal> {
        self.check()?;
        let end = self.coded.ends[self.interval];
        // Only the bits that fill the last byte may be left.
        if self.bits.position().div_ceil(8) != end || self.interval + 1 == self.coded.ends.len() {
            return Err(Refusal::Damaged);
        }
        self.interval += 1;
        self.bits = Bits::new(&self.coded.bytes, 8 * end);
        self.predictions = [0; 3];
        self.left = self.interval_len;
        Ok(())
    }

    /// Whether all bits that were read are the interval's, and no prediction is beyond a coefficient.
    fn check(&self) -> Result<(), Refusal> {
        let is_within = self.bits.position() <= 8 * self.coded.ends[self.interval];
        let fits = self.predictions.iter().all(|&prediction| i16::try_from(prediction).is_ok());
        if is_within && fits { Ok(()) } else { Err(Refusal::Damaged) }
    }
}
