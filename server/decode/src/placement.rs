//! The place of wanted pixels in a buffer of decoded ones.

/// Position of the wanted pixels in a buffer: the first byte and the bytes from row to row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placement {
    pub(crate) start: usize,
    pub(crate) stride: usize,
}

impl Placement {
    /// Rows of `width` RGB pixels without gaps, from the first byte on.
    pub(crate) fn packed(width: u32) -> Self {
        Self { start: 0, stride: 3 * width as usize }
    }
}
