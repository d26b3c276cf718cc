//! Some MCUs of a row in both bands: what is read at once, as nothing before it must be known.

use crate::{
    Coefficients, Damaged,
    bits::{BitReader, BitWriter},
    high, low,
};

/// Most components of an image.
const COMPONENTS: usize = 3;

/// Most bits by which the DC coefficients of a chunk differ, less 1 than those of 16-bit numbers may.
const MOST_DC_WIDTH: u32 = 15;

/// A coefficient is larger, or the DC coefficients of a chunk differ by more, than a file of 8 bits a sample has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("coefficients beyond the range of ordinary files")]
pub struct Unrepresentable;

/// Packs chunks one behind the other.
#[derive(Debug, Default)]
pub struct ChunkWriter {
    low: BitWriter,
    high: BitWriter,
}

impl ChunkWriter {
    /// Packs the blocks of some MCUs; `components` are those of the blocks of one MCU, from 0 to 2. Gives the ends of the
    /// chunk in the bands: a chunk takes whole bytes.
    ///
    /// # Errors
    ///
    /// [`Unrepresentable`]; what was packed is of no use then.
    ///
    /// # Panics
    ///
    /// If there are no blocks, or not those of whole MCUs.
    pub fn write(
        &mut self,
        components: &[usize],
        blocks: &[Coefficients],
    ) -> Result<[usize; 2], Unrepresentable> {
        assert!(!blocks.is_empty() && blocks.len().is_multiple_of(components.len()));
        let blocks = || components.iter().cycle().zip(blocks);
        let (mut least, mut most) = ([i16::MAX; COMPONENTS], [i16::MIN; COMPONENTS]);
        for (&component, block) in blocks() {
            least[component] = least[component].min(block.0[0]);
            most[component] = most[component].max(block.0[0]);
        }
        let mut widths = [0; COMPONENTS];
        for (component, width) in widths.iter_mut().enumerate() {
            if most[component] < least[component] {
                least[component] = 0;
                continue;
            }
            *width = u16::BITS - most[component].abs_diff(least[component]).leading_zeros();
            if *width > MOST_DC_WIDTH {
                return Err(Unrepresentable);
            }
        }
        for least in least {
            self.low.put(least.cast_unsigned().into(), 16);
        }
        for width in widths {
            self.low.put(width.into(), 4);
        }
        for (&component, block) in blocks() {
            let dc = block.0[0].abs_diff(least[component]);
            low::write(&block.0, dc.into(), widths[component], &mut self.low).ok_or(Unrepresentable)?;
            high::write(&block.0, &mut self.high).ok_or(Unrepresentable)?;
        }
        Ok([self.low.align(), self.high.align()])
    }

    /// Both bands, low and high; the writer is empty afterwards.
    pub fn take(&mut self) -> [Vec<u8>; 2] {
        [self.low.take(), self.high.take()]
    }
}

/// Unpacks the blocks of a chunk in order.
#[derive(Clone, Debug)]
pub struct ChunkReader<'a> {
    low: BitReader<'a>,
    high: Option<BitReader<'a>>,
    least: [i16; COMPONENTS],
    widths: [u32; COMPONENTS],
}

impl<'a> ChunkReader<'a> {
    /// A chunk from its first bytes on, with at least [`ChunkReader::PADDING`] bytes behind it, whatever they are. Without
    /// the high band its coefficients stay as they were.
    ///
    /// # Errors
    ///
    /// [`Damaged`] if the bytes are too few.
    pub fn new(low: &'a [u8], high: Option<&'a [u8]>) -> Result<Self, Damaged> {
        let mut low = BitReader::new(low);
        let (mut least, mut widths) = ([0; COMPONENTS], [0; COMPONENTS]);
        for least in &mut least {
            *least = (low.take(16)? as u16).cast_signed();
        }
        for width in &mut widths {
            *width = low.take(4)? as u32;
        }
        Ok(Self { low, high: high.map(BitReader::new), least, widths })
    }

    /// Bytes that must be there behind a chunk.
    pub const PADDING: usize = crate::bits::PADDING;

    /// Unpacks the next block, which is of a component; says whether it may have other coefficients than the first.
    ///
    /// # Errors
    ///
    /// [`Damaged`] if no [`ChunkWriter`] wrote this, or the bytes end.
    ///
    /// # Panics
    ///
    /// If there is no such component.
    pub fn read(&mut self, component: usize, block: &mut [i16; 64]) -> Result<bool, Damaged> {
        let has_low = low::read(&mut self.low, self.least[component], self.widths[component], block)?;
        let has_high = match &mut self.high {
            Some(bits) => high::read(bits, block)?,
            None => false,
        };
        Ok(has_low || has_high)
    }

    /// Passes over the next block.
    ///
    /// # Errors
    ///
    /// As [`ChunkReader::read`].
    ///
    /// # Panics
    ///
    /// As there.
    pub fn skip(&mut self, component: usize) -> Result<(), Damaged> {
        low::skip(&mut self.low, self.widths[component])?;
        self.high.as_mut().map_or(Ok(()), high::skip)
    }

