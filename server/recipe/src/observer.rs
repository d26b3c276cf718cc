//! An observer of a workbench: a bench, with a clock. The workbench itself has none.

/// A part of the work on an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Work {
    /// Format, size and verdict from the markers; and the draw of the crop.
    Header,
    /// Pixels of the crop.
    Decode,
    /// The crop to a square.
    Resize,
    /// Mirroring.
    Flip,
    /// RandAugment.
    Augment,
    /// Lanczos or Fourier to the bandwidth.
    LowFrequency,
    /// Pixels to normalised numbers in the output's type and layout.
    Normalize,
    /// Random erasing, its noise included.
    Erase,
}

/// Is told at the end of each part of the work on an image, in the order in which it happens; a part may come
/// several times, or not at all.
pub trait WorkObserver {
    /// `work` has just ended.
    fn done(&mut self, work: Work);
}

/// Nobody.
impl WorkObserver for () {
    fn done(&mut self, _: Work) {}
}
