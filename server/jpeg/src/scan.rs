//! The coded bits of a file, MCU by MCU (T.81, F.2): predictions, restarts, and the check for damage.

use crate::{
    bits::{Bits, PADDING},
    entropy::{Block, Damaged, ac_coefficients, dc_difference, skip_coefficients},
    frame::{Frame, Sampling},
    refusal::Refusal,
    tables::Tables,
    unstuff::unstuff,
};

/// Most blocks of an MCU: four of luma, two of chroma.
pub(crate) const MAX_BLOCKS: usize = 6;

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
        self.bytes.clear();
        self.ends.clear();
        let (across, down) = frame.mcus();
        let count = match frame.restart_interval {
            0 => 1,
            interval => (across * down).div_ceil(interval),
        };
        let mut rest = bytes.get(frame.scan..).ok_or(Refusal::Damaged)?;
        for number in 0..count {
            let read = unstuff(rest, &mut self.bytes);
            self.ends.push(self.bytes.len());
            rest = &rest[read..];
            if number + 1 < count {
                let marker = 0xD0 + (number & 7) as u8;
                rest = rest.strip_prefix(&[0xFF, marker]).ok_or(Refusal::Damaged)?;
            }
        }
        self.bytes.resize(self.bytes.len() + PADDING, 0);
        // A restart that is not due would begin another interval.
        if matches!(rest, [0xFF, 0xD0..=0xD7, ..]) { Err(Refusal::Damaged) } else { Ok(()) }
    }
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
        let interval_len = if frame.restart_interval == 0 { usize::MAX } else { frame.restart_interval };
        Self {
            coded,
            tables,
            sampling: frame.sampling,
            bits: Bits::new(&coded.bytes, 0),
            predictions: [0; 3],
            interval: 0,
            interval_len,
            left: interval_len,
        }
    }

    /// Passes over MCUs.
    pub(crate) fn skip(&mut self, count: usize) -> Result<(), Refusal> {
        for _ in 0..count {
            self.begin_mcu()?;
            let mut bits = self.bits;
            self.skip_mcu(&mut bits).map_err(|Damaged| Refusal::Damaged)?;
            self.bits = bits;
        }
        self.check()
    }

    /// Decodes the blocks of an MCU that are needed.
    pub(crate) fn decode(&mut self, mcu: &mut Mcu, needs: [bool; MAX_BLOCKS]) -> Result<(), Refusal> {
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
    fn decode_mcu(
        &mut self,
        bits: &mut Bits<'_>,
        mcu: &mut Mcu,
        needs: [bool; MAX_BLOCKS],
    ) -> Result<(), Damaged> {
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

    /// Goes to the next interval where one begins.
    #[inline(always)]
    fn begin_mcu(&mut self) -> Result<(), Refusal> {
        if self.left == 0 {
            self.restart()
        } else {
            self.left -= 1;
            Ok(())
        }
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
        self.left = self.interval_len - 1;
        Ok(())
    }

    /// Whether all bits that were read are the interval's, and no prediction is beyond a coefficient.
    fn check(&self) -> Result<(), Refusal> {
        let is_within = self.bits.position() <= 8 * self.coded.ends[self.interval];
        let fits = self.predictions.iter().all(|&prediction| i16::try_from(prediction).is_ok());
        if is_within && fits { Ok(()) } else { Err(Refusal::Damaged) }
    }
}
