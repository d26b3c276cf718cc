//! Luma and chroma to RGB (jdcolor.c; JFIF 1.02), with the rounding of libjpeg-turbo's vector code, which is the same.

/// Writes a row of packed RGB pixels.
pub(crate) fn to_rgb(luma: &[u8], blue: &[u8], red: &[u8], out: &mut [u8]) {
    for (((out, &y), &cb), &cr) in out.as_chunks_mut::<3>().0.iter_mut().zip(luma).zip(blue).zip(red) {
        *out = pixel(y, cb, cr);
    }
}

/// Writes a row of packed RGB pixels whose three samples are stored as they are.
pub(crate) fn interleave(red: &[u8], green: &[u8], blue: &[u8], out: &mut [u8]) {
    for (((out, &r), &g), &b) in out.as_chunks_mut::<3>().0.iter_mut().zip(red).zip(green).zip(blue) {
        *out = [r, g, b];
    }
}

/// Writes a row of packed RGB pixels without colour.
pub(crate) fn grey(luma: &[u8], out: &mut [u8]) {
    for (out, &y) in out.as_chunks_mut::<3>().0.iter_mut().zip(luma) {
        *out = [y; 3];
    }
}

fn pixel(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let (y, cb, cr) = (i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128);
    // In 1/65536, halves rounded up: 1.402, 0.344136, 0.714136, 1.772.
    let red = (91_881 * cr + 32_768) >> 16;
    let green = (-22_554 * cb - 46_802 * cr + 32_768) >> 16;
    let blue = (116_130 * cb + 32_768) >> 16;
    [y + red, y + green, y + blue].map(|value| value.clamp(0, 255) as u8)
}

#[cfg(test)]
mod tests {
    /// As the vectors compute: factors below 1/2, products without their low half, 16 bits throughout.
    fn vector(cb: u8, cr: u8) -> [i16; 3] {
        let high = |a: i16, b: i16| ((i32::from(a) * i32::from(b)) >> 16) as i16;
        let (cb, cr) = (i16::from(cb) - 128, i16::from(cr) - 128);
        let blue = ((high(2 * cb, -14_942) + 1) >> 1) + 2 * cb;
        let red = ((high(2 * cr, 26_345) + 1) >> 1) + cr;
        let green = ((i32::from(cb) * -22_554 + i32::from(cr) * 18_734 + 32_768) >> 16) as i16 - cr;
        [red, green, blue]
    }

    #[test]
    fn both_ways_to_compute_are_one() {
        for cb in 0..=255 {
            for cr in 0..=255 {
                let expected = vector(cb, cr).map(|value| (i32::from(value) + 128).clamp(0, 255) as u8);
                assert_eq!(super::pixel(128, cb, cr), expected, "{cb} {cr}");
            }
        }
    }
}
