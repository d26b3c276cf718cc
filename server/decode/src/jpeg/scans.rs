//! Everything after the first SOS marker: is the file complete, and may a part of it be decoded alone?
//!
//! A decoder of a part stops at the part's last row. It notices neither a cut nor a fatal error below that row, and the
//! verdict on a file must not depend on the part, which is drawn at random. So the markers are walked here, which costs
//! little, and a file is decoded in parts only if its markers are those of a healthy file. A file without an end marker
//! is undecodable whatever the crop. All other files are decoded whole, and libjpeg gives the verdict.
//!
//! Truncation follows from how Pillow feeds libjpeg: it fails when libjpeg asks for bytes that are not there. The
//! entropy decoder of a file with one scan asks until a marker stops it; a file with several scans is read up to its
//! end marker first.

use bandwise_kernels::SimdLevel;

use super::bytes::{be16, next_marker};
use super::segments::Frame;
use crate::error::DecodeError;
use crate::format::Format;

/// Walks the scans. `Ok(true)`: nothing but what belongs there, so parts may be decoded alone.
///
/// # Errors
///
/// [`DecodeError::Truncated`], [`DecodeError::TooManyScans`].
pub(super) fn read(
    level: SimdLevel,
    bytes: &[u8],
    frame: &Frame,
    max_scans: u32,
) -> Result<bool, DecodeError> {
    let mut walk =
        Walk { frame, restarts: frame.restarts, next_restart: 0, plain: true, known: [0; 4], scans: 0 };
    let mut at = walk.start_scan(bytes, frame.first_scan)?;
    let one_scan = !frame.progressive && bytes.get(frame.first_scan + 2) == Some(&frame.components);
    loop {
        let (code, behind) = next_marker(level, bytes, at).ok_or(TRUNCATED)?;
        match code {
            0xD9 => return Ok(walk.plain && walk.is_complete()),
            0xD0..=0xD7 if walk.restarts => {
                walk.restart(code & 7);
                at = behind;
            }
            // Looking for a restart marker, libjpeg passes over codes that begin no segment.
            0x01..=0xBF if walk.restarts => {
                walk.plain = false;
                at = behind;
            }
            _ if one_scan => return Ok(false),
            _ => at = walk.segment(bytes, code, behind)?,
        }
        if walk.scans > max_scans {
            return Err(DecodeError::TooManyScans { limit: max_scans });
        }
    }
}

const TRUNCATED: DecodeError = DecodeError::Truncated { format: Format::Jpeg };

/// The state of the walk.
struct Walk<'a> {
    frame: &'a Frame,
    restarts: bool,
    next_restart: u8,
    plain: bool,
    /// For each component one bit for each coefficient that is known to its last bit (progressive files).
    known: [u64; 4],
    scans: u32,
}

impl Walk<'_> {
    /// Restart markers count up to 7 and begin again; any other order means damage.
    fn restart(&mut self, number: u8) {
        self.plain &= number == self.next_restart;
        self.next_restart = (number + 1) & 7;
    }

    /// Passes over the segment of marker `code` whose length field is at `at`.
    fn segment(&mut self, bytes: &[u8], code: u8, at: usize) -> Result<usize, DecodeError> {
        match code {
            0xDA => return self.start_scan(bytes, at),
            0xC4 | 0xCC | 0xDB | 0xE0..=0xEF | 0xFE => {}
            0xDD => self.restarts = be16(bytes, at + 2).is_some_and(|interval| interval > 0),
            // Restarts that are not due, and TEM, stand alone; after others libjpeg will give up.
            0x01 | 0xD0..=0xD7 => {
                self.plain = false;
                return Ok(at);
            }
            _ => self.plain = false,
        }
        skip(bytes, at)
    }

    /// Reads a scan header: component count, (identifier, tables) each, first and last coefficient, and the
    /// high and low bit of the approximation in one byte.
    fn start_scan(&mut self, bytes: &[u8], at: usize) -> Result<usize, DecodeError> {
        let behind = skip(bytes, at)?;
        self.scans += 1;
        self.next_restart = 0;
        let body = &bytes[(at + 2).min(behind)..behind];
        let count = usize::from(body.first().copied().unwrap_or(0));
        let Some(&[first, last, approximation]) = body.get(1 + 2 * count..) else {
            self.plain = false;
            return Ok(behind);
        };
        if self.frame.progressive {
            let identifiers = body[1..].as_chunks::<2>().0.iter().take(count).map(|component| component[0]);
            identifiers.for_each(|identifier| self.learn(identifier, first, last, approximation & 15));
        }
        Ok(behind)
    }

    /// Notes that coefficients `first..=last` of a component are now known down to bit `low`.
    fn learn(&mut self, identifier: u8, first: u8, last: u8, low: u8) {
        if first > last || last > 63 {
            self.plain = false;
            return;
        }
        let band = (u64::MAX >> (63 - last)) & (u64::MAX << first);
        for (known, sampling) in self.known.iter_mut().zip(self.frame.sampling) {
            if sampling.0 == identifier {
                *known = if low == 0 { *known | band } else { *known & !band };
            }
        }
    }

    /// libjpeg smooths the blocks of a progressive file whose coefficients did not all arrive, by looking
    /// further around than the margin of a part reaches.
    fn is_complete(&self) -> bool {
        let components = usize::from(self.frame.components);
        !self.frame.progressive || self.known[..components].iter().all(|&known| known == u64::MAX)
    }
}

/// The position behind the segment whose length field is at `at`.
fn skip(bytes: &[u8], at: usize) -> Result<usize, DecodeError> {
    let len = usize::from(be16(bytes, at).ok_or(TRUNCATED)?).max(2);
    if at + len > bytes.len() { Err(TRUNCATED) } else { Ok(at + len) }
}
