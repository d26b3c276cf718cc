//! A whole frame of RGB pixels that the decoders of this crate fill row by row.

use bandwise_kernels::Rect;

use crate::buffer::PixelBuffer;
use crate::error::DecodeError;
use crate::placement::Placement;

/// `width` x `height` pixels, packed. Whatever was there before is still there.
pub(crate) struct Frame<'a> {
    pub(crate) pixels: &'a mut [[u8; 3]],
    pub(crate) width: u32,
}

impl<'a> Frame<'a> {
    /// Makes room for the frame at the start of `buffer`.
    pub(crate) fn new(buffer: &'a mut PixelBuffer, (width, height): (u32, u32)) -> Result<Self, DecodeError> {
        let len = 3 * width as usize * height as usize;
        buffer.prepare(len)?;
        Ok(Self { pixels: buffer.bytes_mut()[..len].as_chunks_mut::<3>().0, width })
    }

    /// A row of pixels.
    ///
    /// # Panics
    ///
    /// If `y` is below the frame.
    pub(crate) fn row(&mut self, y: u32) -> &mut [[u8; 3]] {
        let width = self.width as usize;
        &mut self.pixels[y as usize * width..][..width]
    }

    /// The region's place in a buffer that holds a frame of `width`.
    pub(crate) fn place(width: u32, region: Rect) -> Placement {
        let stride = 3 * width as usize;
        Placement { start: region.y as usize * stride + 3 * region.x as usize, stride }
    }
}

/// Samples of 1, 2, 4 or 8 bits, the first one in the high bits, through `color` into a row. A `row` that is too
/// short leaves the rest of `out` as it is.
pub(super) fn unpack_bits(row: &[u8], bits: u8, out: &mut [[u8; 3]], color: impl Fn(u8) -> [u8; 3]) {
    if bits == 8 {
        return out.iter_mut().zip(row).for_each(|(rgb, &index)| *rgb = color(index));
    }
    let per_byte = usize::from(8 / bits);
    let most = (1 << bits) - 1;
    for (pixels, &byte) in out.chunks_mut(per_byte).zip(row) {
        for (i, rgb) in pixels.iter_mut().enumerate() {
            *rgb = color(byte >> (8 - bits * (i as u8 + 1)) & most);
        }
    }
}
