//! Every pixel is libjpeg-turbo's: crops of photographs, of generated images in all samplings, and of damaged files.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

use std::{fs, path::Path};

use bandwise_jpeg::{Colour, Crop, Decoder, Frame, Refusal, Sampling, SimdLevel};
use turbojpeg::{Compressor, Decompressor, Image, PixelFormat, Subsamp};

/// Numbers that are the same in each run (Knuth's generator of 64 bits).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn crop(&mut self, (width, height): (u32, u32)) -> Crop {
        let mut part = |whole: u32| {
            let len = 1 + self.below(whole as usize);
            (self.below(whole as usize - len + 1) as u32, len as u32)
        };
        let ((x, width), (y, height)) = (part(width), part(height));
        Crop { x, y, width, height }
    }
}

/// The whole image by libjpeg-turbo, whatever it warns of in the scan; `None` if it warns of the header or gives up.
fn by_turbo(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut decompressor = Decompressor::new().unwrap();
    let header = decompressor.read_header(bytes).inspect_err(|error| eprintln!("{error}")).ok()?;
    let (width, height) = (header.width, header.height);
    let mut pixels = vec![0; 3 * width * height];
    let image = Image { pixels: &mut pixels[..], width, pitch: 3 * width, height, format: PixelFormat::RGB };
    let _ = decompressor.decompress(bytes, image);
    Some((pixels, width))
}

fn cut(pixels: &[u8], width: usize, crop: Crop) -> Vec<u8> {
    let row = |y: u32| {
        let start = 3 * (y as usize * width + crop.x as usize);
        &pixels[start..start + 3 * crop.width as usize]
    };
    (crop.y..crop.y + crop.height).flat_map(row).copied().collect()
}

fn decode(decoder: &mut Decoder, bytes: &[u8], frame: &Frame, crop: Crop) -> Result<Vec<u8>, Refusal> {
    let mut out = vec![0; 3 * crop.width as usize * crop.height as usize];
    decoder.crop(bytes, frame, crop, &mut out).map(|()| out)
}

/// Compares the whole image, its corners and some crops.
fn assert_same(decoder: &mut Decoder, bytes: &[u8], random: &mut Random, crops: usize, name: &str) {
    let frame = Frame::read(bytes).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
    let (expected, row) = by_turbo(bytes).unwrap();
    let size @ (width, height) = frame.size();
    let corners = [(0, 0), (width - 1, 0), (0, height - 1), (width - 1, height - 1)];
    let corners = corners.map(|(x, y)| Crop { x, y, width: 1, height: 1 });
    let some: Vec<Crop> = (0..crops).map(|_| random.crop(size)).collect();
    for crop in [Crop { x: 0, y: 0, width, height }].into_iter().chain(corners).chain(some) {
        let made = decode(decoder, bytes, &frame, crop)
            .unwrap_or_else(|refusal| panic!("{name} {crop:?}: {refusal}"));
        assert!(made == cut(&expected, row, crop), "{name} {crop:?}");
    }
}

fn photos() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/photos");
    let classes =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let files = classes.flat_map(|class| fs::read_dir(class).unwrap().map(|entry| entry.unwrap().path()));
    let mut photos: Vec<_> =
        files.map(|path| (path.display().to_string(), fs::read(path).unwrap())).collect();
    photos.sort();
    photos
}

/// Smooth colours with noise, so that blocks of all kinds occur.
fn picture(width: usize, height: usize, random: &mut Random) -> Vec<u8> {
    let (noise, slope) = (1 + random.below(200), 1 + random.below(9));
    let value = |at: usize| (at % width * slope + at / width * 5) % 256;
    (0..width * height)
        .flat_map(|at| [0, 80, 160].map(|shift| (value(at) + shift + random.below(noise)) as u8))
        .collect()
}

fn encode(
    pixels: &[u8],
    width: usize,
    height: usize,
    sampling: Subsamp,
    quality: i32,
    optimize: bool,
) -> Vec<u8> {
    let mut compressor = Compressor::new().unwrap();
    compressor.set_subsamp(sampling).unwrap();
    compressor.set_quality(quality).unwrap();
    compressor.set_optimize(optimize).unwrap();
    let image = Image { pixels, width, pitch: 3 * width, height, format: PixelFormat::RGB };
    compressor.compress_to_vec(image).unwrap()
}

