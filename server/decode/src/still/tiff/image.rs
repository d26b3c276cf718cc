//! The tags of a file, checked in the order and with the defaults of Pillow's plugin.

use super::directory::{Directory, Numbers, corrupt, tag, unsupported};
use super::layout::{Key, SampleLayout, Wide};
use super::orientation::Orientation;
use crate::error::DecodeError;

/// Compression of strips and tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    /// CCITT runs, rows from whole bytes on.
    Runs,
    Group3,
    Group4,
    Lzw,
    Jpeg,
    Deflate,
    PackBits,
}

/// An image of a kind that is decoded.
#[derive(Debug)]
pub(super) struct Image<'a> {
    pub(super) directory: Directory<'a>,
    /// Width in pixels as stored.
    pub(super) width: u32,
    /// Height in pixels as stored.
    pub(super) height: u32,
    pub(super) layout: SampleLayout,
    pub(super) compression: Compression,
    /// Whether each band lies by itself.
    pub(super) planar: bool,
    /// Whether the lowest bit of a byte comes first.
    pub(super) reversed: bool,
    /// Samples of a pixel in the file, also those that Pillow leaves out.
    pub(super) samples: u64,
    /// The divisor by which Pillow gets from a pixel's bits to those of a band.
    pub(super) expected_samples: u64,
    /// Bits of a pixel.
    pub(super) pixel_bits: u64,
    /// Whether colour is stored multiplied by alpha.
    pub(super) associated: bool,
    pub(super) orientation: Orientation,
}

/// Pillow's table has no more.
const MAX_SAMPLES: u64 = 6;

