//! Seek points: the same pixels with them and without, for the files that have them, and never those of other bytes.

// Functions beside the tests may fail a test, as the tests themselves may.
#![allow(clippy::unwrap_used)]

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
};

use bandwise_decode::{DecodeError, DecodeLimits, Decoder, EncodedImage, JpegPath, SeekMemory};
use bandwise_kernels::{Rect, SimdLevel};

/// Keeps all seek points; finds those of every file for every other where it does not look at the bytes.
#[derive(Default)]
struct Memory {
    kept: Mutex<HashMap<u64, Vec<u8>>>,
    is_blind: bool,
}

impl SeekMemory for Memory {
    fn hash(&self, bytes: &[u8]) -> u64 {
        // FNV-1a.
        let hash = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        if self.is_blind { 0 } else { bytes.iter().fold(0xcbf2_9ce4_8422_2325, hash) }
    }

    fn find(&self, hash: u64, out: &mut Vec<u8>) -> bool {
        self.kept.lock().unwrap().get(&hash).is_some_and(|points| {
            out.clone_from(points);
            true
        })
    }

    fn keep(&self, hash: u64, points: &[u8]) {
        self.kept.lock().unwrap().insert(hash, points.to_vec());
    }

    fn spacing(&self) -> u16 {
        4
    }
}

fn files() -> Vec<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["tests/golden/files", "../assets/photos/nature", "../jpeg/tests/golden"];
    let files = |folder| fs::read_dir(here.join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = folders.into_iter().flat_map(files).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "jpg"));
    files.sort();
    files
}

/// The pixels of a region, and the way to them.
fn decode(
    decoder: &mut Decoder,
    image: EncodedImage<'_>,
    region: Option<Rect>,
) -> Result<(Vec<u8>, JpegPath), DecodeError> {
    let header = decoder.header(image.bytes, &DecodeLimits::default())?;
    let region = region.unwrap_or(Rect::whole(header.width, header.height));
    let view = decoder.decode(image, &header, region)?;
    let pixels = (0..view.height()).flat_map(|y| view.row(y)).copied().collect();
    Ok((pixels, decoder.take_jpeg_path().unwrap()))
}

#[test]
fn pixels_are_the_same_with_seek_points() {
    let memory = Memory::default();
    let mut reference = Decoder::new(SimdLevel::SCALAR).unwrap().by_libjpeg_turbo_alone();
    let mut decoder = Decoder::new(SimdLevel::detect()).unwrap();
    let (mut sought, mut left) = (0, 0);
    for path in files() {
        let bytes = fs::read(&path).unwrap();
        let Ok(header) = reference.header(&bytes, &DecodeLimits::default()) else { continue };
        let (width, height) = (header.width, header.height);
        let part = Rect {
            x: width / 3,
            y: height / 3,
            width: width.div_ceil(3).min(width - width / 3),
            height: height.div_ceil(2).min(height - height / 3),
        };
        for region in [part, Rect::whole(width, height), Rect { x: 0, y: height - 1, width, height: 1 }] {
            let image = EncodedImage { bytes: &bytes, seek: Some(&memory) };
            let expected = decode(&mut reference, image, Some(region));
            let made = decode(&mut decoder, image, Some(region));
            match (expected, made) {
                (Ok((expected, JpegPath::SwitchedOff)), Ok((pixels, way))) => {
                    assert!(pixels == expected, "{} {region:?}", path.display());
                    sought += usize::from(way == JpegPath::OwnFromPoints);
                    left += usize::from(way.decoder() == "libjpeg-turbo");
                }
                (Err(expected), Err(error)) => assert_eq!(error, expected),
                other => panic!("{}: {other:?}", path.display()),
            }
        }
    }
    let kept = memory.kept.lock().unwrap().len();
    assert!(kept > 25 && sought == 2 * kept && left > 20, "{kept} kept, {sought} used, {left} left");
}

#[test]
fn points_of_other_bytes_stop_nothing() {
    let memory = Memory { is_blind: true, ..Memory::default() };
    let mut decoder = Decoder::new(SimdLevel::detect()).unwrap();
    for path in files() {
        let bytes = fs::read(&path).unwrap();
        let image = EncodedImage { bytes: &bytes, seek: Some(&memory) };
        // Any pixels: the memory has broken its promise.
        let _ = decode(&mut decoder, image, None);
    }
    // Bytes that make no sense as points at all are passed over.
    *memory.kept.lock().unwrap() = [(0, vec![7; 100])].into();
    let bytes = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/files/420.jpg")).unwrap();
    let mut with = |seek| decode(&mut decoder, EncodedImage { bytes: &bytes, seek }, None).unwrap();
    assert_eq!(with(Some(&memory)), with(None));
}

/// A memory that panics as our decoder might.
struct Broken;

impl SeekMemory for Broken {
    fn hash(&self, _: &[u8]) -> u64 {
        panic!("a defect that this test makes");
    }

    fn find(&self, _: u64, _: &mut Vec<u8>) -> bool {
        false
    }

    fn keep(&self, _: u64, _: &[u8]) {}

    fn spacing(&self) -> u16 {
        8
    }
}

#[test]
fn an_image_on_which_our_decoder_panics_is_decoded_by_libjpeg_turbo() {
    let mut reference = Decoder::new(SimdLevel::SCALAR).unwrap().by_libjpeg_turbo_alone();
    let mut decoder = Decoder::new(SimdLevel::detect()).unwrap();
    let bytes = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/files/420.jpg")).unwrap();
    let (expected, _) = decode(&mut reference, EncodedImage::from(&bytes), None).unwrap();
    let mut with = |seek| decode(&mut decoder, EncodedImage { bytes: &bytes, seek }, None).unwrap();
    assert_eq!(with(Some(&Broken)), (expected.clone(), JpegPath::Panicked));
    assert_eq!(with(None), (expected, JpegPath::Own));
}
