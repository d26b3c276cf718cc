//! An observer of a decoder: a bench, with a clock. The decoder itself has none.

use crate::{geometry::Geometry, picture::Samples, refusal::Refusal, scan::Mcu, window::Window};

/// A part of the work on a crop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Work {
    /// Tables, coded bytes made ready, and symbols before and beside the crop passed over; of progressive files also all
    /// reading.
    Skip,
    /// Symbols and values of the blocks of the crop.
    Entropy,
    /// Samples of blocks.
    Transform,
    /// Chroma at the size of luma, and pixels.
    Pixels,
}

/// Is told at the end of each part of the work on a crop, row by row: each comes many times.
pub trait Watch {
    /// `work` has just ended.
    fn done(&mut self, work: Work);
}

/// Nobody.
impl Watch for () {
    #[inline(always)]
    fn done(&mut self, _: Work) {}
}

/// Samples whose making is watched.
pub(crate) struct Watched<'a, S, W> {
    pub(crate) samples: &'a mut S,
    pub(crate) watch: &'a mut W,
}

impl<S: Samples, W: Watch> Samples for Watched<'_, S, W> {
    #[inline(always)]
    fn prepare(&mut self, geometry: &Geometry, window: &Window) {
        self.samples.prepare(geometry, window);
    }

    #[inline(always)]
    fn begin(&mut self) {
        self.watch.done(Work::Skip);
    }

    #[inline(always)]
    fn write(&mut self, mcus: &[Mcu], column: usize, row: usize) -> Result<(), Refusal> {
        self.watch.done(Work::Entropy);
        self.samples.write(mcus, column, row)?;
        self.watch.done(Work::Transform);
        Ok(())
    }

    #[inline(always)]
    fn rows(&mut self, end: usize, out: &mut [u8]) {
        self.samples.rows(end, out);
        self.watch.done(Work::Pixels);
    }
}
