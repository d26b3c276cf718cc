//! The comparison: every way to the pixels of a file beside libjpeg-turbo alone.

use std::{
    fmt::{self, Display, Formatter},
    ops::AddAssign,
    sync::Mutex,
};

use bandwise_decode::{DecodeError, DecodeLimits, Decoder, EncodedImage, Header, JpegPath, SeekMemory};
use bandwise_kernels::{Rect, SimdLevel};

use crate::random::Random;

/// Images of more pixels are passed over: damage makes sizes that take seconds.
const MAX_PIXELS: u64 = 1 << 22;

/// Results of comparisons.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) files: u64,
    /// Files that both refuse before they decode anything, and by the decoding itself.
    pub(crate) no_header: u64,
    pub(crate) no_pixels: u64,
    /// Files that were not compared for their size.
    pub(crate) giant: u64,
    /// Decodings by each way, as [`JpegPath::ALL`].
    paths: [u64; JpegPath::ALL.len()],
}

impl Counts {
    /// Decodings by a way.
    pub(crate) fn by(&self, path: JpegPath) -> u64 {
        self.paths[path as usize]
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.files += other.files;
        self.no_header += other.no_header;
        self.no_pixels += other.no_pixels;
        self.giant += other.giant;
        self.paths.iter_mut().zip(other.paths).for_each(|(path, more)| *path += more);
    }
}

impl Display for Counts {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { files, no_header, no_pixels, giant, .. } = self;
        write!(
            f,
            "{files} files: {no_header} refused by their headers, {no_pixels} later, {giant} too large;"
        )?;
        for path in JpegPath::ALL.into_iter().filter(|path| self.by(*path) > 0) {
            let word = if path.reason().is_empty() { path.decoder() } else { path.reason() };
            write!(f, " {word} {}", self.by(path))?;
        }
        Ok(())
    }
}

/// The seek points of one file.
pub(crate) struct Memory {
    points: Mutex<Option<Vec<u8>>>,
    spacing: u16,
}

impl Memory {
    pub(crate) fn new(spacing: u16) -> Self {
        Self { points: Mutex::new(None), spacing }
    }
}

impl SeekMemory for Memory {
    fn hash(&self, _: &[u8]) -> u64 {
        0
    }

    fn find(&self, _: u64, out: &mut Vec<u8>) -> bool {
        let points = self.points.lock().expect("not poisoned");
        points.as_ref().inspect(|points| out.clone_from(points)).is_some()
    }

    fn keep(&self, _: u64, points: &[u8]) {
        *self.points.lock().expect("not poisoned") = Some(points.to_vec());
    }

    fn spacing(&self) -> u16 {
        self.spacing
    }
}

type Pixels = Result<Vec<u8>, DecodeError>;

/// A decoder of each level, and libjpeg-turbo.
pub(crate) struct Checker {
    reference: Decoder,
    decoders: Vec<(SimdLevel, Decoder)>,
    pub(crate) counts: Counts,
}

impl Checker {
    pub(crate) fn new(levels: &[SimdLevel]) -> Self {
        let decoder = |level: &SimdLevel| (*level, Decoder::new(*level).expect("memory"));
        Self {
            reference: decoder(&SimdLevel::SCALAR).1.by_libjpeg_turbo_alone(),
            decoders: levels.iter().map(decoder).collect(),
            counts: Counts::default(),
        }
    }

    /// Compares the whole image and `crops` parts of it: without seek points, while they are made, and with them. The text
    /// says what differs.
    pub(crate) fn file(&mut self, bytes: &[u8], crops: usize, random: &mut Random) -> Result<(), String> {
        self.counts.files += 1;
        let Ok(header) = self.reference.header(bytes, &DecodeLimits::default()) else {
            self.counts.no_header += 1;
            return Ok(());
        };
        if u64::from(header.width) * u64::from(header.height) > MAX_PIXELS {
            self.counts.giant += 1;
            return Ok(());
        }
        let size @ (width, height) = (header.width, header.height);
        let regions = (0..crops).map(|_| crop(size, random));
        let regions: Vec<Rect> = [Rect::whole(width, height)].into_iter().chain(regions).collect();
        let expected: Vec<Pixels> = regions
            .iter()
            .map(|region| decode(&mut self.reference, bytes.into(), &header, *region).map(|made| made.0))
            .collect();
        self.counts.no_pixels += u64::from(expected[0].is_err());
        let spacing = random.of(&[1, 2, 3, 8, 8, 8, 50, 4096]);
        for (level, decoder) in &mut self.decoders {
            let memory = Memory::new(spacing);
            // Which part makes the points differs, so that they are made with parts too.
            let first = random.below(regions.len());
            let making = [(first, true)];
            let later = (0..regions.len()).flat_map(|number| [(number, false), (number, true)]);
            for (number, has_memory) in making.into_iter().chain(later) {
                let region = regions[number];
                let seek = has_memory.then_some(&memory as &dyn SeekMemory);
                let made = decode(decoder, EncodedImage { bytes, seek }, &header, region);
                let path = made.as_ref().map_or(None, |made| Some(made.1));
                if let Some(path) = path {
                    self.counts.paths[path as usize] += 1;
                }
                if path == Some(JpegPath::Panicked) {
                    return Err(format!("{region:?}, {level}: a panic"));
                }
                let made = made.map(|made| made.0);
                if made != expected[number] {
                    let difference = difference(&made, &expected[number], region.width as usize);
                    return Err(format!("{region:?}, {level}, {path:?}, spacing {spacing}: {difference}"));
                }
            }
        }
        let number = random.below(regions.len());
        self.half(bytes, &header, regions[number], &expected[number], spacing)
    }

