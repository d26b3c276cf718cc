//! The low band: the 4 x 4 lowest coefficients of a block.

use crate::{
    Damaged,
    bits::{BitReader, BitWriter},
    tile::{MOST_WIDTH, Places, Tile, places},
};

/// The tiles, the DC coefficient left out of the first mask.
const TILES: [Places; 2] = [places(0, 0), places(2, 0)];

/// Bits before the DC coefficient.
const HEAD: u32 = 4 + 4 + 7 + 8;

/// The head of a block: masks and widths, which come before its values.
struct Head {
    tiles: [Tile; 2],
    dc: u64,
}

impl Head {
    fn read(bits: &mut BitReader<'_>, dc_width: u32) -> Result<Self, Damaged> {
        let head = bits.take(HEAD)?;
        let width = |at: u32| (head >> at) as u32 & 15;
        let first = Tile { mask: ((head >> 8) as u8) << 1, width: width(0) };
        let second = Tile { mask: (head >> 15) as u8, width: width(4) };
        if [first, second].iter().any(|tile| tile.width > MOST_WIDTH || (tile.width == 0) != tile.is_empty())
        {
            return Err(Damaged);
        }
        Ok(Self { tiles: [first, second], dc: bits.take(dc_width)? })
    }
}

/// Writes a block, whose DC coefficient is `dc` of `dc_width` bits more than the least; `None` if a coefficient is too
/// large, and nothing is written then.
pub(crate) fn write(coefficients: &[i16; 64], dc: u64, dc_width: u32, out: &mut BitWriter) -> Option<()> {
    let mut without_dc = *coefficients;
    without_dc[0] = 0;
    let [first, second] = [Tile::of(&without_dc, &TILES[0])?, Tile::of(&without_dc, &TILES[1])?];
    let masks = u64::from(first.mask >> 1) << 8 | u64::from(second.mask) << 15;
    out.put(u64::from(first.width) | u64::from(second.width) << 4 | masks, HEAD);
    out.put(dc, dc_width);
    first.write(&without_dc, &TILES[0], out);
    second.write(&without_dc, &TILES[1], out);
    Some(())
}

/// Reads a block; says whether it has coefficients beside the DC coefficient, which is `base` more than the one stored.
pub(crate) fn read(
    bits: &mut BitReader<'_>,
    base: i16,
    dc_width: u32,
    coefficients: &mut [i16; 64],
) -> Result<bool, Damaged> {
    let Head { tiles, dc } = Head::read(bits, dc_width)?;
    for (tile, places) in tiles.iter().zip(&TILES) {
        tile.read(bits, places, coefficients)?;
    }
    coefficients[0] = base.wrapping_add(dc as i16);
    Ok(tiles.iter().any(|tile| !tile.is_empty()))
}

/// Passes over a block.
pub(crate) fn skip(bits: &mut BitReader<'_>, dc_width: u32) -> Result<(), Damaged> {
    let Head { tiles, .. } = Head::read(bits, dc_width)?;
    bits.skip(tiles.iter().map(|tile| tile.bits()).sum());
    Ok(())
}
