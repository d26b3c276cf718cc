//! The samples of a tile as the library packs them: plane behind plane, in 1, 2 or 4 bytes of the machine's order.

/// One component of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Component {
    /// 1 to 31 bits.
    pub(super) depth: u32,
    pub(super) is_signed: bool,
    /// Pixels for each sample, across and down, at least 1.
    pub(super) step: (u32, u32),
}

impl Component {
    /// Bytes of a sample: 1, 2 or 4.
    pub(super) fn bytes(&self) -> usize {
        match self.depth.div_ceil(8) {
            3 => 4,
            bytes => bytes as usize,
        }
    }
}

/// One plane in a tile's samples, scaled to a depth as Pillow does it: shifted, with half a step added where bits are
/// lost, and cut to the wanted width without a look at what sticks out.
pub(super) struct Plane<'a> {
    data: &'a [u8],
    bytes: usize,
    offset: u32,
    shift: i32,
    /// Pixels for each sample, and samples of a row as Pillow counts them: without a last one that is not full.
    step: (usize, usize),
    row_len: usize,
}

impl<'a> Plane<'a> {
    /// The plane at the start of `data`, in a tile of `size`, scaled to `depth` bits; and the data behind it.
    pub(super) fn split(
        data: &'a [u8],
        component: &Component,
        size: (u32, u32),
        depth: u32,
    ) -> (Self, &'a [u8]) {
        let shift = depth as i32 - component.depth as i32;
        let middle = if component.is_signed { 1 << (component.depth - 1) } else { 0 };
        let half = if shift < 0 { 1 << (-shift - 1) } else { 0 };
        let step = (component.step.0 as usize, component.step.1 as usize);
        let (row_len, rows) = (size.0 as usize / step.0, size.1 as usize / step.1);
        let bytes = component.bytes();
        let behind = data.get(bytes * row_len * rows..).unwrap_or_default();
        (Self { data, bytes, offset: middle + half, shift, step, row_len }, behind)
    }

    /// The sample of the pixel at `x`, `y` of the tile. Pillow reads on in the next row, or plane, where a row of samples
    /// is not full; beyond the last byte there is nothing.
    pub(super) fn at(&self, x: usize, y: usize) -> u32 {
        let at = self.bytes * ((y / self.step.1) * self.row_len + x / self.step.0);
        let sample = self.data.get(at..at + self.bytes).unwrap_or_default();
        let sample = match *sample {
            [byte] => u32::from(byte),
            [a, b] => u32::from(u16::from_ne_bytes([a, b])),
            [a, b, c, d] => u32::from_ne_bytes([a, b, c, d]),
            _ => 0,
        };
        let sample = sample.wrapping_add(self.offset);
        if self.shift < 0 { sample >> -self.shift } else { sample << self.shift }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(depth: u32, is_signed: bool, data: &[u8]) -> u32 {
        let component = Component { depth, is_signed, step: (1, 1) };
        Plane::split(data, &component, (1, 1), 8).0.at(0, 0)
    }

    #[test]
    fn depths_are_shifted() {
        assert_eq!(sample(8, false, &[77]), 77);
        assert_eq!(sample(4, false, &[15]), 240);
        assert_eq!(sample(12, false, &0x7F8_u16.to_ne_bytes()), 0x80);
        assert_eq!(sample(8, true, &[0x80]) as u8, 0);
        assert_eq!(sample(12, true, &(-1_i16).to_ne_bytes()) as u8, 128);
        assert_eq!(sample(24, false, &0x0080_0000_u32.to_ne_bytes()), 0x80);
    }

    #[test]
    fn samples_stand_for_several_pixels() {
        let component = Component { depth: 8, is_signed: false, step: (2, 2) };
        let (plane, behind) = Plane::split(&[1, 2, 3, 4, 9], &component, (4, 4), 8);
        assert_eq!([plane.at(1, 1), plane.at(2, 1), plane.at(0, 3), plane.at(3, 3)], [1, 2, 3, 4]);
        assert_eq!(behind, [9]);
    }
}
