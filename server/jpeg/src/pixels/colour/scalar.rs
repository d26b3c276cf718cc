//! The conversion in plain Rust, which defines the results.

pub(super) fn to_rgb(luma: &[u8], blue: &[u8], red: &[u8], out: &mut [u8]) {
    for (((out, &y), &cb), &cr) in out.as_chunks_mut::<3>().0.iter_mut().zip(luma).zip(blue).zip(red) {
        *out = pixel(y, cb, cr);
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

pub(super) fn interleave(red: &[u8], green: &[u8], blue: &[u8], out: &mut [u8]) {
    for (((out, &r), &g), &b) in out.as_chunks_mut::<3>().0.iter_mut().zip(red).zip(green).zip(blue) {
        *out = [r, g, b];
    }
}