impl<'a> Image<'a> {
    /// Reads the first directory and tells whether it is of a kind that is decoded.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let directory = Directory::read(bytes)?;
        if directory.has(tag::MEDIA_PHOTO) {
            return Err(unsupported("a windows media photo"));
        }
        let compression = compression(directory.one(tag::COMPRESSION)?.unwrap_or(1))?;
        let planar = match directory.one(tag::PLANAR)?.unwrap_or(1) {
            1 => false,
            2 => true,
            // Pillow asks for 2 only, libtiff refuses others.
            _ if compression == Compression::None => false,
            other => return Err(corrupt(format!("planar configuration {other}"))),
        };
        let photometric = directory.one(tag::PHOTOMETRIC)?.unwrap_or(0);
        let reversed = match directory.one(tag::FILL_ORDER)?.unwrap_or(1) {
            1 => false,
            2 => true,
            other => return Err(corrupt(format!("fill order {other}"))),
        };
        let (width, height) = (side(&directory, tag::WIDTH)?, side(&directory, tag::LENGTH)?);
        let samples = Samples::read(&directory, photometric, planar)?;
        let key = Key {
            little_endian: directory.little_endian,
            photometric,
            sample_format: sample_format(&directory)?,
            reversed,
            bits: &samples.bits,
            extra: &samples.extra,
        };
        let layout = key.layout().ok_or_else(|| unknown(&key))?;
        let associated = match layout {
            SampleLayout::Rgb { associated, .. } if !planar || compression == Compression::None => associated,
            // libtiff makes unspecified samples of those that are not declared, and Pillow takes them for alpha.
            SampleLayout::Rgb { samples: 4, .. } => matches!(samples.extra[..], [] | [1]),
            _ => false,
        };
        let image = Self {
            width,
            height,
            layout,
            compression,
            planar,
            reversed,
            samples: samples.in_file,
            expected_samples: samples.expected,
            pixel_bits: samples.bits.iter().sum(),
            associated,
            orientation: Orientation::read(&directory)?,
            directory,
        };
        image.check(photometric)?;
        Ok(image)
    }

    /// Refuses what Pillow refuses later, and what it reads in another sense than the file was written in.
    fn check(&self, photometric: u64) -> Result<(), DecodeError> {
        if self.layout == SampleLayout::Lab {
            return Err(unsupported("colours in cie l*a*b*"));
        }
        if self.compression == Compression::None {
            return self.check_raw();
        }
        if self.directory.cut || !self.directory.proper_start {
            return Err(corrupt("a broken directory"));
        }
        if let Some(empty) = self.directory.empty {
            return Err(corrupt(format!("tag {empty} without numbers")));
        }
        if let Some(repeated) = self.directory.repeated {
            return Err(corrupt(format!("tag {repeated} twice")));
        }
        self.directory.check_single()?;
        self.check_samples()?;
        self.check_colour_map()?;
        let is_ycc = photometric == 6;
        if is_ycc
            && (self.compression != Compression::Jpeg || self.planar || self.layout != SampleLayout::Ycc)
        {
            return Err(unsupported("luma and chroma without jpeg"));
        }
        let swapped =
            matches!(self.layout, SampleLayout::Wide(Wide::Signed16 | Wide::Signed32 | Wide::Float32));
        if swapped && !self.directory.little_endian {
            return Err(unsupported(
                "compressed signed or float samples, big-endian, which Pillow reads little-endian",
            ));
        }
        if self.planar && self.layout.bands() > 1 {
            let most = 8 * self.layout.bands() * self.layout.sample_bits() / 8;
            if !matches!(self.layout.sample_bits(), 8 | 16) || self.layout.bits() != most {
                return Err(corrupt("planes that do not fit the kind of pixels"));
            }
        }
        self.check_codec()
    }

    /// libtiff wants one number for all samples, or one for each, all the same.
    fn check_samples(&self) -> Result<(), DecodeError> {
        for tag in [tag::BITS, tag::SAMPLE_FORMAT] {
            let Some(numbers) = self.directory.all(tag)? else { continue };
            let differ =
                numbers.iter().take(self.samples as usize).any(|number| Some(number) != numbers.get(0));
            if differ || (numbers.len() > 1 && (numbers.len() as u64) < self.samples) {
                return Err(corrupt(format!("numbers in tag {tag} for some samples only, or several")));
            }
        }
        Ok(())
    }

    /// libtiff takes no other number of colours, but misses them in images of fewer than 8 bits only.
    fn check_colour_map(&self) -> Result<(), DecodeError> {
        let SampleLayout::Index { bits: bits @ 0..8 } = self.layout else { return Ok(()) };
        let numbers = self.directory.all(tag::COLOR_MAP)?.map_or(0, |map| map.len());
        if numbers == 3 << bits { Ok(()) } else { Err(corrupt(format!("a colour map of {numbers} numbers"))) }
    }

    fn check_raw(&self) -> Result<(), DecodeError> {
        if self.layout == SampleLayout::Ycc {
            return Err(unsupported("luma and chroma without jpeg"));
        }
        let misses = match self.layout {
            SampleLayout::Index { bits } => bits < 8,
            SampleLayout::Grey { bits, inverted } => bits == 8 && inverted,
            _ => false,
        };
        if self.reversed && misses {
            return Err(unsupported("reversed bits in samples of a kind for which pillow has no such order"));
        }
        if self.planar {
            let readable = match self.layout {
                SampleLayout::Grey { bits: 8, inverted: false } | SampleLayout::Index { bits: 8 } => {
                    !self.reversed
                }
                SampleLayout::Rgb { samples: 3 | 4, bytes: 1, .. } => {
                    !self.reversed && !(self.associated_planes())
                }
                SampleLayout::Cmyk { samples: 4, bytes: 1 } => true,
                _ => false,
            };
            if !readable {
                return Err(unsupported("uncompressed planes of other than plain 8-bit samples"));
            }
        }
        Ok(())
    }

    /// Pillow has no name for an uncompressed plane of associated alpha.
    fn associated_planes(&self) -> bool {
        self.planar && matches!(self.layout, SampleLayout::Rgb { associated: true, .. })
    }

    fn check_codec(&self) -> Result<(), DecodeError> {
        let fits = match self.compression {
            Compression::Runs | Compression::Group3 | Compression::Group4 => {
                self.layout.sample_bits() == 1 && (self.samples == 1 || self.planar)
            }
            Compression::Jpeg => match self.layout {
                _ if self.layout.sample_bits() != 8 => false,
                _ if self.planar => true,
                SampleLayout::GreyAndMore { .. } | SampleLayout::IndexAndMore { .. } => {
                    return Err(unsupported("jpeg of two samples a pixel"));
                }
                _ => self.samples <= 4,
            },
            _ => true,
        };
        if fits { Ok(()) } else { Err(unsupported("a codec for other samples")) }
    }
}

