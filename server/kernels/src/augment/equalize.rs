//! Equalize: maps each channel so that its values are spread as evenly as a table can do it.
//!
//! With the histogram `h`, `step` is the number of pixels without those of the highest value present, divided
//! by 255 (whole numbers); the new value of `v` is `(step / 2 + h[0] + ... + h[v - 1]) / step`, at most 255.
//! A channel with `step = 0`, or with one value only, stays as it is. Source: Pillow, `ImageOps.equalize`.

use super::lookup::{self, IDENTITY, Table};
use crate::SimdLevel;

/// The number of occurrences of each value.
type Histogram = [usize; 256];

/// Equalizes every channel.
pub(super) fn apply(level: SimdLevel, pixels: &mut [u8]) {
    let tables = histograms(pixels).each_ref().map(table);
    lookup::apply(level, pixels, &tables);
}

fn table(histogram: &Histogram) -> Table {
    let total: usize = histogram.iter().sum();
    let highest = histogram.iter().rev().find(|&&count| count > 0).unwrap_or(&0);
    // A channel of one value leaves nothing over, and so has no step either.
    let step = (total - highest) / 255;
    if step == 0 {
        return IDENTITY;
    }
    let mut reached = step / 2;
    std::array::from_fn(|value| {
        let mapped = (reached / step).min(255) as u8;
        reached += histogram[value];
        mapped
    })
}

/// Counts each channel's values. Neighbouring pixels count into two sets, which are added up at the end: a
/// counter that was just written would have to be waited for.
fn histograms(pixels: &[u8]) -> [Histogram; 3] {
    let mut even = [[0; 256]; 3];
    let mut odd = [[0; 256]; 3];
    let (pairs, rest) = pixels.as_chunks::<6>();
    for pair in pairs {
        for channel in 0..3 {
            even[channel][usize::from(pair[channel])] += 1;
            odd[channel][usize::from(pair[3 + channel])] += 1;
        }
    }
    for (channel, &value) in rest.iter().enumerate() {
        even[channel][usize::from(value)] += 1;
    }
    for (sum, more) in even.as_flattened_mut().iter_mut().zip(odd.as_flattened()) {
        *sum += more;
    }
    even
}
