//! Blocks of AC coefficients, compared with readings bit by bit and coefficient by coefficient.

use super::{codes::CodeTables, first::first_of_blocks, refinement::refine_blocks, script::Band};
use crate::{
    bits::{Bits, PADDING},
    huffman::{Code, HuffmanSpec, extend, symbols::SymbolTable},
    refusal::Damaged,
};

const BLOCKS: usize = 6;

/// Knuth's generator of 64 bits.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    /// Codes of all lengths for symbols of which each may be there.
    fn spec(&mut self, symbols: &[u8]) -> HuffmanSpec {
        let mut symbols: Vec<u8> = symbols.to_vec();
        for at in (1..symbols.len()).rev() {
            symbols.swap(at, self.below(at + 1));
        }
        let (mut bytes, mut free, mut left) = (vec![0; 16], 1, symbols.len());
        for (len, count) in bytes.iter_mut().enumerate() {
            free *= 2;
            let most = left.min(free - 1).min(255);
            let some = if len < 15 { self.below(most.min(4 + len) + 1) } else { most };
            (*count, free, left) = (some as u8, free - some, left - some);
        }
        bytes.extend(&symbols[..symbols.len() - left]);
        HuffmanSpec::read(&bytes, false).unwrap().0
    }

    fn band(&mut self, is_refinement: bool) -> Band {
        let first = 1 + self.below(63);
        let last = if self.below(3) == 0 { 63 } else { first + self.below(64 - first) };
        let low = [0, 1, 2, 5, 13][self.below(5)];
        Band { first, last, low, is_refinement }
    }

    fn data(&mut self, len: usize) -> Vec<u8> {
        // Long runs of ones are long codes, of zeros short ones.
        let kind = self.below(3);
        let mut byte = || match kind {
            0 => self.below(256) as u8,
            1 => (self.below(256) | self.below(256)) as u8,
            _ => (self.below(256) & self.below(256)) as u8,
        };
        // All blocks can be read, however long their codes are.
        (0..len).map(|_| byte()).chain([0; BLOCKS * 64 * 4 + PADDING]).collect()
    }
}

/// Bits, one at a time.
struct Naive<'a> {
    data: &'a [u8],
    at: usize,
    codes: Vec<Code>,
}

impl Naive<'_> {
    fn bits(&mut self, count: u32) -> u32 {
        let mut bit = || {
            let byte = self.data.get(self.at / 8).copied().unwrap_or(0);
            self.at += 1;
            u32::from(byte >> (8 - self.at.wrapping_sub(1) % 8 - 1) & 1)
        };
        (0..count).fold(0, |value, _| (value << 1) | bit())
    }

    /// Zeros and size of the next symbol.
    fn symbol(&mut self) -> Result<(u32, u32), Damaged> {
        let start = self.at;
        for len in 1..=16 {
            self.at = start;
            let bits = self.bits(len);
            if let Some(code) = self.codes.iter().find(|code| (code.len, code.bits) == (len, bits)) {
                return Ok(code.run_and_size());
            }
        }
        Err(Damaged)
    }

    /// T.81, G.1.2.2.
    fn first(&mut self, band: Band, values: &mut [i16; 64], empty: &mut u32) -> Result<(), Damaged> {
        if *empty > 0 {
            *empty -= 1;
            return Ok(());
        }
        let mut at = band.first;
        while at <= band.last {
            let (zeros, size) = self.symbol()?;
            if size == 0 && zeros < 15 {
                *empty = (1 << zeros) + self.bits(zeros) - 1;
                return Ok(());
            }
            at += zeros as usize;
            if at > band.last {
                return Err(Damaged);
            }
            if size > 0 {
                let value = extend(self.bits(size) as i32, size) << band.low;
                values[at] = i16::try_from(value).map_err(|_| Damaged)?;
            }
            at += 1;
        }
        Ok(())
    }

    /// T.81, G.1.2.3, as libjpeg has it.
    fn refinement(&mut self, band: Band, values: &mut [i16; 64], empty: &mut u32) -> Result<(), Damaged> {
        let mut at = band.first;
        while *empty == 0 && at <= band.last {
            let (mut zeros, size) = self.symbol()?;
            let mut value = 0;
            if size == 0 && zeros < 15 {
                *empty = (1 << zeros) + self.bits(zeros);
                break;
            }
            if size > 0 {
                value = if self.bits(1) == 1 { 1 << band.low } else { -1 << band.low };
            }
            if size > 1 {
                return Err(Damaged);
            }
            loop {
                if at > band.last {
                    return Err(Damaged);
                }
                if values[at] != 0 {
                    self.correct(band, &mut values[at]);
                } else if zeros == 0 {
                    break;
                } else {
                    zeros -= 1;
                }
                at += 1;
            }
            values[at] = value;
            at += 1;
        }
        if *empty > 0 {
            for value in values[..=band.last].iter_mut().skip(at).filter(|value| **value != 0) {
                self.correct(band, value);
            }
            *empty -= 1;
        }
        Ok(())
    }

    fn correct(&mut self, band: Band, value: &mut i16) {
        let more = (self.bits(1) as i16) << band.low;
        *value = if *value < 0 { value.wrapping_sub(more) } else { value.wrapping_add(more) };
    }
}

