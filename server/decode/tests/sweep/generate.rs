//! Images by libjpeg-turbo's encoder: all sizes from 1 to 70 in both directions and all samplings, with drawn contents,
//! qualities, restarts, tables, processes and colours.

use std::{ffi::c_int, ptr, slice};

use turbojpeg_sys as raw;

use crate::random::Random;

/// Largest side.
const SIDE: usize = 70;

const SAMPLINGS: [raw::TJSAMP; 7] = [
    raw::TJSAMP_TJSAMP_444,
    raw::TJSAMP_TJSAMP_422,
    raw::TJSAMP_TJSAMP_420,
    raw::TJSAMP_TJSAMP_440,
    raw::TJSAMP_TJSAMP_GRAY,
    raw::TJSAMP_TJSAMP_411,
    raw::TJSAMP_TJSAMP_441,
];

/// Images with each size and sampling once.
pub(crate) const ROUND: u64 = (SIDE * SIDE * SAMPLINGS.len()) as u64;

/// The image of a number.
pub(crate) fn image(seed: u64, number: u64) -> Vec<u8> {
    let random = &mut Random::new(seed, number);
    let kind = (number % ROUND) as usize;
    let (width, height) = (1 + kind % SIDE, 1 + kind / SIDE % SIDE);
    let sampling = SAMPLINGS[kind / (SIDE * SIDE)];
    let is_cmyk = random.once_in(60);
    let channels = if is_cmyk { 4 } else { 3 };
    let pixels = content(width, height, channels, random);
    let mut parameters = vec![
        (raw::TJPARAM_TJPARAM_QUALITY, 1 + random.below(100)),
        (raw::TJPARAM_TJPARAM_SUBSAMP, sampling as usize),
        (raw::TJPARAM_TJPARAM_OPTIMIZE, random.below(2)),
        (raw::TJPARAM_TJPARAM_PROGRESSIVE, usize::from(random.once_in(25))),
        (raw::TJPARAM_TJPARAM_ARITHMETIC, usize::from(random.once_in(50))),
    ];
    match random.below(4) {
        0 => parameters.push((raw::TJPARAM_TJPARAM_RESTARTBLOCKS, 1 + random.below(20))),
        1 => parameters.push((raw::TJPARAM_TJPARAM_RESTARTROWS, 1 + random.below(3))),
        _ => {}
    }
    let colours = match () {
        () if is_cmyk => Some(random.of(&[raw::TJCS_TJCS_CMYK, raw::TJCS_TJCS_YCCK])),
        () if sampling == raw::TJSAMP_TJSAMP_444 && random.once_in(4) => Some(raw::TJCS_TJCS_RGB),
        () => None,
    };
    parameters.extend(colours.map(|colours| (raw::TJPARAM_TJPARAM_COLORSPACE, colours as usize)));
    let format = if is_cmyk { raw::TJPF_TJPF_CMYK } else { raw::TJPF_TJPF_RGB };
    encode(&pixels, width, height, format, &parameters)
}

fn encode(
    pixels: &[u8],
    width: usize,
    height: usize,
    format: raw::TJPF,
    parameters: &[(raw::TJPARAM, usize)],
) -> Vec<u8> {
    // SAFETY: the library is given its own live handle and `pixels` of the size that it is told; it allocates the file,
    // which is copied before it is given back.
    unsafe {
        let handle = raw::tj3Init(raw::TJINIT_TJINIT_COMPRESS as c_int);
        for &(parameter, value) in parameters {
            // A combination that does not exist leaves the default.
            raw::tj3Set(handle, parameter as c_int, value as c_int);
        }
        let (mut file, mut len) = (ptr::null_mut(), 0);
        let (width, height, format) = (width as c_int, height as c_int, format as c_int);
        let status =
            raw::tj3Compress8(handle, pixels.as_ptr(), width, 0, height, format, &raw mut file, &raw mut len);
        assert_eq!(status, 0, "{width} x {height}, {parameters:?}");
        let bytes = slice::from_raw_parts(file, len as usize).to_vec();
        raw::tj3Free(file.cast());
        raw::tj3Destroy(handle);
        bytes
    }
}

/// Smooth, noisy, striped, chequered, flat, or a mixture, so that blocks of all kinds occur.
fn content(width: usize, height: usize, channels: usize, random: &mut Random) -> Vec<u8> {
    let (kind, noise, cell) = (random.below(6), 1 + random.below(255), 1 + random.below(12));
    let (slope, base) = (random.below(10), random.byte());
    let mut pixels = Vec::with_capacity(width * height * channels);
    for at in 0..width * height {
        let (x, y) = (at % width, at / width);
        for channel in 0..channels {
            let value = match kind {
                0 => x * slope + y * 3 + channel * 50,
                1 => random.below(noise),
                2 => x / cell % 2 * 255,
                3 => (x / cell + y / cell + channel) % 2 * 255,
                4 => usize::from(base) + channel * 40,
                _ => x * slope + y * 5 + channel * 80 + random.below(noise),
            };
            pixels.push(value as u8);
        }
    }
    pixels
}
