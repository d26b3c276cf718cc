//! Reused pixel memory that grows to the largest recent image and releases a giant one.

use crate::error::DecodeError;

/// Memory kept between images. 64 MiB holds 22 million RGB pixels; what a larger image needed is given back
/// when the next one starts.
pub(crate) const MAX_KEPT_BYTES: usize = 64 << 20;

/// Readable bytes behind the last pixel, so that kernels may load whole vectors.
const PADDING_BYTES: usize = 64;

/// A byte buffer whose contents are always initialised and never cleared between images.
#[derive(Debug, Default)]
pub(crate) struct PixelBuffer {
    bytes: Vec<u8>,
}

impl PixelBuffer {
    /// Makes room for `len` bytes and some padding. The contents are whatever was there before.
    pub(crate) fn prepare(&mut self, len: usize) -> Result<(), DecodeError> {
        let needed = len.checked_add(PADDING_BYTES).ok_or(DecodeError::OutOfMemory)?;
        if self.bytes.capacity() > MAX_KEPT_BYTES && needed <= MAX_KEPT_BYTES {
            self.bytes = Vec::new();
        }
        if self.bytes.len() < needed {
            let more = needed - self.bytes.len();
            self.bytes.try_reserve_exact(more).map_err(|_| DecodeError::OutOfMemory)?;
            self.bytes.resize(needed, 0);
        }
        Ok(())
    }

    /// All bytes, padding included.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// All bytes, padding included.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_a_giant_back() {
        let mut buffer = PixelBuffer::default();
        buffer.prepare(1000).unwrap();
        assert_eq!(buffer.bytes().len(), 1064);
        buffer.prepare(MAX_KEPT_BYTES + 1).unwrap();
        buffer.prepare(1000).unwrap();
        assert_eq!(buffer.bytes.capacity(), 1064);
    }

    #[test]
    fn does_not_reallocate_for_smaller_images() {
        let mut buffer = PixelBuffer::default();
        buffer.prepare(5000).unwrap();
        let before = buffer.bytes().as_ptr();
        buffer.prepare(10).unwrap();
        buffer.prepare(5000).unwrap();
        assert_eq!(buffer.bytes().as_ptr(), before);
    }

    #[test]
    fn impossible_sizes_are_an_error() {
        assert_eq!(PixelBuffer::default().prepare(usize::MAX - 10), Err(DecodeError::OutOfMemory));
        assert_eq!(PixelBuffer::default().prepare(isize::MAX as usize), Err(DecodeError::OutOfMemory));
    }
}