#[test]
fn photographs_are_decoded_alike() {
    let (mut decoder, mut random) = (Decoder::new(SimdLevel::detect()), Random(1));
    let photos = photos();
    assert!(photos.len() >= 12);
    let mut read = 0;
    for (name, bytes) in &photos {
        if !matches!(Frame::read(bytes), Err(Refusal::Process)) {
            assert_same(&mut decoder, bytes, &mut random, 10, name);
            read += 1;
        }
    }
    assert!(read >= 10, "only {read} were read");
}

#[test]
fn all_samplings_qualities_and_small_sizes_are_decoded_alike() {
    let (mut decoder, mut random) = (Decoder::new(SimdLevel::detect()), Random(2));
    let samplings = [
        (Subsamp::None, Sampling::Full),
        (Subsamp::Sub2x1, Sampling::Half),
        (Subsamp::Sub1x2, Sampling::HalfDown),
        (Subsamp::Sub2x2, Sampling::Quarter),
        (Subsamp::Gray, Sampling::Grey),
    ];
    for round in 0..400 {
        let (subsamp, sampling) = samplings[round % samplings.len()];
        let (width, height) = (5 + random.below(66), 1 + random.below(70));
        let pixels = picture(width, height, &mut random);
        let quality = [1, 3, 10, 30, 60, 75, 90, 97, 100][random.below(9)];
        let bytes = encode(&pixels, width, height, subsamp, quality, round % 2 == 0);
        assert_eq!(Frame::read(&bytes).unwrap().sampling(), sampling);
        let name = format!("{width} x {height}, quality {quality}, {sampling:?}");
        assert_same(&mut decoder, &bytes, &mut random, 6, &name);
    }
}

#[test]
fn narrow_images_whose_chroma_is_not_filtered_are_refused() {
    let mut random = Random(3);
    for (width, is_read) in [(1, false), (4, false), (5, true)] {
        let pixels = picture(width, 20, &mut random);
        let bytes = encode(&pixels, width, 20, Subsamp::Sub2x2, 80, false);
        let crop = Crop { x: 0, y: 0, width: 1, height: 1 };
        let made =
            decode(&mut Decoder::new(SimdLevel::detect()), &bytes, &Frame::read(&bytes).unwrap(), crop);
        assert_eq!(made.is_ok(), is_read, "{width} pixels");
    }
}

#[test]
fn restarts_and_rgb_are_decoded_alike() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let (mut decoder, mut random, mut count) = (Decoder::new(SimdLevel::detect()), Random(4), 0);
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.extension().is_some_and(|end| end == "jpg") {
            let bytes = fs::read(&path).unwrap();
            assert_same(&mut decoder, &bytes, &mut random, 20, &path.display().to_string());
            if path.ends_with("rgb.jpg") {
                assert_eq!(Frame::read(&bytes).unwrap().colour(), Colour::Rgb);
            }
            count += 1;
        }
    }
    assert_eq!(count, 11);
}

#[test]
fn damaged_files_are_refused_or_decoded_alike() {
    let (mut decoder, mut random) = (Decoder::new(SimdLevel::detect()), Random(5));
    let (mut refused, mut decoded) = (0, 0);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut files: Vec<Vec<u8>> =
        ["rgb", "restart-1-subsampling-2", "restart-2-subsampling-1", "grey-restart"]
            .map(|name| fs::read(folder.join(name).with_extension("jpg")).unwrap())
            .into();
    for (number, subsamp) in
        [Subsamp::None, Subsamp::Sub2x1, Subsamp::Sub1x2, Subsamp::Sub2x2].into_iter().enumerate()
    {
        let pixels = picture(70 + number, 50, &mut random);
        files.push(encode(&pixels, 70 + number, 50, subsamp, 40, number % 2 == 0));
    }
    for round in 0..6000 {
        let mut bytes = files[round % files.len()].clone();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len());
            match random.below(4) {
                0 => bytes[at] ^= 1 << random.below(8),
                1 => bytes[at] = random.below(256) as u8,
                2 => bytes.truncate(at.max(2)),
                _ => {
                    bytes.remove(at);
                }
            }
        }
        let Ok(frame) = Frame::read(&bytes) else {
            refused += 1;
            continue;
        };
        let (width, height) = frame.size();
        if width * height > 1 << 20 {
            continue;
        }
        let Ok(made) = decode(&mut decoder, &bytes, &frame, Crop { x: 0, y: 0, width, height }) else {
            refused += 1;
            continue;
        };
        let (expected, _) =
            by_turbo(&bytes).unwrap_or_else(|| panic!("round {round}: its header is damaged"));
        assert!(made == expected, "round {round}");
        decoded += 1;
    }
    assert!(refused > 1000 && decoded > 300, "{refused} refused, {decoded} decoded");
}
