//! Luma and chroma to RGB as Pillow does it: in 64ths of a grey level, which are rounded towards zero after a half has
//! been added, and then down.

/// The four products for each value of chroma.
pub(super) struct Tables {
    red: [i32; 256],
    green_of_blue: [i32; 256],
    green_of_red: [i32; 256],
    blue: [i32; 256],
}

impl Tables {
    pub(super) fn new() -> Self {
        Self {
            red: products(1.402),
            green_of_blue: products(-0.34414),
            green_of_red: products(-0.71414),
            blue: products(1.772),
        }
    }

    /// One pixel.
    pub(super) fn to_rgb(&self, [y, cb, cr]: [u8; 3]) -> [u8; 3] {
        let (cb, cr) = (usize::from(cb), usize::from(cr));
        let shifts = [self.red[cr], self.green_of_blue[cb] + self.green_of_red[cr], self.blue[cb]];
        shifts.map(|shift| (i32::from(y) + (shift >> 6)).clamp(0, 255) as u8)
    }
}

fn products(factor: f64) -> [i32; 256] {
    std::array::from_fn(|i| ((i as f64 - 128.0) * factor * 64.0 + 0.5) as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Entries of Pillow's own tables.
    #[test]
    fn products_are_those_of_pillow() {
        let tables = Tables::new();
        assert_eq!(tables.red[..5], [-11484, -11394, -11305, -11215, -11125]);
        assert_eq!(tables.green_of_blue[129..134], [-21, -43, -65, -87, -109]);
        assert_eq!(tables.green_of_red[129..134], [-45, -90, -136, -182, -228]);
        assert_eq!(tables.blue[..5], [-14515, -14402, -14288, -14175, -14062]);
        assert_eq!(tables.to_rgb([77, 128, 128]), [77, 77, 77]);
    }
}
