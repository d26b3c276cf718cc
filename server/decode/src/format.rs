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
    /// Netpbm: PBM, PGM, PPM, plain or raw, and PFM with grey floats.
    Pnm,
}

impl Format {
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
            Self::Pnm => "pnm",
        }
    }
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
    fn signatures() {
        assert_eq!(Format::detect(b"\xFF\xD8\xFF\xE0"), Some(Format::Jpeg));
        assert_eq!(Format::detect(b"RIFF\x00\x00\x00\x00WEBPVP8L"), Some(Format::Webp));
        assert_eq!(Format::detect(b"P6\n1 1\n255\n"), Some(Format::Pnm));
        assert_eq!(Format::detect(b"Paris is a town"), None);
        assert_eq!(Format::detect(b"GIF89a"), Some(Format::Gif));
        assert_eq!(Format::detect(b""), None);
    }
}
