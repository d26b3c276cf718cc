//! Every pixel is libjpeg-turbo's: crops of photographs, of generated images in all samplings, and of damaged files.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod common;

use bandwise_jpeg::{Colour, Crop, Decoder, Frame, Refusal, Sampling, SimdLevel};
use common::{Random, decode, encode, golden, photos, picture, progressive};
use turbojpeg::{Decompressor, Image, PixelFormat, Subsamp};

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

/// A decoder of each level.
fn decoders() -> Vec<Decoder> {
    SimdLevel::available().into_iter().map(Decoder::new).collect()
}

/// The pixels or the refusal, which are the same for all levels.
fn decode_by_all(
    decoders: &mut [Decoder],
    bytes: &[u8],
    frame: &Frame,
    crop: Crop,
) -> Result<Vec<u8>, Refusal> {
    let [first, others @ ..] = decoders else { panic!("no level") };
    let made = decode(first, bytes, frame, crop);
    for decoder in others {
        assert!(decode(decoder, bytes, frame, crop) == made, "the levels differ: {crop:?}");
    }
    made
}

/// Compares the whole image, its corners and some crops.
fn assert_same(decoders: &mut [Decoder], bytes: &[u8], random: &mut Random, crops: usize, name: &str) {
    let frame = Frame::read(bytes).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
    let (expected, row) = by_turbo(bytes).unwrap();
    let size @ (width, height) = frame.size();
    let corners = [(0, 0), (width - 1, 0), (0, height - 1), (width - 1, height - 1)];
    let corners = corners.map(|(x, y)| Crop { x, y, width: 1, height: 1 });
    let some: Vec<Crop> = (0..crops).map(|_| random.crop(size)).collect();
    for crop in [Crop { x: 0, y: 0, width, height }].into_iter().chain(corners).chain(some) {
        let made = decode_by_all(decoders, bytes, &frame, crop)
            .unwrap_or_else(|refusal| panic!("{name} {crop:?}: {refusal}"));
        assert!(made == cut(&expected, row, crop), "{name} {crop:?}");
    }
}

#[test]
fn photographs_are_decoded_alike() {
    let (mut decoders, mut random) = (decoders(), Random(1));
    let photos = photos();
    assert!(photos.len() >= 12);
    let mut read = 0;
    for (name, bytes) in &photos {
        if !matches!(Frame::read(bytes), Err(Refusal::Process)) {
            assert_same(&mut decoders, bytes, &mut random, 10, name);
            read += 1;
        }
    }
    assert!(read >= 10, "only {read} were read");
}

#[test]
fn all_samplings_qualities_and_small_sizes_are_decoded_alike() {
    let (mut decoders, mut random) = (decoders(), Random(2));
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
        assert_same(&mut decoders, &bytes, &mut random, 6, &name);
        let bytes = progressive(&bytes);
        assert!(Frame::read(&bytes).unwrap().is_progressive());
        assert_same(&mut decoders, &bytes, &mut random, 6, &format!("progressive, {name}"));
    }
}

#[test]
fn narrow_images_whose_chroma_is_not_filtered_are_refused() {
    let mut random = Random(3);
    for (width, is_read) in [(1, false), (4, false), (5, true)] {
        let pixels = picture(width, 20, &mut random);
        let bytes = encode(&pixels, width, 20, Subsamp::Sub2x2, 80, false);
        let crop = Crop { x: 0, y: 0, width: 1, height: 1 };
        let made = decode_by_all(&mut decoders(), &bytes, &Frame::read(&bytes).unwrap(), crop);
        assert_eq!(made.is_ok(), is_read, "{width} pixels");
    }
}

#[test]
fn restarts_and_rgb_are_decoded_alike() {
    let (mut decoders, mut random) = (decoders(), Random(4));
    let files = golden();
    for (name, bytes) in &files {
        assert_same(&mut decoders, bytes, &mut random, 20, name);
        if name == "rgb" {
            assert_eq!(Frame::read(bytes).unwrap().colour(), Colour::Rgb);
        }
    }
    assert_eq!(files.len(), 18);
}

#[test]
fn damaged_files_are_refused_or_decoded_alike() {
    let (mut decoders, mut random) = (decoders(), Random(5));
    let (mut refused, mut decoded) = (0, 0);
    let chosen = [
        "grey-progressive",
        "grey-restart",
        "progressive-restart-1-subsampling-2",
        "restart-1-subsampling-2",
        "restart-2-subsampling-1",
        "rgb",
    ];
    let mut files: Vec<Vec<u8>> = golden()
        .into_iter()
        .filter_map(|(name, bytes)| chosen.contains(&name.as_str()).then_some(bytes))
        .collect();
    for (number, subsamp) in
        [Subsamp::None, Subsamp::Sub2x1, Subsamp::Sub1x2, Subsamp::Sub2x2].into_iter().enumerate()
    {
        let pixels = picture(70 + number, 50, &mut random);
        let file = encode(&pixels, 70 + number, 50, subsamp, 40, number % 2 == 0);
        files.extend([progressive(&file), file]);
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
        let Ok(made) = decode_by_all(&mut decoders, &bytes, &frame, Crop { x: 0, y: 0, width, height })
        else {
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
