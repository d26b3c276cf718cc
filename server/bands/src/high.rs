//! The high band: the 48 coefficients of a block beside its 4 x 4 lowest.

use crate::{
    Damaged,
    bits::{BitReader, BitWriter},
    tile::{MOST_WIDTH, Places, Tile, places},
};

/// Tiles of a block.
const COUNT: usize = 6;

const TILES: [Places; COUNT] =
    [places(0, 4), places(2, 4), places(4, 0), places(4, 4), places(6, 0), places(6, 4)];

/// The longest width that three bits tell.
const MOST_SHORT: u32 = 7;

/// Writes a block; `None` if a coefficient is too large, and nothing is written then.
pub(crate) fn write(coefficients: &[i16; 64], out: &mut BitWriter) -> Option<()> {
    let mut tiles = [Tile::default(); COUNT];
    for (tile, places) in tiles.iter_mut().zip(&TILES) {
        *tile = Tile::of(coefficients, places)?;
    }
    let has = |(number, tile): (usize, &Tile)| u64::from(!tile.is_empty()) << number;
    let present: u64 = tiles.iter().enumerate().map(has).sum();
    let is_long = tiles.iter().any(|tile| tile.width > MOST_SHORT);
    out.put(present | u64::from(is_long) << COUNT, COUNT as u32 + 1);
    for tile in tiles.iter().filter(|tile| !tile.is_empty()) {
        out.put(tile.mask.into(), 8);
    }
    for tile in tiles.iter().filter(|tile| !tile.is_empty()) {
        out.put(tile.width.into(), if is_long { 4 } else { 3 });
    }
    for (tile, places) in tiles.iter().zip(&TILES) {
        tile.write(coefficients, places, out);
    }
    Some(())
}

/// Reads the head of a block: masks and widths, which come before its values.
fn head(bits: &mut BitReader<'_>) -> Result<[Tile; COUNT], Damaged> {
    let (present, is_long) = (bits.take(COUNT as u32)?, bits.take(1)? == 1);
    let mut tiles = [Tile::default(); COUNT];
    let is_there = |number: usize| present >> number & 1 == 1;
    for (number, tile) in tiles.iter_mut().enumerate() {
        if is_there(number) {
            tile.mask = bits.take(8)? as u8;
        }
    }
    for (number, tile) in tiles.iter_mut().enumerate() {
        if is_there(number) {
            tile.width = bits.take(if is_long { 4 } else { 3 })? as u32;
            if tile.is_empty() || !(1..=MOST_WIDTH).contains(&tile.width) {
                return Err(Damaged);
            }
        }
    }
    Ok(tiles)
}

/// Reads a block; says whether it has any coefficients here.
pub(crate) fn read(bits: &mut BitReader<'_>, coefficients: &mut [i16; 64]) -> Result<bool, Damaged> {
    let tiles = head(bits)?;
    for (tile, places) in tiles.iter().zip(&TILES) {
        tile.read(bits, places, coefficients)?;
    }
    Ok(tiles.iter().any(|tile| !tile.is_empty()))
}

/// Passes over a block.
pub(crate) fn skip(bits: &mut BitReader<'_>) -> Result<(), Damaged> {
    let tiles = head(bits)?;
    bits.skip(tiles.iter().map(|tile| tile.bits()).sum());
    Ok(())
}
