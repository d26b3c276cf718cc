//! The test picture: the same integer formula as in `golden/make.py`.
#![allow(dead_code, reason = "each test binary uses its part")]

pub(crate) mod geometry;

fn hashed(mut value: u32) -> u32 {
    value ^= value >> 16;
    value = value.wrapping_mul(0x7feb_352d);
    value ^= value >> 15;
    value = value.wrapping_mul(0x846c_a68b);
    value ^ (value >> 16)
}

fn sample(seed: u32, x: u32, y: u32, c: u32) -> u8 {
    let cell = hashed(seed ^ (x / 9) ^ ((y / 7) << 10) ^ (c << 20));
    let noise = hashed(cell ^ (x << 8) ^ y) % 24;
    let slope = (3 * x + 2 * y + 60 * c + cell % 64) % 232 + noise;
    match cell % 5 {
        0 => 0,
        1 => 255,
        2 | 3 => slope as u8,
        _ => (255 - slope) as u8,
    }
}

/// Packed RGB pixels with hard edges, slopes and fine noise.
pub(crate) fn picture(seed: u32, width: usize, height: usize) -> Vec<u8> {
    let rows = 0..height as u32;
    let pixels = rows.flat_map(|y| (0..width as u32).map(move |x| (x, y)));
    pixels.flat_map(|(x, y)| [0, 1, 2].map(|c| sample(seed, x, y, c))).collect()
}

/// One channel of the picture as floats in 0..255.
pub(crate) fn plane(seed: u32, side: usize, channel: usize) -> Vec<f32> {
    picture(seed, side, side).chunks_exact(3).map(|pixel| f32::from(pixel[channel])).collect()
}

/// The picture with squeezed channels for two seeds of three, and of one colour for one of eleven.
pub(crate) fn augmented_picture(seed: u32, width: usize, height: usize) -> Vec<u8> {
    let mut pixels = picture(seed, width, height);
    if seed.is_multiple_of(3) {
        return pixels;
    }
    let draws = [0, 1, 2].map(|c| hashed(c + 1000 * seed));
    for (i, value) in pixels.iter_mut().enumerate() {
        let draw = draws[i % 3];
        let span = if seed.is_multiple_of(11) { 0 } else { draw % 256 };
        *value = (u32::from(*value) * span / 255 + draw / 256 % (256 - span)) as u8;
    }
    pixels
}
