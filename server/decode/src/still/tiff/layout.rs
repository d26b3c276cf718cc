//! Which combinations of tags Pillow decodes, and what the bytes of a row mean in each.

/// Meaning of the bytes of a row of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SampleLayout {
    /// Grey of 1, 2, 4 or 8 bits.
    Grey { bits: u8, inverted: bool },
    /// An index of 1, 2, 4 or 8 bits.
    Index { bits: u8 },
    /// Grey of 12 bits, two pixels in three bytes.
    Grey12,
    /// Wide grey, clamped to 0..=255 as it is.
    Wide(Wide),
    /// 8 bits a sample, `samples` of them; the first counts as grey.
    GreyAndMore { samples: u8 },
    /// 8 bits a sample, `samples` of them; the first is an index.
    IndexAndMore { samples: u8 },
    /// `samples` of `bytes` each: red, green, blue and what else there is.
    Rgb { samples: u8, bytes: u8, associated: bool },
    /// `samples` of `bytes` each: cyan, magenta, yellow, black and what else there is.
    Cmyk { samples: u8, bytes: u8 },
    /// Luma and two chroma samples.
    Ycc,
    /// CIE L*a*b*.
    Lab,
}

/// Kinds of wide grey samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wide {
    Unsigned16,
    Signed16,
    Unsigned32,
    Signed32,
    Float32,
}

/// The tags that Pillow's table of modes looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key<'a> {
    pub(super) little_endian: bool,
    pub(super) photometric: u64,
    pub(super) sample_format: u64,
    pub(super) reversed: bool,
    pub(super) bits: &'a [u64],
    pub(super) extra: &'a [u64],
}

impl Key<'_> {
    /// The layout, where Pillow's table has one.
    pub(super) fn layout(&self) -> Option<SampleLayout> {
        match self.bits {
            [bits] if self.extra.is_empty() => self.one_sample(*bits),
            [8, 8] if self.sample_format == 1 && !self.reversed => match (self.photometric, self.extra) {
                (1, [2]) => Some(SampleLayout::GreyAndMore { samples: 2 }),
                (3, [0 | 2]) => Some(SampleLayout::IndexAndMore { samples: 2 }),
                _ => None,
            },
            [first, rest @ ..] if self.sample_format == 1 && rest.iter().all(|bits| bits == first) => {
                let bytes = match first {
                    8 => 1,
                    16 => 2,
                    _ => return None,
                };
                self.colour(self.bits.len() as u8, bytes)
            }
            _ => None,
        }
    }

    fn one_sample(&self, bits: u64) -> Option<SampleLayout> {
        let plain = !self.reversed;
        match (self.photometric, self.sample_format, bits) {
            (0 | 1, 1, 1 | 2 | 4 | 8) => {
                Some(SampleLayout::Grey { bits: bits as u8, inverted: self.photometric == 0 })
            }
            (1, 2, 8) | (6, 1, 8) if plain => Some(SampleLayout::Grey { bits: 8, inverted: false }),
            (3, 1, 1 | 2 | 4 | 8) => Some(SampleLayout::Index { bits: bits as u8 }),
            (1, 1, 12) if plain && self.little_endian => Some(SampleLayout::Grey12),
            // Pillow does not invert it.
            (0, 1, 16) if plain && self.little_endian => Some(SampleLayout::Wide(Wide::Unsigned16)),
            (1, 1, 16) if plain || self.little_endian => Some(SampleLayout::Wide(Wide::Unsigned16)),
            (1, 2, 16) if plain => Some(SampleLayout::Wide(Wide::Signed16)),
            (1, 1, 32) if plain && self.little_endian => Some(SampleLayout::Wide(Wide::Unsigned32)),
            (1, 2, 32) if plain => Some(SampleLayout::Wide(Wide::Signed32)),
            (0 | 1, 3, 32) if plain => Some(SampleLayout::Wide(Wide::Float32)),
            _ => None,
        }
    }

    fn colour(&self, samples: u8, bytes: u8) -> Option<SampleLayout> {
        let associated = self.extra.first() == Some(&1);
        let rgb = Some(SampleLayout::Rgb { samples, bytes, associated });
        match (self.photometric, samples, bytes, self.extra) {
            (2, 3, 1, []) => rgb,
            _ if self.reversed => None,
            (2, 3, 2, [])
            | (2, 4, _, [] | [0..=2])
            | (2, 4, 1, [999])
            | (2, 5, 1, [0..=2, 0])
            | (2, 6, 1, [0..=2, 0, 0]) => rgb,
            (5, 4, _, []) | (5, 5, 1, [0]) | (5, 6, 1, [0, 0]) => Some(SampleLayout::Cmyk { samples, bytes }),
            (6, 3, 1, []) => Some(SampleLayout::Ycc),
            (8, 3, 1, []) => Some(SampleLayout::Lab),
            _ => None,
        }
    }
}

impl SampleLayout {
    /// Bits of a pixel whose samples lie together.
    pub(super) fn bits(self) -> u64 {
        match self {
            Self::Grey { bits, .. } | Self::Index { bits } => u64::from(bits),
            Self::Grey12 => 12,
            Self::Wide(Wide::Unsigned16 | Wide::Signed16) => 16,
            Self::Wide(_) => 32,
            Self::GreyAndMore { samples } | Self::IndexAndMore { samples } => 8 * u64::from(samples),
            Self::Rgb { samples, bytes, .. } | Self::Cmyk { samples, bytes } => {
                8 * u64::from(samples) * u64::from(bytes)
            }
            Self::Ycc | Self::Lab => 24,
        }
    }

    /// Bits of one sample.
    pub(super) fn sample_bits(self) -> u64 {
        match self {
            Self::GreyAndMore { .. } | Self::IndexAndMore { .. } | Self::Ycc | Self::Lab => 8,
            Self::Rgb { bytes, .. } | Self::Cmyk { bytes, .. } => 8 * u64::from(bytes),
            _ => self.bits(),
        }
    }

    /// Bands of the image that Pillow makes of it.
    pub(super) fn bands(self) -> u64 {
        match self {
            Self::GreyAndMore { .. } | Self::IndexAndMore { .. } => 2,
            Self::Rgb { samples: 3, .. } | Self::Ycc | Self::Lab => 3,
            Self::Rgb { .. } | Self::Cmyk { .. } => 4,
            _ => 1,
        }
    }
}
