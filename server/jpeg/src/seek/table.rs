//! Tables of both kinds.

use super::{progressive::ProgressiveTable, sequential::SequentialTable};
use crate::frame::Frame;

/// MCUs from one point of a row to the next at which tables are small and crops are fast.
pub const DEFAULT_SPACING: u16 = 8;

/// The seek points of one file, as [`crate::Decoder::index`] made them.
///
/// A table belongs to exactly the bytes that it was made of. Whoever keeps tables must make sure of that, for example by
/// a hash of the file: with other bytes a decoder refuses, or gives other pixels. It never reads beyond the file.
#[derive(Clone, Copy, Debug)]
pub struct SeekTable<'a>(Kind<'a>);

/// The points of a file of each process.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind<'a> {
    Sequential(SequentialTable<'a>),
    Progressive(ProgressiveTable<'a>),
}

impl<'a> SeekTable<'a> {
    /// The table of a file with this frame in bytes that were kept; `None` if they are not a table of such a frame.
    ///
    /// Whether it is the table of exactly this file is for the caller to know.
    pub fn read(frame: &Frame, bytes: &'a [u8]) -> Option<Self> {
        Some(Self(if frame.is_progressive {
            Kind::Progressive(ProgressiveTable::read(frame, bytes)?)
        } else {
            Kind::Sequential(SequentialTable::read(frame, bytes)?)
        }))
    }

    /// MCUs from one point of a row to the next; in a progressive file at least so many.
    pub fn spacing(&self) -> u16 {
        match self.0 {
            Kind::Sequential(table) => table.spacing(),
            Kind::Progressive(table) => table.spacing(),
        }
    }

    /// Number of points, in all scans.
    #[expect(clippy::len_without_is_empty, reason = "an image has at least one point")]
    pub fn len(&self) -> usize {
        match self.0 {
            Kind::Sequential(table) => table.len(),
            Kind::Progressive(table) => table.len(),
        }
    }

    /// The points, if it may be a table of a file with this frame.
    pub(crate) fn of(&self, frame: &Frame) -> Option<&Kind<'a>> {
        let fits = match self.0 {
            Kind::Sequential(table) => !frame.is_progressive && table.fits(frame),
            Kind::Progressive(table) => frame.is_progressive && table.fits(frame),
        };
        fits.then_some(&self.0)
    }
}
