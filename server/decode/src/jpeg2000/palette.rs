//! Palettes as Pillow takes them: a colour that comes a second time takes no place of its own, so that those behind it
//! move up, and samples beyond the last colour are black.

use super::error::{corrupt, unsupported};
use crate::error::DecodeError;

/// Colours by index. Of four columns the first three, whatever they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Palette(pub(super) [[u8; 3]; 256]);

impl Default for Palette {
    fn default() -> Self {
        Self([[0; 3]; 256])
    }
}

/// The palette of a `pclr` box; nothing where Pillow does without it, since it is deeper than it reads.
pub(super) fn read(body: &[u8]) -> Result<Option<Palette>, DecodeError> {
    let short = || corrupt("a palette of too few bytes");
    let (&[n0, n1, columns], rest) = body.split_first_chunk::<3>().ok_or_else(short)?;
    let columns = usize::from(columns);
    let (depths, entries) = rest.split_at_checked(columns).ok_or_else(short)?;
    // The field is the depth less 1: Pillow reads 9 bits as a byte too.
    if depths.iter().any(|&depth| depth > 8) {
        return Ok(None);
    }
    if !matches!(columns, 3 | 4) {
        return Err(unsupported("a palette of neither three nor four columns"));
    }
    let count = usize::from(u16::from_be_bytes([n0, n1]));
    let entries = entries.get(..count * columns).ok_or_else(short)?;
    colors(entries, columns).map(Some)
}

fn colors(entries: &[u8], columns: usize) -> Result<Palette, DecodeError> {
    let mut palette = Palette::default();
    let mut seen: Vec<&[u8]> = Vec::with_capacity(256);
    for entry in entries.chunks_exact(columns) {
        if seen.contains(&entry) {
            continue;
        }
        let place =
            palette.0.get_mut(seen.len()).ok_or_else(|| corrupt("a palette of more than 256 colours"))?;
        *place = [entry[0], entry[1], entry[2]];
        seen.push(entry);
    }
    Ok(palette)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_time_takes_no_place() {
        let body = [&[0, 3, 3, 7, 7, 7][..], &[1, 2, 3], &[1, 2, 3], &[4, 5, 6]].concat();
        let palette = read(&body).unwrap().unwrap();
        assert_eq!(palette.0[..3], [[1, 2, 3], [4, 5, 6], [0, 0, 0]]);
    }

    #[test]
    fn deep_palettes_are_left_out() {
        assert_eq!(read(&[0, 0, 3, 7, 7, 9]), Ok(None));
        assert!(read(&[0, 0, 3, 7, 7, 8]).unwrap().is_some());
        assert!(read(&[0, 0, 3, 7, 7]).is_err());
        assert_eq!(read(&[0, 0, 2, 7, 7]).unwrap_err().reason(), "unsupported");
    }
}
