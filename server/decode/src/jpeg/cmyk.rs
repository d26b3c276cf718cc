//! CMYK to RGB as Pillow does it: the stored values are inverted first, always, whether or not an Adobe marker
//! says so; then plain subtraction without a colour profile. With v the stored values and 8-bit rounding of
//! c k / 255:
//!
//! ```text
//! C = 255 - v_C,  k = v_K (that is 255 - K),  t = C k + 128,  m = ((t >> 8) + t) >> 8,  R = k - m
//! ```

use bandwise_kernels::Rect;

/// Turns the pixels of `region` in a frame of packed CMYK, `width` pixels wide, into packed RGB at the start of
/// the same memory.
pub(super) fn region_to_rgb(bytes: &mut [u8], width: u32, region: Rect) {
    let mut to = 0;
    for y in region.y..region.y + region.height {
        let row = y as usize * width as usize + region.x as usize;
        // Three bytes are written where four were read, at or before them: nothing unread is overwritten.
        for pixel in row..row + region.width as usize {
            let stored = [bytes[4 * pixel], bytes[4 * pixel + 1], bytes[4 * pixel + 2], bytes[4 * pixel + 3]];
            bytes[to..to + 3].copy_from_slice(&to_rgb(stored));
            to += 3;
        }
    }
}

/// One pixel as stored.
pub(crate) fn to_rgb([c, m, y, k]: [u8; 4]) -> [u8; 3] {
    [c, m, y].map(|stored| {
        let product = u32::from(255 - stored) * u32::from(k) + 128;
        // The rounded product of two values below 256 over 255 is never above the smaller factor.
        k - (((product >> 8) + product) >> 8) as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_rounded_division() {
        for stored in 0..=255u8 {
            for k in 0..=255u8 {
                let ink = f64::from(255 - stored) * f64::from(k) / 255.0;
                let expected = k - (ink + 0.5).floor() as u8;
                assert_eq!(to_rgb([stored, 0, 255, k])[0], expected, "{stored} {k}");
            }
        }
        assert_eq!(to_rgb([255, 255, 255, 255]), [255, 255, 255]);
        assert_eq!(to_rgb([255, 255, 255, 0]), [0, 0, 0]);
    }
}
