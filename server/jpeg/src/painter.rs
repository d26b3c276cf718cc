//! Pixels out of coefficients that come from elsewhere.

use std::ops::Range;

use crate::{
    geometry::Geometry,
    half::HalfPlanes,
    level::SimdLevel,
    order::Order,
    picture::{Picture, Samples},
    planes::Planes,
    refusal::Refusal,
    scan::{MAX_BLOCKS, Mcu},
    watch::{Watch, Watched},
    window::{Part, Scale, Window},
};

/// The blocks of an MCU that are wanted, as those of [`McuSource`] write them.
#[derive(Debug)]
pub struct McuBlocks<'a>(&'a mut Mcu);

/// The coefficients of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filled {
    /// The first one alone; the others need not be written.
    Dc,
    /// Any.
    All,
}

impl McuBlocks<'_> {
    /// The coefficients of a block in natural order, which may have those of another block.
    #[inline(always)]
    pub fn coefficients(&mut self, number: usize) -> &mut [i16; 64] {
        self.0.blocks[number].coefficients_mut()
    }

    /// Says what was written into a block.
    #[inline(always)]
    pub fn set(&mut self, number: usize, filled: Filled) {
        self.0.ends[number] = match filled {
            Filled::Dc => 1,
            Filled::All => 64,
        };
    }
}

/// Coefficients of an image, MCU by MCU.
pub trait McuSource {
    /// Some MCUs of a row are read next, in order.
    ///
    /// # Errors
    ///
    /// [`Refusal`] if they are not there.
    fn begin(&mut self, row: usize, columns: Range<usize>) -> Result<(), Refusal>;

    /// Writes the blocks of the next MCU that are wanted, in the order of [`Geometry::components`].
    ///
    /// # Errors
    ///
    /// [`Refusal`] if they are damaged.
    fn read(&mut self, wanted: [bool; MAX_BLOCKS], blocks: &mut McuBlocks<'_>) -> Result<(), Refusal>;
}

/// Makes the pixels that [`Decoder`](crate::Decoder) makes of a file with the same coefficients; keeps its memory.
#[derive(Clone, Debug)]
pub struct Painter {
    planes: Planes,
    half: HalfPlanes,
}

impl Painter {
    /// A painter without memory yet.
    pub fn new(level: SimdLevel) -> Self {
        Self { planes: Planes::new(level, Order::Natural), half: HalfPlanes::new(level, Order::Natural) }
    }

    /// Writes the packed RGB pixels of a part.
    ///
    /// # Errors
    ///
    /// [`Refusal`] of the source, or if the pixels would not be libjpeg-turbo's; the contents of `out` are not specified
    /// then.
    ///
    /// # Panics
    ///
    /// If the crop is not inside the image, or `out` has not `3 * width * height` bytes for [`Part::pixels`].
    pub fn paint(
        &mut self,
        geometry: &Geometry,
        source: &mut impl McuSource,
        part: impl Into<Part>,
        out: &mut [u8],
        watch: &mut impl Watch,
    ) -> Result<(), Refusal> {
        let part = part.into();
        part.check(geometry, out)?;
        let window = Window::new(geometry, part);
        match part.scale {
            Scale::Full => {
                let samples = Watched { samples: &mut self.planes, watch };
                draw(source, Picture::new(geometry, samples, window, out))
            }
            Scale::Half => {
                let samples = Watched { samples: &mut self.half, watch };
                draw(source, Picture::new(geometry, samples, window, out))
            }
        }
    }
}

fn draw<S: Samples>(source: &mut impl McuSource, mut picture: Picture<'_, S>) -> Result<(), Refusal> {
    let Window { across, down } = picture.window();
    let (columns, rows) = (across.mcus.clone(), down.mcus.clone());
    for row in rows {
        source.begin(row, columns.clone())?;
        picture.row(row, |mcu, needs| {
            mcu.ends = [0; MAX_BLOCKS];
            source.read(needs, &mut McuBlocks(mcu))
        })?;
    }
    Ok(())
}
