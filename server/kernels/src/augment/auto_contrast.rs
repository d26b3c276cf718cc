//! `AutoContrast`: stretches each channel so that its smallest value becomes 0 and its largest 255.
//!
//! With the extremes `lo < hi`, `scale = 255 / (hi - lo)` and `offset = -lo * scale`, the new value is
//! `v * scale + offset` in float64, truncated. A channel of one value stays as it is. No share of the pixels
//! is cut off at the ends. Source: Pillow, `ImageOps.autocontrast`.

use super::lookup::{self, IDENTITY, Table};
use super::per_level::per_level;
use crate::SimdLevel;

/// Pixels whose extremes are kept apart, so that a step is as long as the widest registers times three.
const STEP: usize = 192;

/// The smallest and the largest value of each channel.
type Extremes = [(u8, u8); 3];

/// Stretches every channel.
pub(super) fn apply(level: SimdLevel, pixels: &mut [u8]) {
    let extremes = extremes(level, pixels);
    if extremes.iter().any(|&(low, high)| low < high && (low, high) != (0, 255)) {
        lookup::apply(level, pixels, &extremes.map(|(low, high)| table(low, high)));
    }
}

fn table(low: u8, high: u8) -> Table {
    if high <= low {
        return IDENTITY;
    }
    let scale = 255.0 / f64::from(high - low);
    let offset = -f64::from(low) * scale;
    std::array::from_fn(|value| (value as f64 * scale + offset) as u8)
}

per_level! {
    /// The extremes of each channel, of at least one pixel.
    fn extremes(pixels: &[u8]) -> Extremes {
        let (mut low, mut high) = ([255_u8; STEP], [0_u8; STEP]);
        let (steps, rest) = pixels.as_chunks::<STEP>();
        for step in steps {
            for i in 0..STEP {
                low[i] = low[i].min(step[i]);
                high[i] = high[i].max(step[i]);
            }
        }
        for (i, &value) in rest.iter().enumerate() {
            low[i] = low[i].min(value);
            high[i] = high[i].max(value);
        }
        // Steps begin at a red value: the channel is what the position leaves when divided by three.
        let mut extremes = [(255, 0); 3];
        for i in 0..STEP {
            let (lowest, highest) = &mut extremes[i % 3];
            *lowest = low[i].min(*lowest);
            *highest = high[i].max(*highest);
        }
        extremes
    }
}
