//! Data that a format's decoder keeps from reading the header, for reading the pixels.

/// Layout of a JPEG, beside its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JpegLayout {
    pub(crate) samples: Samples,
    pub(crate) is_lossless: bool,
    /// The sides of an iMCU in pixels, if parts of this file may be decoded without the rest.
    pub(crate) part_unit: Option<(u32, u32)>,
}

/// The values that libjpeg-turbo delivers for each pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Samples {
    /// Red, green, blue; grey files three times the same value.
    Rgb,
    /// The four stored components, YCCK converted to CMYK.
    Cmyk,
    /// One value: lossless files are not converted by the library.
    Grey,
}

impl Samples {
    /// 3, 4 or 1.
    pub(crate) const fn bytes_per_pixel(self) -> usize {
        match self {
            Self::Rgb => 3,
            Self::Cmyk => 4,
            Self::Grey => 1,
        }
    }
}

/// The header of a Netpbm file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PnmLayout {
    pub(crate) kind: PnmKind,
    pub(crate) plain: bool,
    pub(crate) maxval: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Position of the first sample.
    pub(crate) raster: usize,
}

/// The samples of a Netpbm file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PnmKind {
    Bits,
    Grey,
    Colour,
    /// 32 bits, the low byte first or last.
    Float {
        is_little: bool,
    },
}