    /// Compares a part at half scale: the same at each level, without seek points, while they are made, and with them, and
    /// the pixels of libjpeg-turbo where it is decoded in full.
    fn half(
        &mut self,
        bytes: &[u8],
        header: &Header,
        region: Rect,
        full: &Pixels,
        spacing: u16,
    ) -> Result<(), String> {
        let mut first = None;
        for (level, decoder) in &mut self.decoders {
            let memory = Memory::new(spacing);
            for seek in [None, Some(&memory as &dyn SeekMemory), Some(&memory)] {
                let made = decode_half(decoder, EncodedImage { bytes, seek }, header, region);
                if decoder.take_jpeg_path() == Some(JpegPath::Panicked) {
                    return Err(format!("{region:?}, {level}, half scale: a panic"));
                }
                let is_as_full = match &made {
                    Ok((2, _)) => full.is_ok(),
                    Ok((_, pixels)) => full.as_ref() == Ok(pixels),
                    Err(error) => full.as_ref() == Err(error),
                };
                if !is_as_full || made != *first.get_or_insert_with(|| made.clone()) {
                    return Err(format!("{region:?}, {level}, half scale, spacing {spacing}: other pixels"));
                }
            }
        }
        Ok(())
    }

    /// Decodes parts of a file with the seek points of another: any pixels, but no panic.
    pub(crate) fn foreign_points(
        &mut self,
        bytes: &[u8],
        other: &[u8],
        random: &mut Random,
    ) -> Result<(), String> {
        let limits = DecodeLimits::default();
        let headers = [self.reference.header(bytes, &limits), self.reference.header(other, &limits)];
        let [Ok(header), Ok(of_other)] = headers else { return Ok(()) };
        let is_giant = |header: &Header| u64::from(header.width) * u64::from(header.height) > MAX_PIXELS;
        if is_giant(&header) || is_giant(&of_other) {
            return Ok(());
        }
        for (level, decoder) in &mut self.decoders {
            let memory = Memory::new(random.of(&[1, 2, 8]));
            let corner = Rect { x: 0, y: 0, width: 1, height: 1 };
            let part = crop((header.width, header.height), random);
            let seek = Some(&memory as &dyn SeekMemory);
            let _ = decode(decoder, EncodedImage { bytes: other, seek }, &of_other, corner);
            let made = decode(decoder, EncodedImage { bytes, seek }, &header, part);
            if made.is_ok_and(|made| made.1 == JpegPath::Panicked) {
                return Err(format!("{part:?}, {level}, seek points of another file: a panic"));
            }
        }
        Ok(())
    }
}

/// Says how pixels or verdicts differ.
fn difference(made: &Pixels, expected: &Pixels, width: usize) -> String {
    match (made, expected) {
        (Ok(made), Ok(expected)) => {
            let differing = || (0..made.len()).filter(|&at| made[at] != expected[at]);
            let at = differing().next().unwrap_or(0);
            let (x, y, count) = (at / 3 % width, at / 3 / width, differing().count());
            format!("{count} of {} values; first {} for {} at ({x}, {y})", made.len(), made[at], expected[at])
        }
        (made, expected) => {
            let verdict =
                |pixels: &Pixels| pixels.as_ref().map_or_else(ToString::to_string, |_| "pixels".to_owned());
            format!("{} for {}", verdict(made), verdict(expected))
        }
    }
}

/// The packed pixels of a part, and the way to them.
fn decode(
    decoder: &mut Decoder,
    image: EncodedImage<'_>,
    header: &Header,
    region: Rect,
) -> Result<(Vec<u8>, JpegPath), DecodeError> {
    let view = decoder.decode(image, header, region)?;
    let pixels = (0..view.height()).flat_map(|y| view.row(y)).copied().collect();
    // Other formats than JPEG have none.
    Ok((pixels, decoder.take_jpeg_path().unwrap_or(JpegPath::SwitchedOff)))
}

/// Pixels of the image for each one, along each axis, and the packed pixels of a part at half scale.
fn decode_half(
    decoder: &mut Decoder,
    image: EncodedImage<'_>,
    header: &Header,
    region: Rect,
) -> Result<(u32, Vec<u8>), DecodeError> {
    let made = decoder.decode_half(image, header, region)?;
    let view = made.pixels;
    Ok((made.shrink, (0..view.height()).flat_map(|y| view.row(y)).copied().collect()))
}

fn crop((width, height): (u32, u32), random: &mut Random) -> Rect {
    let mut part = |whole: u32| {
        let len = 1 + random.below(whole as usize) as u32;
        (random.below((whole - len + 1) as usize) as u32, len)
    };
    let ((x, width), (y, height)) = (part(width), part(height));
    Rect { x, y, width, height }
}
