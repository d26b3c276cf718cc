//! The runs of compressed bitmaps (RLE8, RLE4), expanded as Pillow does it: what a file leaves out by its end marker
//! is not filled in, a literal of an odd number of half bytes loses its last one, and pixels are aligned to the
//! start of the file.

use crate::error::DecodeError;
use crate::format::Format;

/// One index a byte, `size` of them, from the runs at `at`.
///
/// # Errors
///
/// [`DecodeError::Truncated`] where there are too few pixels.
pub(super) fn expand(
    bytes: &[u8],
    at: usize,
    (width, height): (usize, usize),
    halves: bool,
) -> Result<Vec<u8>, DecodeError> {
    let wanted = width * height;
    let mut runs = Runs { bytes, at, width, halves, x: 0, out: Vec::new() };
    runs.out.try_reserve_exact(wanted).map_err(|_| DecodeError::OutOfMemory)?;
    while runs.out.len() < wanted {
        let Some([count, value]) = runs.pair() else { break };
        let goes_on = match (count, value) {
            (1.., _) => runs.repeat(usize::from(count), value),
            (0, 0) => runs.end_row(),
            (0, 1) => false,
            (0, 2) => runs.jump(wanted)?,
            (0, literal) => runs.literal(usize::from(literal)),
        };
        if !goes_on {
            break;
        }
    }
    if runs.out.len() < wanted { Err(DecodeError::Truncated { format: Format::Bmp }) } else { Ok(runs.out) }
}

struct Runs<'a> {
    bytes: &'a [u8],
    at: usize,
    width: usize,
    halves: bool,
    x: usize,
    out: Vec<u8>,
}

/// Each step says whether there may be another one.
impl Runs<'_> {
    fn pair(&mut self) -> Option<[u8; 2]> {
        let pair = *self.bytes.get(self.at..)?.first_chunk::<2>()?;
        self.at += 2;
        Some(pair)
    }

    fn repeat(&mut self, count: usize, value: u8) -> bool {
        let count = if self.x + count > self.width { self.width.saturating_sub(self.x) } else { count };
        let parts = if self.halves { [value >> 4, value & 15] } else { [value; 2] };
        self.out.extend((0..count).map(|i| parts[i % 2]));
        self.x += count;
        true
    }

    fn end_row(&mut self) -> bool {
        self.out.resize(self.out.len().next_multiple_of(self.width), 0);
        self.x = 0;
        true
    }

    /// Leaves out pixels. Those beyond the frame are not stored.
    fn jump(&mut self, wanted: usize) -> Result<bool, DecodeError> {
        let Some([right, up]) = self.pair() else { return Ok(false) };
        let len = self.out.len() + usize::from(right) + usize::from(up) * self.width;
        self.x = len % self.width;
        let more = len.min(wanted).saturating_sub(self.out.len());
        self.out.try_reserve(more).map_err(|_| DecodeError::OutOfMemory)?;
        self.out.resize(len.min(wanted).max(self.out.len()), 0);
        Ok(true)
    }

    fn literal(&mut self, count: usize) -> bool {
        let wanted = if self.halves { count / 2 } else { count };
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let found = &rest[..rest.len().min(wanted)];
        if self.halves {
            self.out.extend(found.iter().flat_map(|byte| [byte >> 4, byte & 15]));
        } else {
            self.out.extend_from_slice(found);
        }
        self.at += found.len();
        self.x += count;
        self.at += self.at % 2;
        found.len() == wanted
    }
}
