//! Encoded images, with a memory of where decoding may begin in them.

/// A memory of the seek points of JPEGs, by the bytes of the whole file.
///
/// The points that it gives for some bytes must have been made of exactly these bytes. It may forget.
pub trait SeekMemory: Send + Sync {
    /// A hash of a whole file, under which its seek points are kept.
    fn hash(&self, bytes: &[u8]) -> u64;

    /// Puts the seek points of a file into `out`, in place of what is there; whether there are any.
    fn find(&self, hash: u64, out: &mut Vec<u8>) -> bool;

    /// Keeps the seek points of a file.
    fn keep(&self, hash: u64, points: &[u8]);

    /// MCUs from one seek point of a row to the next, for those that are made.
    fn spacing(&self) -> u16;
}

/// An image as it is stored.
#[derive(Clone, Copy)]
pub struct EncodedImage<'a> {
    /// The whole file.
    pub bytes: &'a [u8],
    /// A memory of seek points; without one, all coded data above a crop is read.
    pub seek: Option<&'a dyn SeekMemory>,
}

impl std::fmt::Debug for EncodedImage<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { bytes, seek } = self;
        f.debug_struct("EncodedImage").field("bytes", &bytes.len()).field("seek", &seek.is_some()).finish()
    }
}

impl<'a> From<&'a [u8]> for EncodedImage<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self { bytes, seek: None }
    }
}

impl<'a> From<&'a Vec<u8>> for EncodedImage<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        bytes.as_slice().into()
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for EncodedImage<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        bytes.as_slice().into()
    }
}
