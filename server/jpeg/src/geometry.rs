//! The picture that a file has: everything its pixels depend on beside its coefficients.

use crate::refusal::Refusal;

/// The sampling of chroma: how many luma samples a chroma sample stands for, across and down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sampling {
    /// One component, no chroma.
    Grey,
    /// 4:4:4, one luma sample.
    Full,
    /// 4:2:2, two across.
    Half,
    /// 4:4:0, two down.
    HalfDown,
    /// 4:2:0, two across and two down.
    Quarter,
}

impl Sampling {
    /// Luma blocks of an MCU, across and down.
    pub(crate) const fn luma_blocks(self) -> (usize, usize) {
        match self {
            Self::Grey | Self::Full => (1, 1),
            Self::Half => (2, 1),
            Self::HalfDown => (1, 2),
            Self::Quarter => (2, 2),
        }
    }
}

/// The colours that three components stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Colour {
    /// Luma and two chroma differences (JFIF).
    YCbCr,
    /// Red, green and blue, stored as they are.
    Rgb,
}

/// The MCUs of a scan, which are single blocks where it has one component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScanMcus {
    /// MCUs of a row, and rows of them.
    pub(crate) row_len: usize,
    pub(crate) rows: usize,
    /// MCUs of the scan in one of the frame.
    pub(crate) across: usize,
    pub(crate) down: usize,
}

/// Size, sampling, colours and quantisation steps of a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Geometry {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) sampling: Sampling,
    pub(crate) colour: Colour,
    /// Steps of each component in natural order; grey has the same ones three times.
    pub(crate) quantisation: [[u8; 64]; 3],
}

impl Geometry {
    /// A picture of a size in pixels, 1 to 65,535 across and down, with quantisation steps of each component in natural
    /// order; `None` for another size. Grey uses the first ones.
    pub fn new(
        (width, height): (u32, u32),
        sampling: Sampling,
        colour: Colour,
        quantisation: [[u8; 64]; 3],
    ) -> Option<Self> {
        let side = |side: u32| u16::try_from(side).ok().filter(|&side| side > 0).map(usize::from);
        Some(Self { width: side(width)?, height: side(height)?, sampling, colour, quantisation })
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.width as u32, self.height as u32)
    }

    /// The sampling of chroma.
    pub fn sampling(&self) -> Sampling {
        self.sampling
    }

    /// The colours that three components stand for.
    pub fn colour(&self) -> Colour {
        self.colour
    }

    /// Quantisation steps of each component in natural order.
    pub fn quantisation(&self) -> &[[u8; 64]; 3] {
        &self.quantisation
    }

    /// MCUs in a row, and rows of them.
    pub fn mcus(&self) -> (usize, usize) {
        let (across, down) = self.sampling.luma_blocks();
        (self.width.div_ceil(8 * across), self.height.div_ceil(8 * down))
    }

    /// The component of each block of an MCU, in order.
    pub fn components(&self) -> &'static [usize] {
        match self.sampling {
            Sampling::Grey => &[0],
            Sampling::Full => &[0, 1, 2],
            Sampling::Half | Sampling::HalfDown => &[0, 0, 1, 2],
            Sampling::Quarter => &[0, 0, 0, 0, 1, 2],
        }
    }

    pub(crate) fn component_count(&self) -> usize {
        if self.sampling == Sampling::Grey { 1 } else { 3 }
    }

    /// Blocks of each component in an MCU, across and down.
    pub(crate) fn factors(&self) -> [(usize, usize); 3] {
        [self.sampling.luma_blocks(), (1, 1), (1, 1)]
    }

    /// The MCUs of a scan of some components.
    pub(crate) fn mcus_of(&self, components: &[usize]) -> ScanMcus {
        let (row_len, rows) = self.mcus();
        let &[component] = components else {
            return ScanMcus { row_len, rows, across: 1, down: 1 };
        };
        let (most_across, most_down) = self.sampling.luma_blocks();
        let (across, down) = self.factors()[component];
        // The blocks that hold samples of the image: those that fill its last MCUs are not there (T.81, A.2.2).
        let blocks = |len: usize, factor: usize, most: usize| (len * factor).div_ceil(8 * most);
        let (row_len, rows) = (blocks(self.width, across, most_across), blocks(self.height, down, most_down));
        ScanMcus { row_len, rows, across, down }
    }

    /// Whether pixels of this kind of file are libjpeg's: it does not filter rows of one or two chroma samples.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let is_narrow = self.width.div_ceil(2) <= 2;
        match self.sampling {
            Sampling::Half | Sampling::Quarter if is_narrow => Err(Refusal::Sampling),
            _ => Ok(()),
        }
    }
}
