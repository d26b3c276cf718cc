//! The coded bits of a file, MCU by MCU (T.81, F.2): predictions, restarts, and the check for damage.

use crate::{
    bits::{Bits, REACH},
    coded::{Coded, interval_len},
    entropy::{Block, ac_coefficients, dc_difference, skip_coefficients},
    frame::Frame,
    geometry::Sampling,
    level::SimdLevel,
    per_level::per_level,
    refusal::{Damaged, Refusal},
    seek::Point,
    tables::Tables,
};

/// Most blocks of an MCU: four of luma, two of chroma.
pub(crate) const MAX_BLOCKS: usize = 6;

/// Longest codes and values of an MCU.
const _: () = assert!(MAX_BLOCKS * 64 * (16 + 15) / 8 + 8 <= REACH);

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
    pub(crate) level: SimdLevel,
    coded: &'a Coded,
    pub(crate) tables: &'a Tables,
    /// Blocks of each component in an MCU.
    pub(crate) counts: [usize; 3],
    pub(crate) bits: Bits<'a>,
    pub(crate) predictions: [i32; 3],
    interval: usize,
    /// MCUs of an interval, and those that are left of this one.
    interval_len: usize,
    left: usize,
}

impl<'a> Scan<'a> {
    /// Before the first MCU.
    pub(crate) fn new(level: SimdLevel, frame: &Frame, coded: &'a Coded, tables: &'a Tables) -> Self {
        Self::resume(level, frame, coded, tables, 0, &Point { position: 0, predictions: [0; 3] })
    }

    /// Before the MCU of a seek point, in whose byte `coded` begins.
    pub(crate) fn resume(
        level: SimdLevel,
        frame: &Frame,
        coded: &'a Coded,
        tables: &'a Tables,
        mcu: usize,
        point: &Point,
    ) -> Self {
        let (across, down) = frame.geometry.sampling.luma_blocks();
        let chroma = usize::from(frame.geometry.sampling != Sampling::Grey);
        let interval_len = interval_len(frame);
        Self {
            level,
            coded,
            tables,
            counts: [across * down, chroma, chroma],
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
            skip_mcus(self.level, self, some)?;
            self.check()?;
            count -= some;
        }
        Ok(())
    }

    /// Decodes the blocks of an MCU that are needed.
    pub(crate) fn decode(&mut self, mcu: &mut Mcu, needs: Needs) -> Result<(), Refusal> {
        self.begin_mcu()?;
        decode_mcu(self.level, self, mcu, needs)?;
        self.check()
    }

    /// Goes to the next interval where one begins, and has the bits of an MCU ready.
    #[inline(always)]
    pub(crate) fn begin_mcu(&mut self) -> Result<(), Refusal> {
        self.begin_interval()?;
        self.left -= 1;
        Ok(self.bits.advance(&self.coded.bytes)?)
    }

    /// Goes to the next interval if it begins with the next MCU.
    #[inline(always)]
    pub(crate) fn begin_interval(&mut self) -> Result<(), Refusal> {
        if self.left == 0 { self.restart() } else { Ok(()) }
    }

    /// Passes over the blocks of an MCU.
    #[inline(always)]
    fn skip_mcu(&mut self) -> Result<(), Damaged> {
        let mut bits = self.bits;
        for (component, tables) in self.tables.components.iter().enumerate() {
            let (dc, ac, skip) = (&*tables.dc, &*tables.ac, &*tables.skip);
            for _ in 0..self.counts[component] {
                self.predictions[component] += dc_difference(&mut bits, dc)?;
                skip_coefficients(&mut bits, skip, ac, 0)?;
            }
        }
        self.bits = bits;
        Ok(())
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
    #[inline(always)]
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let is_within = self.bits.position() <= 8 * self.coded.ends[self.interval];
        let [a, b, c] = self.predictions.map(|prediction| prediction.wrapping_add(1 << 15) as u32);
        if is_within && (a | b | c) >> 16 == 0 { Ok(()) } else { Err(Refusal::Damaged) }
    }
}

per_level! {
    /// Passes over MCUs, without the check.
    fn skip_mcus(scan: &mut Scan<'_>, count: usize) -> Result<(), Refusal> {
        for _ in 0..count {
            scan.begin_mcu()?;
            scan.skip_mcu()?;
        }
        Ok(())
    }
}

per_level! {
    /// Decodes the blocks of an MCU that are needed, without the check.
    fn decode_mcu(scan: &mut Scan<'_>, mcu: &mut Mcu, needs: Needs) -> Result<(), Damaged> {
        let (mut bits, mut number) = (scan.bits, 0);
        for (component, tables) in scan.tables.components.iter().enumerate() {
            let (dc, ac, skip) = (&*tables.dc, &*tables.ac, &*tables.skip);
            for _ in 0..scan.counts[component] {
                scan.predictions[component] += dc_difference(&mut bits, dc)?;
                if needs[number] {
                    let block = &mut mcu.blocks[number];
                    block.reset(scan.predictions[component] as i16);
                    mcu.ends[number] = 1 + ac_coefficients(&mut bits, ac, block, 0)?;
                } else {
                    mcu.ends[number] = 0;
                    skip_coefficients(&mut bits, skip, ac, 0)?;
                }
                number += 1;
            }
        }
        scan.bits = bits;
        Ok(())
    }
}
