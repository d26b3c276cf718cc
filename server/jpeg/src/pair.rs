//! Two MCU rows in lockstep: a symbol of one, a symbol of the other.
//!
//! The next look in a stream waits for the one before, which says where it begins. Two streams wait at the same time.

use crate::{
    entropy::{ac_coefficients_of_two, dc_difference, skip_coefficients_of_two},
    level::SimdLevel,
    per_level::per_level,
    refusal::{Damaged, Refusal},
    scan::{Mcu, Needs, Scan},
};

/// Two places in the scan of one image, from which as many MCUs are read.
pub(crate) struct Pair<'a> {
    level: SimdLevel,
    scans: [Scan<'a>; 2],
}

impl<'a> Pair<'a> {
    /// Both scans have the same tables.
    pub(crate) fn new(level: SimdLevel, scans: [Scan<'a>; 2]) -> Self {
        Self { level, scans }
    }

    /// Passes over MCUs of both.
    pub(crate) fn skip(&mut self, count: usize) -> Result<(), Refusal> {
        for _ in 0..count {
            self.begin()?;
            skip_mcus(self.level, &mut self.scans)?;
            self.check()?;
        }
        Ok(())
    }

    /// Decodes the blocks of an MCU of each that are needed.
    pub(crate) fn decode(&mut self, mcus: &mut [Mcu; 2], needs: [Needs; 2]) -> Result<(), Refusal> {
        self.begin()?;
        decode_mcus(self.level, &mut self.scans, mcus, needs)?;
        self.check()
    }

    fn begin(&mut self) -> Result<(), Refusal> {
        self.scans.iter_mut().try_for_each(Scan::begin_mcu)
    }

    fn check(&self) -> Result<(), Refusal> {
        self.scans.iter().try_for_each(Scan::check)
    }
}

per_level! {
    /// Passes over an MCU of each, without the check.
    fn skip_mcus(scans: &mut [Scan<'_>; 2]) -> Result<(), Damaged> {
        let [one, two] = scans;
        let (mut of_one, mut of_two) = (one.bits, two.bits);
        for (component, tables) in one.tables.components.iter().enumerate() {
            let (dc, ac, skip) = (&*tables.dc, &*tables.ac, &*tables.skip);
            for _ in 0..one.counts[component] {
                one.predictions[component] += dc_difference(&mut of_one, dc)?;
                two.predictions[component] += dc_difference(&mut of_two, dc)?;
                skip_coefficients_of_two([&mut of_one, &mut of_two], skip, ac)?;
            }
        }
        (one.bits, two.bits) = (of_one, of_two);
        Ok(())
    }
}

per_level! {
    /// Decodes the blocks of an MCU of each, without the check. A block that only one needs is decoded in both.
    fn decode_mcus(scans: &mut [Scan<'_>; 2], mcus: &mut [Mcu; 2], needs: [Needs; 2]) -> Result<(), Damaged> {
        let ([one, two], [mcu_one, mcu_two]) = (scans, mcus);
        let (mut of_one, mut of_two, mut number) = (one.bits, two.bits, 0);
        for (component, tables) in one.tables.components.iter().enumerate() {
            let (dc, ac, skip) = (&*tables.dc, &*tables.ac, &*tables.skip);
            for _ in 0..one.counts[component] {
                one.predictions[component] += dc_difference(&mut of_one, dc)?;
                two.predictions[component] += dc_difference(&mut of_two, dc)?;
                let needed = needs.map(|needs| needs[number]);
                let mut ends = [0; 2];
                if needed == [false; 2] {
                    skip_coefficients_of_two([&mut of_one, &mut of_two], skip, ac)?;
                } else {
                    let blocks = [&mut mcu_one.blocks[number], &mut mcu_two.blocks[number]];
                    blocks[0].reset(one.predictions[component] as i16);
                    blocks[1].reset(two.predictions[component] as i16);
                    ends = ac_coefficients_of_two([&mut of_one, &mut of_two], ac, blocks)?;
                }
                mcu_one.ends[number] = if needed[0] { 1 + ends[0] } else { 0 };
                mcu_two.ends[number] = if needed[1] { 1 + ends[1] } else { 0 };
                number += 1;
            }
        }
        (one.bits, two.bits) = (of_one, of_two);
        Ok(())
    }
}
