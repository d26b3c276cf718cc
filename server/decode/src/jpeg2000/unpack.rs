//! From a tile's samples to pixels: by Pillow's table of modes, colour spaces and numbers of components.

use super::boxes::Outline;
use super::error::corrupt;
use super::library::{ColorSpace, Picture, TileArea};
use super::mode::Mode;
use super::palette::Palette;
use super::samples::{Component, Plane};
use super::ycc;
use crate::error::DecodeError;
use crate::jpeg::stored_cmyk_to_rgb;
use crate::still::Frame;

/// The meaning of the samples of a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// One grey sample; behind it others that do not count.
    Grey,
    /// One sample of 16 bits, which Pillow's conversion clamps to 255.
    DeepGrey,
    /// An index into the palette.
    Index,
    Rgb,
    Ycc,
    Cmyk,
}

impl Way {
    /// Nothing where Pillow refuses the combination. Components of other sizes are for colours alone.
    fn of(mode: Mode, space: ColorSpace, components: &[Component]) -> Option<Self> {
        use ColorSpace::{Cmyk, Grey, Srgb, Ycc};
        let is_even = components.iter().all(|component| component.step == (1, 1));
        Some(match (mode, space, components.len()) {
            (Mode::L | Mode::Rgb | Mode::Rgba, Grey, 1) | (Mode::La | Mode::Rgb | Mode::Rgba, Grey, 2)
                if is_even =>
            {
                Self::Grey
            }
            (Mode::I16, Grey, 1) if is_even => Self::DeepGrey,
            (Mode::P, Srgb | Cmyk, 1) | (Mode::Pa, Srgb, 2) if is_even => Self::Index,
            (Mode::Rgb | Mode::Rgba, Srgb, 3 | 4) | (Mode::Rgba, Grey, 4) => Self::Rgb,
            (Mode::Rgb | Mode::Rgba, Ycc, 3 | 4) => Self::Ycc,
            (Mode::Cmyk, Cmyk, 4) => Self::Cmyk,
            _ => return None,
        })
    }
}

/// Turns tiles into pixels.
pub(super) struct Unpacker<'a> {
    way: Way,
    components: &'a [Component],
    palette: &'a Palette,
    ycc: ycc::Tables,
}

impl<'a> Unpacker<'a> {
    /// # Errors
    ///
    /// Pillow has nothing for these headers.
    pub(super) fn new(outline: &'a Outline, picture: &'a Picture) -> Result<Self, DecodeError> {
        let components = &picture.components[..];
        let way = Way::of(outline.mode, space(picture), components)
            .ok_or_else(|| corrupt("components that do not fit the colour space of its header"))?;
        Ok(Self { way, components, palette: &outline.palette, ycc: ycc::Tables::new() })
    }

    /// Writes the pixels of a tile to their `place`.
    pub(super) fn unpack(&self, data: &[u8], place: &TileArea, frame: &mut Frame<'_>) {
        let depth = if self.way == Way::DeepGrey { 16 } else { 8 };
        let mut rest = data;
        let planes: Vec<Plane<'_>> = self
            .components
            .iter()
            .map(|component| {
                let (plane, behind) = Plane::split(rest, component, place.size, depth);
                rest = behind;
                plane
            })
            .collect();
        for y in 0..place.size.1 {
            let row = &mut frame.row(place.at.1 + y)[place.at.0 as usize..][..place.size.0 as usize];
            for (x, rgb) in row.iter_mut().enumerate() {
                *rgb = self.pixel(|plane| planes[plane].at(x, y as usize));
            }
        }
    }

    /// The pixel where no tile is. In Pillow's image it is zero, which is white without ink and no luma without chroma.
    pub(super) fn blank(&self) -> [u8; 3] {
        if self.way == Way::Ycc { [0; 3] } else { self.pixel(|_| 0) }
    }

    /// The pixel of these samples, by component.
    fn pixel(&self, sample: impl Fn(usize) -> u32) -> [u8; 3] {
        let three = || [0, 1, 2].map(|plane| sample(plane) as u8);
        match self.way {
            Way::Grey => [sample(0) as u8; 3],
            Way::DeepGrey => [(sample(0) as u16).min(255) as u8; 3],
            Way::Index => self.palette.0[usize::from(sample(0) as u8)],
            Way::Rgb => three(),
            Way::Ycc => self.ycc.to_rgb(three()),
            Way::Cmyk => stored_cmyk_to_rgb([0, 1, 2, 3].map(|plane| !(sample(plane) as u8))),
        }
    }
}

/// The colour space of a picture; where nothing states it, what Pillow makes of the number of components and of which is
/// the first that has fewer samples.
fn space(picture: &Picture) -> ColorSpace {
    if picture.space != ColorSpace::Unknown {
        return picture.space;
    }
    match picture.components.len() {
        1 | 2 => ColorSpace::Grey,
        _ => match picture.components.iter().position(|component| component.step != (1, 1)) {
            Some(1 | 2) => ColorSpace::Ycc,
            _ => ColorSpace::Srgb,
        },
    }
}
