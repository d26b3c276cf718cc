//! The blocks that a crop needs: those of its own pixels, and the chroma around it that the triangle filter looks at.

use std::ops::Range;

use crate::{geometry::Geometry, refusal::Refusal};

/// A part of an image, in pixels from its upper left corner on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crop {
    /// The first column.
    pub x: u32,
    /// The first row.
    pub y: u32,
    /// Columns, at least 1.
    pub width: u32,
    /// Rows, at least 1.
    pub height: u32,
}

/// The size at which a crop is decoded, in comparison with the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scale {
    /// The pixels of the crop: those of libjpeg-turbo's decoding of the whole image.
    Full,
    /// The pixels of [`Crop::halved`], each of which stands for 2 x 2 pixels of the image.
    Half,
}

/// A crop, and the size at which it is decoded. A crop alone is decoded in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// In pixels of the image.
    pub crop: Crop,
    /// The size of the pixels.
    pub scale: Scale,
}

impl Part {
    /// A crop at half scale.
    pub fn half(crop: Crop) -> Self {
        Self { crop, scale: Scale::Half }
    }

    /// The pixels that are decoded, as the image at this scale counts them.
    pub fn pixels(&self) -> Crop {
        match self.scale {
            Scale::Full => self.crop,
            Scale::Half => self.crop.halved(),
        }
    }

    /// Whether this part of a picture is one that this crate decodes, into some memory.
    ///
    /// # Panics
    /// If it is not inside the picture, or the memory has not the bytes of its pixels.
    pub(crate) fn check(&self, geometry: &Geometry, out: &[u8]) -> Result<(), Refusal> {
        assert!(self.crop.fits(geometry.size()), "{self:?} of {:?}", geometry.size());
        let pixels = self.pixels();
        assert_eq!(out.len(), 3 * pixels.width as usize * pixels.height as usize, "{self:?}");
        geometry.check()
    }
}

impl From<Crop> for Part {
    fn from(crop: Crop) -> Self {
        Self { crop, scale: Scale::Full }
    }
}

impl Crop {
    /// Whether the crop is inside an image of this size, and not empty.
    pub fn fits(&self, (width, height): (u32, u32)) -> bool {
        let inside = |start: u32, len: u32, whole: u32| {
            len > 0 && u64::from(start) + u64::from(len) <= u64::from(whole)
        };
        inside(self.x, self.width, width) && inside(self.y, self.height, height)
    }

    /// The pixels that cover the crop in the image at half scale, each of which stands for 2 x 2 pixels from the upper left
    /// corner on.
    #[must_use]
    pub fn halved(&self) -> Self {
        let cover = |start: u32, len: u32| (start / 2, ((start + len).div_ceil(2)) - start / 2);
        let ((x, width), (y, height)) = (cover(self.x, self.width), cover(self.y, self.height));
        Self { x, y, width, height }
    }
}

/// Samples and blocks along one axis.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    /// Luma samples of the crop.
    pub(crate) luma: Range<usize>,
    /// Chroma samples that it needs.
    pub(crate) chroma: Range<usize>,
    /// Chroma samples of the whole image.
    pub(crate) chroma_len: usize,
    /// MCUs that hold all of these.
    pub(crate) mcus: Range<usize>,
    /// Luma blocks of an MCU.
    pub(crate) factor: usize,
}

/// The blocks along one axis of an MCU that a crop needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NeedsOfSpan {
    /// The second is without meaning where an MCU has one.
    pub(crate) luma: [bool; 2],
    pub(crate) chroma: bool,
}

impl Span {
    /// `factor` is 2 where chroma has half of the samples.
    fn new(start: usize, len: usize, whole: usize, factor: usize) -> Self {
        let luma = start..start + len;
        let chroma_len = whole.div_ceil(factor);
        let chroma = if factor == 1 {
            luma.clone()
        } else {
            // One sample further at each side.
            (luma.start / 2).saturating_sub(1)..((luma.end - 1) / 2 + 2).min(chroma_len)
        };
        let first = (luma.start / (8 * factor)).min(chroma.start / 8);
        let last = ((luma.end - 1) / (8 * factor)).max((chroma.end - 1) / 8);
        Self { luma, chroma, chroma_len, mcus: first..last + 1, factor }
    }

    /// As [`Self::new`] at half scale, in samples of the full one: no chroma around the crop, and an even number of samples,
    /// of which the last may be beyond the border.
    fn halved(start: usize, len: usize, whole: usize, factor: usize) -> Self {
        let luma = start / 2 * 2..(start + len).next_multiple_of(2);
        let mcus = luma.start / (8 * factor)..(luma.end - 1) / (8 * factor) + 1;
        Self {
            chroma: luma.start / factor..luma.end / factor,
            chroma_len: whole.div_ceil(factor),
            luma,
            mcus,
            factor,
        }
    }

    /// The chroma samples that luma of the crop is part of, where it has twice as many samples.
    pub(crate) fn chroma_pairs(&self) -> Range<usize> {
        self.luma.start / 2..self.luma.end.div_ceil(2)
    }

    /// The blocks of MCU `number` that have samples of the crop, or chroma that it needs.
    #[inline]
    pub(crate) fn needs(&self, number: usize) -> NeedsOfSpan {
        let first = self.factor * number;
        NeedsOfSpan {
            luma: [self.needs_luma(first), self.needs_luma(first + 1)],
            chroma: number <= (self.chroma.end - 1) / 8 && number >= self.chroma.start / 8,
        }
    }

    #[inline]
    fn needs_luma(&self, number: usize) -> bool {
        number <= (self.luma.end - 1) / 8 && number >= self.luma.start / 8
    }
}

/// The blocks that a crop needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) across: Span,
    pub(crate) down: Span,
}

impl Window {
    pub(crate) fn new(geometry: &Geometry, Part { crop, scale }: Part) -> Self {
        let (across, down) = geometry.sampling.luma_blocks();
        let span = match scale {
            Scale::Full => Span::new,
            Scale::Half => Span::halved,
        };
        Self {
            across: span(crop.x as usize, crop.width as usize, geometry.width, across),
            down: span(crop.y as usize, crop.height as usize, geometry.height, down),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chroma_reaches_one_sample_further_within_the_image() {
        let span = Span::new(16, 16, 100, 2);
        assert_eq!((span.luma.clone(), span.chroma.clone(), span.mcus.clone()), (16..32, 7..17, 0..3));
        assert!(span.needs_luma(2) && span.needs_luma(3) && !span.needs_luma(1) && !span.needs_luma(4));
        let whole = Span::new(0, 35, 35, 2);
        assert_eq!((whole.chroma.clone(), whole.chroma_len, whole.mcus.clone()), (0..18, 18, 0..3));
        let plain = Span::new(9, 1, 35, 1);
        assert_eq!((plain.chroma.clone(), plain.mcus.clone()), (9..10, 1..2));
    }

    #[test]
    fn a_crop_at_half_scale_needs_no_chroma_around_it_and_whole_pixels() {
        let span = Span::halved(17, 15, 100, 2);
        assert_eq!((span.luma.clone(), span.chroma.clone(), span.mcus.clone()), (16..32, 8..16, 1..2));
        let whole = Span::halved(0, 33, 33, 1);
        assert_eq!((whole.luma.clone(), whole.chroma.clone(), whole.mcus.clone()), (0..34, 0..34, 0..5));
        let crop = Crop { x: 17, y: 0, width: 15, height: 33 };
        assert_eq!(crop.halved(), Crop { x: 8, y: 0, width: 8, height: 17 });
    }
}
