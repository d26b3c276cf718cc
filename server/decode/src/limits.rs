//! Limits for a single file. The limits are part of a job, since they decide which files are undecodable.

/// Bounds on one encoded image. Both are checked before any pixel memory is allocated.
///
/// Peak memory of one decoder at the limits: 3 bytes a pixel of output (4 for CMYK); for a JPEG of several scans 2
/// more a component for its coefficients; for other formats up to 12 more for samples of 16 bits, for
/// JPEG 2000 (a feature) up to 40 more, for the samples of a tile twice and for the library's tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DecodeLimits {
    /// Largest width x height; default 100 million. Values above 2^32 - 1 count as that.
    pub max_pixels: u64,
    /// Largest encoded size in bytes; default 256 MiB.
    pub max_encoded_bytes: u64,
}

/// Progressive files of real encoders have about 10 scans, and never more than some dozens.
const MAX_SCANS: u64 = 500;

/// A scan costs time in proportion to the pixels even when it holds next to no bytes, so the product is bounded:
/// this many scans of an image of `max_pixels`, and more of smaller ones.
const MAX_SCANS_AT_MAX_PIXELS: u64 = 20;

impl DecodeLimits {
    /// The maximum number of scans of a JPEG of `pixels` pixels: 500, fewer if the image is very large.
    pub(crate) fn max_scans(&self, pixels: u64) -> u32 {
        let by_work = self.max_pixels.saturating_mul(MAX_SCANS_AT_MAX_PIXELS) / pixels.max(1);
        by_work.min(MAX_SCANS) as u32
    }

    /// Bytes that a TIFF may state for its strips and tiles: RGBA of 16 bits, and room for tables.
    pub(crate) fn max_alloc_bytes(&self) -> u64 {
        self.max_pixels.saturating_mul(8).saturating_add(16 << 20)
    }
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self { max_pixels: 100_000_000, max_encoded_bytes: 256 << 20 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_images_may_have_fewer_scans() {
        let limits = DecodeLimits::default();
        assert_eq!(limits.max_scans(1), 500);
        assert_eq!(limits.max_scans(12_000_000), 166);
        assert_eq!(limits.max_scans(100_000_000), 20);
    }
}