    /// Bytes of the low and of the high band that were begun: those of the chunk, behind its last block.
    pub fn bytes(&self) -> [usize; 2] {
        [Some(self.low), self.high].map(|bits| bits.map_or(0, |bits| bits.position().div_ceil(8)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COLOUR: [usize; 6] = [0, 0, 0, 0, 1, 2];

    /// Blocks as photographs have them: large coefficients first, and zeros.
    fn block() -> impl Strategy<Value = Coefficients> {
        let dc = -1024..1024_i16;
        let coefficient = prop_oneof![6 => Just(0), 3 => -3..4_i16, 1 => -2047..2048_i16];
        (dc, prop::collection::vec(coefficient, 63), 0..64_usize).prop_map(|(dc, others, end)| {
            let mut block = Coefficients::ZERO;
            block.0[0] = dc;
            block.0[1..=end.min(63)].copy_from_slice(&others[..end]);
            block
        })
    }

    fn packed(components: &[usize], chunks: &[Vec<Coefficients>]) -> ([Vec<u8>; 2], Vec<[usize; 2]>) {
        let mut writer = ChunkWriter::default();
        let ends = chunks.iter().map(|blocks| writer.write(components, blocks).unwrap()).collect();
        let mut bands = writer.take();
        for band in &mut bands {
            band.extend([0xA5; ChunkReader::PADDING]);
        }
        (bands, ends)
    }

    proptest! {
        #[test]
        fn blocks_come_back(chunks in prop::collection::vec(prop::collection::vec(block(), 6), 1..4)) {
            let ([low, high], ends) = packed(&COLOUR, &chunks);
            let mut starts = [0, 0];
            for (blocks, ends) in chunks.iter().zip(ends) {
                let of_chunk = || ChunkReader::new(&low[starts[0]..], Some(&high[starts[1]..])).unwrap();
                let mut reader = of_chunk();
                for (block, component) in blocks.iter().zip(COLOUR) {
                    let mut read = Coefficients([7; 64]);
                    let has_more = reader.read(component, &mut read.0).unwrap();
                    prop_assert_eq!(read, *block);
                    prop_assert_eq!(has_more, block.0[1..].iter().any(|&value| value != 0));
                }
                prop_assert_eq!(reader.bytes(), [ends[0] - starts[0], ends[1] - starts[1]]);
                // Over the first blocks, to each of the others.
                for (number, block) in blocks.iter().enumerate() {
                    let mut reader = of_chunk();
                    COLOUR[..number].iter().for_each(|&component| reader.skip(component).unwrap());
                    let mut read = Coefficients::ZERO;
                    reader.read(COLOUR[number], &mut read.0).unwrap();
                    prop_assert_eq!(read, *block);
                }
                starts = ends;
            }
        }

        #[test]
        fn the_low_band_has_the_lowest_coefficients(blocks in prop::collection::vec(block(), 6)) {
            let ([low, _], _) = packed(&COLOUR, std::slice::from_ref(&blocks));
            let mut reader = ChunkReader::new(&low, None).unwrap();
            for (block, component) in blocks.iter().zip(COLOUR) {
                let mut read = Coefficients([7; 64]);
                reader.read(component, &mut read.0).unwrap();
                for (place, (&read, &value)) in read.0.iter().zip(&block.0).enumerate() {
                    prop_assert_eq!(read, if place / 8 < 4 && place % 8 < 4 { value } else { 7 });
                }
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(low in prop::collection::vec(any::<u8>(), 0..400), high in prop::collection::vec(any::<u8>(), 0..400)) {
            let Ok(mut reader) = ChunkReader::new(&low, Some(&high)) else { return Ok(()) };
            let mut block = Coefficients::ZERO;
            for (number, component) in COLOUR.into_iter().cycle().enumerate().take(200) {
                let read = if number % 3 == 0 { reader.skip(component) } else { reader.read(component, &mut block.0).map(|_| ()) };
                if read.is_err() {
                    break;
                }
            }
        }
    }

    #[test]
    fn the_bytes_are_those_of_the_format() {
        let mut block = Coefficients::ZERO;
        (block.0[0], block.0[1], block.0[8], block.0[16], block.0[36]) = (-3, 1, -2, 8, -200);
        let ([low, high], ends) = packed(&[0], &[vec![block]]);
        assert_eq!(ends, [[12, 4]]);
        // The least DC coefficients, their widths, the widths of L0 and L1, the masks.
        let head = [0xFD, 0xFF, 0, 0, 0, 0, 0, 0];
        assert_eq!(low[..7], head[..7]);
        let number = u64::from_le_bytes(*low[7..].first_chunk().unwrap()) >> 4;
        assert_eq!(number & 0xF, 2);
        assert_eq!(number >> 4 & 0xF, 4);
        assert_eq!(number >> 8 & 0x7F, 0b000_1001);
        assert_eq!(number >> 15 & 0xFF, 1);
        // 1 - 1 and -2 with two bits each, 8 - 1 with four.
        assert_eq!(number >> 23 & 0xFF, 0b0111_1000);
        let number = u32::from_le_bytes(*high.first_chunk().unwrap());
        // H3 alone, long widths, its mask, its width, and -200 with nine bits.
        assert_eq!(number & 0x7F, 0b100_1000);
        assert_eq!(number >> 7 & 0xFF, 1);
        assert_eq!(number >> 15 & 0xF, 9);
        assert_eq!(number >> 19 & 0x1FF, 512 - 200);
    }

    #[test]
    fn what_has_no_place_is_refused() {
        let mut writer = ChunkWriter::default();
        let mut block = Coefficients::ZERO;
        for (place, value, fits) in
            [(1, 8192, true), (1, 8193, false), (63, -8192, true), (63, -8193, false), (0, i16::MIN, true)]
        {
            block = Coefficients(std::array::from_fn(|at| if at == place { value } else { 0 }));
            assert_eq!(writer.write(&[0], &[block]).is_ok(), fits, "{value} at {place}");
        }
        assert_eq!(writer.write(&[0], &[block, Coefficients::ZERO]), Err(Unrepresentable));
        block.0[0] = i16::MIN + 1;
        assert!(writer.write(&[0], &[block, Coefficients::ZERO]).is_ok());
    }
}
