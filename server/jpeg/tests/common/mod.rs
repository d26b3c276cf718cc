//! Inputs of the tests: photographs, small files of rare kinds, and generated images.

#![allow(dead_code, reason = "no test uses all of them")]

use std::{fs, path::Path};

use bandwise_jpeg::{Crop, Decoder, Frame, Refusal};
use turbojpeg::{Compressor, Image, PixelFormat, Subsamp, Transform};

/// Numbers that are the same in each run (Knuth's generator of 64 bits).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    pub(crate) fn crop(&mut self, (width, height): (u32, u32)) -> Crop {
        let mut part = |whole: u32| {
            let len = 1 + self.below(whole as usize);
            (self.below(whole as usize - len + 1) as u32, len as u32)
        };
        let ((x, width), (y, height)) = (part(width), part(height));
        Crop { x, y, width, height }
    }
}

/// A crop without seek points.
pub(crate) fn decode(
    decoder: &mut Decoder,
    bytes: &[u8],
    frame: &Frame,
    crop: Crop,
) -> Result<Vec<u8>, Refusal> {
    let mut out = vec![0; 3 * crop.width as usize * crop.height as usize];
    decoder.crop(bytes, frame, crop, &mut out).map(|()| out)
}

/// The files of `tests/golden` by name, in that order.
pub(crate) fn golden() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "jpg"))
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

pub(crate) fn photos() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/photos");
    let classes =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let files = classes.flat_map(|class| fs::read_dir(class).unwrap().map(|entry| entry.unwrap().path()));
    let mut photos: Vec<_> =
        files.map(|path| (path.display().to_string(), fs::read(path).unwrap())).collect();
    photos.sort();
    photos
}

/// Whether this crate decodes a file, and makes seek points of it.
pub(crate) fn is_read(bytes: &[u8]) -> bool {
    Frame::read(bytes).is_ok()
}

pub(crate) fn is_progressive(bytes: &[u8]) -> bool {
    Frame::read(bytes).is_ok_and(|frame| frame.is_progressive())
}

/// Smooth colours with noise, so that blocks of all kinds occur.
pub(crate) fn picture(width: usize, height: usize, random: &mut Random) -> Vec<u8> {
    let (noise, slope) = (1 + random.below(200), 1 + random.below(9));
    let value = |at: usize| (at % width * slope + at / width * 5) % 256;
    (0..width * height)
        .flat_map(|at| [0, 80, 160].map(|shift| (value(at) + shift + random.below(noise)) as u8))
        .collect()
}

pub(crate) fn encode(
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

/// The same coefficients in the scans of libjpeg's progression.
pub(crate) fn progressive(bytes: &[u8]) -> Vec<u8> {
    let mut transform = Transform::default();
    transform.progressive = true;
    turbojpeg::transform(&transform, bytes).unwrap().to_vec()
}
