//! The file types that dataset folders hold, told apart by their first bytes and never by a name.

use std::fmt;

/// A supported file type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// JPEG: baseline, extended, progressive; Huffman or arithmetic; 1, 3 or 4 components of 8 bits.
    Jpeg,
    /// PNG, also interlaced; of an APNG the default image.
    Png,
    /// WebP, lossy or lossless; of an animation the first frame.
    Webp,
    /// TIFF and `BigTIFF`, first page.
    Tiff,
    /// Windows bitmap.
    Bmp,
    /// GIF; the first frame.
    Gif,
    /// JPEG 2000, in boxes (JP2) or bare; read by builds with the feature `jpeg2000`.
    Jpeg2000,
    /// Netpbm: PBM, PGM, PPM, plain or raw, and PFM with grey floats.
    Pnm,
}

impl Format {
    /// The file types that this build reads.
    pub fn all() -> impl Iterator<Item = Self> {
        const ALL: [Format; 8] = [
            Format::Jpeg,
            Format::Png,
            Format::Webp,
            Format::Tiff,
            Format::Bmp,
            Format::Gif,
            Format::Pnm,
            Format::Jpeg2000,
        ];
        ALL.into_iter().filter(|format| cfg!(feature = "jpeg2000") || *format != Self::Jpeg2000)
    }

    /// The file type whose signature `bytes` starts with, as Pillow tells it.
    pub(crate) fn detect(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xFF, 0xD8, 0xFF, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Some(Self::Png),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::Webp),
            // The last two are mixed-up byte orders that Pillow takes too.
            [b'I', b'I', 42 | 43, 0, ..]
            | [b'M', b'M', 0, 42 | 43, ..]
            | [b'I', b'I', 0, 42, ..]
            | [b'M', b'M', 42, 0, ..] => Some(Self::Tiff),
            [b'B', b'M', ..] => Some(Self::Bmp),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            _ if cfg!(feature = "jpeg2000") && is_jpeg2000(bytes) => Some(Self::Jpeg2000),
            [b'P', b'1'..=b'6' | b'f', b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C, ..] => Some(Self::Pnm),
            _ => None,
        }
    }

    /// The lower-case name, for reports and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Webp => "webp",
            Self::Tiff => "tiff",
            Self::Bmp => "bmp",
            Self::Gif => "gif",
            Self::Jpeg2000 => "jpeg2000",
            Self::Pnm => "pnm",
        }
    }
}

/// Whether `bytes` begin as JPEG 2000 does: with its box of twelve bytes, or with the markers of a bare code stream.
pub(crate) fn is_jpeg2000(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\0\0\0\x0CjP  \r\n\x87\n") || bytes.starts_with(b"\xFF\x4F\xFF\x51")
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jpeg_2000_is_for_builds_with_its_feature() {
        let expected = cfg!(feature = "jpeg2000").then_some(Format::Jpeg2000);
        for start in [&b"\0\0\0\x0CjP  \r\n\x87\n"[..], b"\xFF\x4F\xFF\x51\0"] {
            assert_eq!(Format::detect(start), expected);
        }
    }

    #[test]
    fn signatures() {
        assert_eq!(Format::detect(b"\xFF\xD8\xFF\xE0"), Some(Format::Jpeg));
        assert_eq!(Format::detect(b"RIFF\x00\x00\x00\x00WEBPVP8L"), Some(Format::Webp));
        assert_eq!(Format::detect(b"P6\n1 1\n255\n"), Some(Format::Pnm));
        assert_eq!(Format::detect(b"Paris is a town"), None);
        assert_eq!(Format::detect(b"GIF89a"), Some(Format::Gif));
        assert_eq!(Format::detect(b""), None);
    }
}