/// Reads some blocks both ways, with values and without; says whether they are damaged.
fn compare(
    read: impl for<'a> Fn(&mut Bits<'a>, &'a [u8], &mut [u64], &mut [[i16; 64]], &mut u32) -> Result<(), Damaged>,
    (spec, band, data): (&HuffmanSpec, Band, &[u8]),
    before: &[[i16; 64]; BLOCKS],
    empty: u32,
) -> bool {
    let nonzero = |blocks: &[[i16; 64]; BLOCKS]| {
        let mask =
            |block: &[i16; 64]| (1..64).filter(|&at| block[at] != 0).fold(0_u64, |mask, at| mask | (1 << at));
        blocks.map(|block| mask(&block))
    };
    let mut reader = Naive { data, at: 0, codes: spec.codes().collect() };
    let (mut expected, mut left) = (*before, empty);
    let verdict = expected.iter_mut().try_for_each(|block| {
        let read = if band.is_refinement { Naive::refinement } else { Naive::first };
        read(&mut reader, band, block, &mut left)
    });
    for is_kept in [true, false] {
        let (mut bits, mut masks, mut values) = (Bits::new(data, 0), nonzero(before), *before);
        let mut empty = empty;
        let some = if is_kept { &mut values[..] } else { &mut [] };
        assert_eq!(read(&mut bits, data, &mut masks, some, &mut empty), verdict, "{band:?}");
        if verdict.is_ok() {
            assert_eq!((bits.position(), empty), (reader.at, left), "{band:?}");
            assert_eq!(masks, nonzero(&expected), "{band:?}");
            assert!(!is_kept || values == expected, "{band:?}");
        }
    }
    verdict.is_err()
}

#[test]
fn first_bits_are_those_of_the_standard() {
    let (mut random, mut damaged, mut tables) = (Random(31), 0, CodeTables::default());
    // Sizes of small values are frequent, as in files.
    let symbols: Vec<u8> = (0..=255).filter(|symbol| symbol & 15 < 4 || symbol >> 4 == 0).collect();
    for round in 0..20_000 {
        let all: Vec<u8> = (0..=255).collect();
        let spec = random.spec(if round % 4 == 0 { &all } else { &symbols });
        let (mut band, data) = (random.band(false), random.data(400));
        band.low = band.low.min([2, 13][random.below(2)]);
        let table = tables.first(&spec, band);
        let empty = [0, 0, 1, 3, 100][random.below(5)];
        damaged += usize::from(compare(
            |bits, data, masks, values, empty| first_of_blocks(bits, data, table, band, masks, values, empty),
            (&spec, band, &data),
            &[[0; 64]; BLOCKS],
            empty,
        ));
    }
    assert!((1000..19_000).contains(&damaged), "{damaged}");
}

#[test]
fn refinements_are_those_of_the_standard() {
    let (mut random, mut damaged) = (Random(32), 0);
    let symbols: Vec<u8> = (0..=255).filter(|symbol| symbol & 15 < 2).collect();
    for round in 0..20_000 {
        let all: Vec<u8> = (0..=255).filter(|symbol| symbol & 15 < 3).collect();
        let spec = random.spec(if round % 8 == 0 { &all } else { &symbols });
        let (band, data) = (random.band(true), random.data(400));
        let table = SymbolTable::new(&spec);
        let empty = [0, 0, 1, 3, 100][random.below(5)];
        // Every coefficient, some, or few are known.
        let sparse = [1, 2, 5, 20][random.below(4)];
        let before = [(); BLOCKS].map(|()| {
            [(); 64].map(|()| {
                let value = (random.below(1 << 15) as i16) - (1 << 14);
                if random.below(sparse) == 0 { value | 1 } else { 0 }
            })
        });
        damaged += usize::from(compare(
            |bits, data, masks, values, empty| refine_blocks(bits, data, &table, band, masks, values, empty),
            (&spec, band, &data),
            &before,
            empty,
        ));
    }
    assert!((1000..19_000).contains(&damaged), "{damaged}");
}
