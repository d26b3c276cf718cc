//! The stored orientation, which Pillow obeys when it loads a TIFF file (and in no other format).

use bandwise_kernels::Rect;

use super::directory::{Directory, corrupt, tag};
use crate::error::DecodeError;

/// Order of rows and columns: tag 274, or a word in the XMP packet where that tag is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Orientation {
    /// Whether rows become columns, before anything is mirrored.
    swapped: bool,
    mirrored_x: bool,
    mirrored_y: bool,
}

impl Orientation {
    pub(super) fn read(directory: &Directory<'_>) -> Result<Self, DecodeError> {
        let value = match directory.one(tag::ORIENTATION)? {
            Some(value) => value,
            None => from_xmp(directory)?,
        };
        let (swapped, mirrored_x, mirrored_y) = match value {
            2 => (false, true, false),
            3 => (false, true, true),
            4 => (false, false, true),
            5 => (true, false, false),
            6 => (true, true, false),
            7 => (true, true, true),
            8 => (true, false, true),
            _ => (false, false, false),
        };
        Ok(Self { swapped, mirrored_x, mirrored_y })
    }

    /// Size of the picture of which `size` is stored.
    pub(super) fn size(self, (width, height): (u32, u32)) -> (u32, u32) {
        if self.swapped { (height, width) } else { (width, height) }
    }

    /// The indices into the stored pixels, of size `stored`, of the pixels of `region` in row `y` of the picture.
    pub(super) fn row(self, stored: (u32, u32), region: Rect, y: u32) -> impl Iterator<Item = usize> {
        let (width, height) = self.size(stored);
        let y = if self.mirrored_y { height - 1 - y } else { y };
        (region.x..region.x + region.width).map(move |x| {
            let x = if self.mirrored_x { width - 1 - x } else { x };
            let (x, y) = if self.swapped { (y, x) } else { (x, y) };
            y as usize * stored.0 as usize + x as usize
        })
    }
}

/// The digit behind the first `tiff:Orientation="` or `tiff:Orientation>` that has one.
fn from_xmp(directory: &Directory<'_>) -> Result<u64, DecodeError> {
    const NAME: &[u8] = b"tiff:Orientation";
    let Some((kind, packet)) = directory.raw(tag::XMP) else { return Ok(1) };
    if !matches!(kind, 1 | 7) {
        return Err(corrupt(format!("an xmp packet of type {kind}")));
    }
    let digit = |rest: &[u8]| match rest {
        [b'=', b'"', digit, ..] | [b'>', digit, ..] if digit.is_ascii_digit() => {
            Some(u64::from(digit - b'0'))
        }
        _ => None,
    };
    let mut rest = packet;
    while let Some(at) = rest.windows(NAME.len()).position(|window| window == NAME) {
        rest = &rest[at + NAME.len()..];
        if let Some(digit) = digit(rest) {
            return Ok(digit);
        }
    }
    Ok(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(value: u16) -> Vec<Vec<usize>> {
        let bytes =
            [b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", &value.to_le_bytes()[..], &[0; 6]].concat();
        let orientation = Orientation::read(&Directory::read(&bytes).unwrap()).unwrap();
        let (width, height) = orientation.size((3, 2));
        (0..height).map(|y| orientation.row((3, 2), Rect::whole(width, height), y).collect()).collect()
    }

    /// Stored are the rows 012 and 345.
    #[test]
    fn all_eight() {
        assert_eq!(rows(1), [[0, 1, 2], [3, 4, 5]]);
        assert_eq!(rows(2), [[2, 1, 0], [5, 4, 3]]);
        assert_eq!(rows(3), [[5, 4, 3], [2, 1, 0]]);
        assert_eq!(rows(4), [[3, 4, 5], [0, 1, 2]]);
        assert_eq!(rows(5), [[0, 3], [1, 4], [2, 5]]);
        assert_eq!(rows(6), [[3, 0], [4, 1], [5, 2]]);
        assert_eq!(rows(7), [[5, 2], [4, 1], [3, 0]]);
        assert_eq!(rows(8), [[2, 5], [1, 4], [0, 3]]);
        assert_eq!(rows(9), rows(1));
    }
}
