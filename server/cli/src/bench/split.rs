//! The shares of entropy decoding with the inverse transform, and of upsampling with the colour conversion, in decoding
//! a JPEG. No call of the library does one without the other, but one stops after the first: whole frames are decoded
//! both ways, and the share is taken for crops too.

use std::time::{Duration, Instant};

use bandwise_dataset::Dataset;
use bandwise_decode::DecodeLimits;
use turbojpeg::{Decompressor, Image, PixelFormat, YuvImage, yuv_pixels_len};

/// Files that are looked at.
const FILES: u64 = 64;

/// The share of entropy decoding and inverse transform in the decoding of whole frames, 0..=1; `None` where the
/// dataset has no JPEGs that the library decodes both ways.
pub(super) fn transform_share(dataset: &Dataset) -> Option<f64> {
    let mut decompressor = Decompressor::new().ok()?;
    let mut encoded = Vec::new();
    let mut sums = [Duration::ZERO; 2];
    for i in 0..FILES.min(dataset.len()) {
        let sample = i * dataset.len() / FILES.min(dataset.len());
        if dataset.read(sample, DecodeLimits::default().max_encoded_bytes, &mut encoded).is_err() {
            continue;
        }
        if let Some(times) = both_ways(&mut decompressor, &encoded) {
            sums[0] += times[0];
            sums[1] += times[1];
        }
    }
    let [planes, pixels] = sums;
    (pixels > Duration::ZERO).then(|| (planes.as_secs_f64() / pixels.as_secs_f64()).min(1.0))
}

/// Time to planes and time to pixels, the better of two turns each.
fn both_ways(decompressor: &mut Decompressor, encoded: &[u8]) -> Option<[Duration; 2]> {
    let header = decompressor.read_header(encoded).ok()?;
    let (width, height, subsamp) = (header.width, header.height, header.subsamp);
    if (width as u64).checked_mul(height as u64)? > DecodeLimits::default().max_pixels {
        return None;
    }
    let mut planes = vec![0; yuv_pixels_len(width, 4, height, subsamp).ok()?];
    let mut pixels = vec![0; 3 * width * height];
    let mut best = [Duration::MAX; 2];
    for _ in 0..2 {
        let begun = Instant::now();
        let output = YuvImage { pixels: &mut planes[..], width, align: 4, height, subsamp };
        decompressor.decompress_to_yuv(encoded, output).ok()?;
        let between = Instant::now();
        let output =
            Image { pixels: &mut pixels[..], width, pitch: 3 * width, height, format: PixelFormat::RGB };
        decompressor.decompress(encoded, output).ok()?;
        best = [best[0].min(between - begun), best[1].min(between.elapsed())];
    }
    Some(best)
}