fn compression(value: u64) -> Result<Compression, DecodeError> {
    let name = match value {
        1 => return Ok(Compression::None),
        2 => return Ok(Compression::Runs),
        3 => return Ok(Compression::Group3),
        4 => return Ok(Compression::Group4),
        5 => return Ok(Compression::Lzw),
        7 => return Ok(Compression::Jpeg),
        8 | 32946 => return Ok(Compression::Deflate),
        32773 => return Ok(Compression::PackBits),
        6 => "old-style jpeg",
        32771 => "ccitt runs from words on",
        32809 => "thunderscan",
        34676 | 34677 => "sgi log",
        34925 => "lzma",
        50000 => "zstandard",
        50001 => "webp",
        other => return Err(unsupported(format!("compression {other}"))),
    };
    Err(unsupported(format!("compression {value} ({name})")))
}

fn side(directory: &Directory<'_>, tag: u16) -> Result<u32, DecodeError> {
    let side = directory.one(tag)?.ok_or_else(|| corrupt("no size"))?;
    u32::try_from(side).map_err(|_| corrupt(format!("a side of {side} pixels")))
}

/// The one number that stands for all bands; Pillow has no kinds for bands that differ.
fn sample_format(directory: &Directory<'_>) -> Result<u64, DecodeError> {
    let Some(formats) = directory.all(tag::SAMPLE_FORMAT)? else { return Ok(1) };
    let first = formats.get(0).unwrap_or(1);
    if formats.iter().all(|format| format == first) {
        Ok(first)
    } else {
        Err(corrupt("samples of several formats"))
    }
}

fn unknown(key: &Key<'_>) -> DecodeError {
    unsupported(format!(
        "photometric {}, sample format {}, bits {:?}, extra samples {:?}",
        key.photometric, key.sample_format, key.bits, key.extra
    ))
}

/// Bits and meaning of the samples of a pixel.
struct Samples {
    bits: Vec<u64>,
    extra: Vec<u64>,
    in_file: u64,
    expected: u64,
}

impl Samples {
    fn read(directory: &Directory<'_>, photometric: u64, planar: bool) -> Result<Self, DecodeError> {
        let list = |numbers: Option<Numbers<'_>>, default: Vec<u64>| match numbers {
            Some(numbers) if numbers.len() > 64 => {
                Err(corrupt("too many numbers for the samples of a pixel"))
            }
            Some(numbers) => Ok(numbers.iter().collect()),
            None => Ok(default),
        };
        let mut bits = list(directory.all(tag::BITS)?, vec![1])?;
        let mut extra = list(directory.all(tag::EXTRA_SAMPLES)?, Vec::new())?;
        let in_file = directory.one(tag::SAMPLES)?.unwrap_or(1);
        let mut samples = in_file;
        if planar && !extra.is_empty() && extra.iter().all(|kind| *kind == 0) {
            bits.truncate(bits.len().saturating_sub(extra.len()));
            samples = samples
                .checked_sub(extra.len() as u64)
                .ok_or_else(|| corrupt("more extra samples than samples"))?;
            extra.clear();
        }
        if samples > MAX_SAMPLES {
            return Err(unsupported(format!("{samples} samples a pixel")));
        }
        match bits[..] {
            [all] if samples > 1 => bits = vec![all; samples as usize],
            _ => bits.truncate(samples as usize),
        }
        if bits.len() as u64 != samples {
            return Err(corrupt("bits for some samples only"));
        }
        let colours = match photometric {
            2 | 6 | 8 => 3,
            5 => 4,
            _ => 1,
        };
        Ok(Self { bits, expected: colours + extra.len() as u64, extra, in_file })
    }
}
