//! The parts of our own decoder's work on the crops of a measurement.
//!
//! Some of the crops are decoded once more with a clock between the parts, which is read a hundred times an image: its own
//! time is subtracted. What counts of it are the shares, so that the parts add up to the time of decoding without it.

use std::time::{Duration, Instant};

use bandwise_decode::SeekMemory;
use bandwise_jpeg::{Crop, Decoder, Frame, Part, Scale, SeekTable, SimdLevel, Watch, Work};
use bandwise_kernels::Rect;

/// The parts in the order in which they happen.
pub(crate) const WORKS: [Work; 4] = [Work::Skip, Work::Entropy, Work::Transform, Work::Pixels];

/// Decodes crops, and adds up what the parts took.
pub(super) struct Decoding {
    decoder: Decoder,
    points: Vec<u8>,
    pixels: Vec<u8>,
    /// Time of a look at the clock.
    look: Duration,
    /// As [`WORKS`].
    parts: [Duration; WORKS.len()],
}

impl Decoding {
    /// `level` is the name of a SIMD level.
    pub(super) fn new(level: &str) -> Self {
        let decoder = Decoder::new(SimdLevel::named(level).unwrap_or(SimdLevel::SCALAR));
        Self { decoder, points: Vec::new(), pixels: Vec::new(), look: look(), parts: Default::default() }
    }

    /// Decodes a crop of a file, with its seek points if there are any. Files of other decoders add nothing.
    pub(super) fn add(&mut self, bytes: &[u8], seek: Option<&dyn SeekMemory>, region: Rect, is_half: bool) {
        let Ok(frame) = Frame::read(bytes) else { return };
        let Rect { x, y, width, height } = region;
        let scale = if is_half { Scale::Half } else { Scale::Full };
        let part = Part { crop: Crop { x, y, width, height }, scale };
        let Crop { width, height, .. } = part.pixels();
        self.pixels.resize(3 * width as usize * height as usize, 0);
        let has_points = seek.is_some_and(|seek| seek.find(seek.hash(bytes), &mut self.points));
        let table = has_points.then(|| SeekTable::read(&frame, &self.points)).flatten();
        let mut clock = Clock { last: Instant::now(), look: self.look, parts: Default::default() };
        let made =
            self.decoder.crop_watched(bytes, &frame, table.as_ref(), part, &mut self.pixels, &mut clock);
        if made.is_ok() {
            self.parts.iter_mut().zip(clock.parts).for_each(|(sum, part)| *sum += part);
        }
    }

    /// The share of each part, or zeros.
    pub(super) fn shares(&self) -> [f64; WORKS.len()] {
        let all: Duration = self.parts.iter().sum();
        self.parts.map(|part| if all.is_zero() { 0.0 } else { part.as_secs_f64() / all.as_secs_f64() })
    }
}

/// A clock that is read at the end of each part.
struct Clock {
    last: Instant,
    look: Duration,
    parts: [Duration; WORKS.len()],
}

impl Watch for Clock {
    fn done(&mut self, work: Work) {
        let now = Instant::now();
        if let Some(at) = WORKS.iter().position(|part| *part == work) {
            self.parts[at] += now.duration_since(self.last).saturating_sub(self.look);
        }
        self.last = now;
    }
}

/// Time of a look at the clock: the mean of many.
fn look() -> Duration {
    const LOOKS: u32 = 10_000;
    let begun = Instant::now();
    for _ in 0..LOOKS {
        std::hint::black_box(Instant::now());
    }
    begun.elapsed() / LOOKS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_crop_takes_time() {
        let mut decoding = Decoding::new("scalar");
        assert_eq!(decoding.shares(), [0.0; 4]);
        decoding.add(b"no JPEG", None, Rect::whole(8, 8), false);
        assert_eq!(decoding.shares(), [0.0; 4]);
        let bytes = include_bytes!("../../../assets/photos/nature/flower.jpg");
        let (width, height) = Frame::read(bytes).unwrap().size();
        let region = Rect { x: width / 2, y: height / 2, width: width / 4, height: height / 4 };
        for is_half in [false, true] {
            decoding.add(bytes, None, region, is_half);
            let shares = decoding.shares();
            assert!(shares.iter().all(|&share| share > 0.0), "{shares:?}");
            assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        }
    }
}
