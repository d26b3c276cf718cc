//! A tile of eight coefficients: a mask of those that are not 0, and their values with as many bits as the longest needs.

use crate::{
    Damaged,
    bits::{BitReader, BitWriter},
};

/// Most bits of a value. Coefficients of baseline files have up to 12.
pub(crate) const MOST_WIDTH: u32 = 14;

/// Natural positions of a tile's coefficients.
pub(crate) type Places = [usize; 8];

/// The places of the tile that begins at a row and a column.
pub(crate) const fn places(row: usize, column: usize) -> Places {
    let start = 8 * row + column;
    [start, start + 1, start + 2, start + 3, start + 8, start + 9, start + 10, start + 11]
}

/// The mask and the width of a tile, which come before its values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tile {
    /// A bit for each coefficient that is not 0.
    pub(crate) mask: u8,
    /// Bits of a value; 0 if there is none.
    pub(crate) width: u32,
}

impl Tile {
    /// The tile of coefficients, `None` if one is too large.
    pub(crate) fn of(coefficients: &[i16; 64], places: &Places) -> Option<Self> {
        let mut tile = Self::default();
        for (number, &place) in places.iter().enumerate() {
            let value = coefficients[place];
            if value != 0 {
                tile.mask |= 1 << number;
                tile.width = tile.width.max(width_of(value));
            }
        }
        (tile.width <= MOST_WIDTH).then_some(tile)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.mask == 0
    }

    /// Bits of all values.
    pub(crate) fn bits(self) -> usize {
        (self.mask.count_ones() * self.width) as usize
    }

    /// Writes the values.
    pub(crate) fn write(self, coefficients: &[i16; 64], places: &Places, out: &mut BitWriter) {
        for value in places.iter().map(|&place| coefficients[place]).filter(|&value| value != 0) {
            let stored = if value > 0 { value - 1 } else { value };
            out.put(u64::from(stored.cast_unsigned()) & ((1 << self.width) - 1), self.width);
        }
    }

    /// Reads the values into their places, and zeros for those that are not there.
    pub(crate) fn read(
        self,
        bits: &mut BitReader<'_>,
        places: &Places,
        coefficients: &mut [i16; 64],
    ) -> Result<(), Damaged> {
        for (number, &place) in places.iter().enumerate() {
            coefficients[place] = if self.mask >> number & 1 == 0 {
                0
            } else {
                let free = 16 - self.width;
                let stored = ((bits.take(self.width)? << free) as i16) >> free;
                stored + i16::from(stored >= 0)
            };
        }
        Ok(())
    }
}

/// Bits of a value that is not 0, in two's complement and less 1 where it is positive.
fn width_of(value: i16) -> u32 {
    let magnitude = if value > 0 { value - 1 } else { !value };
    17 - magnitude.cast_unsigned().leading_zeros()
}
