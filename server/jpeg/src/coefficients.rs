//! All coefficients of a sequential file, in order.

use crate::{
    coded::Coded,
    frame::Frame,
    level::SimdLevel,
    order::NATURAL,
    refusal::Refusal,
    scan::{MAX_BLOCKS, Mcu, Scan},
    tables::TableCache,
};

/// Reads coefficients; keeps its memory and its last tables from one file to the next.
#[derive(Clone, Debug)]
pub struct CoefficientReader {
    level: SimdLevel,
    tables: TableCache,
    coded: Coded,
}

impl CoefficientReader {
    /// A reader without memory yet.
    pub fn new(level: SimdLevel) -> Self {
        Self { level, tables: TableCache::default(), coded: Coded::new(level) }
    }

    /// Reads a file. `each` is given the blocks of each MCU, in the order of [`Geometry::components`], with their
    /// coefficients in natural order. Gives the bytes behind the coded bits.
    ///
    /// # Errors
    ///
    /// [`Refusal`] if the file is progressive, or not one for this crate, or is damaged anywhere.
    ///
    /// [`Geometry::components`]: crate::Geometry::components
    pub fn read<'b>(
        &mut self,
        bytes: &'b [u8],
        frame: &Frame,
        mut each: impl FnMut(&[[i16; 64]]),
    ) -> Result<&'b [u8], Refusal> {
        if frame.is_progressive {
            return Err(Refusal::Process);
        }
        let tables = self.tables.get(frame)?;
        let rest = self.coded.read(frame, bytes)?;
        let mut scan = Scan::new(self.level, frame, &self.coded, &tables);
        let (mut mcu, mut natural) = (Mcu::new(), [[0; 64]; MAX_BLOCKS]);
        let count = frame.geometry.components().len();
        let (across, down) = frame.geometry.mcus();
        for _ in 0..across * down {
            scan.decode(&mut mcu, [true; MAX_BLOCKS])?;
            for (natural, block) in natural.iter_mut().zip(&mcu.blocks).take(count) {
                for (&place, &value) in NATURAL.iter().zip(block.coefficients()) {
                    natural[usize::from(place)] = value;
                }
            }
            each(&natural[..count]);
        }
        Ok(rest)
    }
}
