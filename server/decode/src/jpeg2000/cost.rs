//! Memory that the headers would make the library allocate beside the samples: a few hundred bytes can ask for gigabytes of
//! precincts and code blocks of a pixel each.
//!
//! All bounds are rounded up: borders of tiles, resolutions and bands fall where they want.

/// The coding of a component, as one marker (COD or COC) says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Style {
    /// 1 to 33.
    pub(super) resolutions: usize,
    /// Exponents of a code block's width and height.
    pub(super) block: (u32, u32),
    /// Exponents of a precinct's width and height, by resolution.
    pub(super) precincts: [(u32, u32); 33],
}

/// State of a tile with four components, and of its parts.
const TILE_BYTES: u64 = 20_000;
/// A precinct of a band, with its two trees.
const PRECINCT_BYTES: u64 = 320;
/// A code block with its first segments, and its share of the trees.
const BLOCK_BYTES: u64 = 640;

/// Bytes for all tiles of a picture.
pub(super) fn tiles(count: u64) -> u64 {
    count.saturating_mul(TILE_BYTES)
}

impl Style {
    /// Bytes for the precincts and code blocks of a component of `size` samples in one tile.
    pub(super) fn blocks(&self, size: (u64, u64)) -> u64 {
        (0..self.resolutions).fold(0, |sum: u64, resolution| {
            let exponents = self.precincts[resolution];
            let (width, height) = self.side_lengths(resolution, size);
            let precincts = product(count(width, exponents.0), count(height, exponents.1));
            // Behind the lowest resolution come bands of half the size, three of them.
            let (bands, half) = if resolution == 0 { (1, 0) } else { (3, 1) };
            let block = |exponent: u32, precinct: u32| exponent.min(precinct.saturating_sub(half));
            let blocks = product(
                count(width >> half, block(self.block.0, exponents.0)),
                count(height >> half, block(self.block.1, exponents.1)),
            );
            let bytes =
                precincts.saturating_mul(PRECINCT_BYTES).saturating_add(blocks.saturating_mul(BLOCK_BYTES));
            sum.saturating_add(bytes.saturating_mul(bands))
        })
    }

    /// The most precincts that a resolution of a component of `size` samples has.
    pub(super) fn most_precincts(&self, size: (u64, u64)) -> u64 {
        let precincts = |resolution: usize| {
            let (width, height) = self.side_lengths(resolution, size);
            let (x, y) = self.precincts[resolution];
            product(count(width, x), count(height, y))
        };
        (0..self.resolutions).map(precincts).max().unwrap_or(0)
    }

    fn side_lengths(&self, resolution: usize, size: (u64, u64)) -> (u64, u64) {
        let shift = self.resolutions - 1 - resolution;
        ((size.0 >> shift) + 1, (size.1 >> shift) + 1)
    }
}

/// Pieces of 2^`exponent` that cover so many samples, wherever they begin.
fn count(samples: u64, exponent: u32) -> u64 {
    (samples >> exponent) + 2
}

fn product(a: u64, b: u64) -> u64 {
    a.saturating_mul(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(resolutions: usize, block: u32, precinct: u32) -> Style {
        Style { resolutions, block: (block, block), precincts: [(precinct, precinct); 33] }
    }

    #[test]
    fn usual_files_cost_little() {
        // 64 x 64 blocks, precincts as large as can be, six resolutions: less than half a byte a sample.
        assert!(style(6, 6, 15).blocks((10_000, 10_000)) < 50_000_000);
        assert_eq!(style(6, 6, 15).most_precincts((10_000, 10_000)), 4);
    }

    #[test]
    fn precincts_of_a_pixel_cost_gigabytes() {
        assert!(style(1, 6, 0).blocks((10_000, 10_000)) > 50_000_000_000);
        assert!(style(6, 2, 1).blocks((10_000, 10_000)) > 50_000_000_000);
        assert!(style(33, 2, 0).blocks((1 << 32, 1 << 32)) == u64::MAX);
    }
}
