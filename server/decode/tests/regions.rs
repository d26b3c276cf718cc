//! The pixels of a region are those of a whole decode, bit for bit, however the file was encoded.

// Functions beside the tests may fail a test, as the tests themselves may.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use bandwise_decode::{DecodeLimits, Decoder};
use bandwise_kernels::{Rect, SimdLevel};
use turbojpeg::{Compressor, Image, PixelFormat, Subsamp};

/// A small generator of reproducible numbers (Knuth's MMIX constants); a failing case is found again by its
/// region, which every message names.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) % u64::from(bound)) as u32
    }

    /// A region of any size, half of the time a small one, and often at a border of the image.
    fn region(&mut self, width: u32, height: u32) -> Rect {
        let (x, width) = self.span(width);
        let (y, height) = self.span(height);
        Rect { x, y, width, height }
    }

    fn span(&mut self, whole: u32) -> (u32, u32) {
        let longest = if self.below(2) == 0 { whole.min(20) } else { whole };
        let len = 1 + self.below(longest);
        let start = match self.below(6) {
            0 => 0,
            1 => whole - len,
            _ => self.below(whole - len + 1),
        };
        (start, len)
    }
}

#[test]
fn regions_of_every_golden_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/files");
    let mut n_files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        n_files += compare_regions(&path.display().to_string(), &std::fs::read(&path).unwrap(), 40);
    }
    assert!(n_files > 100, "only {n_files} decodable files");
}

#[test]
fn regions_of_photographs_in_every_sampling() {
    let samplings = [
        Subsamp::None,
        Subsamp::Sub2x1,
        Subsamp::Sub2x2,
        Subsamp::Sub1x2,
        Subsamp::Sub4x1,
        Subsamp::Sub1x4,
        Subsamp::Gray,
    ];
    for (name, crop) in [("nature/cat.jpg", (311, 207)), ("place/palace.jpg", (256, 192))] {
        for sampling in samplings {
            for progressive in [false, true] {
                let jpeg = encode(name, crop, sampling, progressive);
                let case = format!("{name} {sampling:?} progressive {progressive}");
                assert_eq!(compare_regions(&case, &jpeg, 60), 1, "{case}");
            }
        }
    }
}

#[test]
fn a_row_of_every_height_and_a_column_of_every_width() {
    for sampling in [Subsamp::Sub2x2, Subsamp::Sub1x2, Subsamp::Sub4x1] {
        let jpeg = encode("thing/cup.jpg", (100, 90), sampling, false);
        let mut decoder = Decoder::new(SimdLevel::detect()).unwrap();
        let mut reference = Decoder::new(SimdLevel::SCALAR).unwrap().by_libjpeg_turbo_alone();
        let whole = decode(&mut reference, &jpeg, None).unwrap();
        for x in 0..100 {
            check(&mut decoder, "columns", &jpeg, &whole, Rect { x, y: 40, width: 1, height: 50 });
        }
        for y in 0..90 {
            check(&mut decoder, "rows", &jpeg, &whole, Rect { x: 30, y, width: 70, height: 1 });
        }
    }
}

/// Compares some regions of a file with its whole; 0 if it is not decodable, else 1.
fn compare_regions(name: &str, bytes: &[u8], n_regions: u32) -> u32 {
    let mut reference = Decoder::new(SimdLevel::SCALAR).unwrap().by_libjpeg_turbo_alone();
    let Some(whole) = decode(&mut reference, bytes, None) else { return 0 };
    let mut decoder = Decoder::new(SimdLevel::detect()).unwrap();
    check(&mut decoder, name, bytes, &whole, Rect::whole(whole.width, whole.height));
    let mut numbers = Numbers(bytes.len() as u64);
    for _ in 0..n_regions {
        let region = numbers.region(whole.width, whole.height);
        check(&mut decoder, name, bytes, &whole, region);
    }
    1
}

struct Pixels {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
}

fn check(decoder: &mut Decoder, name: &str, bytes: &[u8], whole: &Pixels, region: Rect) {
    let part = decode(decoder, bytes, Some(region)).unwrap();
    for y in 0..region.height {
        let at = |width: u32, x: u32, y: u32| 3 * (y as usize * width as usize + x as usize);
        let row = at(region.width, 0, y)..at(region.width, region.width, y);
        let from = at(whole.width, region.x, region.y + y);
        let expected = &whole.rgb[from..from + row.len()];
        assert!(part.rgb[row] == *expected, "{name}: row {y} of {region:?} differs from the whole");
    }
}

fn decode(decoder: &mut Decoder, bytes: &[u8], region: Option<Rect>) -> Option<Pixels> {
    let header = decoder.header(bytes, &DecodeLimits::default()).ok()?;
    let region = region.unwrap_or(Rect::whole(header.width, header.height));
    let view = decoder.decode(bytes, &header, region).ok()?;
    assert_eq!((view.width(), view.height()), (region.width as usize, region.height as usize));
    let last = view.tail(view.height() - 1);
    assert!(last.len() >= 3 * view.width() + 64, "{} bytes from the last row on", last.len());
    let rgb = (0..view.height()).flat_map(|y| view.row(y)).copied().collect();
    Some(Pixels { width: region.width, height: region.height, rgb })
}

/// The upper left part of a demo photograph, encoded anew.
fn encode(name: &str, (width, height): (usize, usize), sampling: Subsamp, progressive: bool) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/photos").join(name);
    let photo =
        decode(&mut Decoder::new(SimdLevel::detect()).unwrap(), &std::fs::read(path).unwrap(), None).unwrap();
    let mut compressor = Compressor::new().unwrap();
    compressor.set_quality(85).unwrap();
    compressor.set_subsamp(sampling).unwrap();
    compressor.set_progressive(progressive).unwrap();
    let pitch = 3 * photo.width as usize;
    let image = Image { pixels: &photo.rgb[..], width, pitch, height, format: PixelFormat::RGB };
    compressor.compress_to_vec(image).unwrap()
}
