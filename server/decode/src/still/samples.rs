//! Samples of the `image` crate to 8-bit RGB with Pillow's arithmetic: alpha is dropped, 16-bit colour keeps its
//! high byte, and 16-bit grey is clamped to 255 (not scaled).

use bandwise_kernels::Rect;
use image::ColorType;

/// Converts `region` of a frame of `width` pixels a row into packed RGB at the start of `out`.
///
/// # Errors
///
/// The name of a sample type that training images do not have (floats).
pub(super) fn region_to_rgb(
    raw: &[u8],
    color: ColorType,
    width: u32,
    region: Rect,
    out: &mut [u8],
) -> Result<(), String> {
    let pixel_len = usize::from(color.bytes_per_pixel());
    let convert: fn(&[u8]) -> [u8; 3] = match color {
        ColorType::L8 | ColorType::La8 => |p| [p[0]; 3],
        ColorType::Rgb8 | ColorType::Rgba8 => |p| [p[0], p[1], p[2]],
        ColorType::L16 | ColorType::La16 => |p| [word(p, 0).min(255) as u8; 3],
        ColorType::Rgb16 | ColorType::Rgba16 => |p| [high(p, 0), high(p, 1), high(p, 2)],
        other => return Err(format!("samples of type {other:?}")),
    };
    let out_rows = out.chunks_exact_mut(3 * region.width as usize);
    for (y, out_row) in (region.y..region.y + region.height).zip(out_rows) {
        let first = y as usize * width as usize + region.x as usize;
        let row = &raw[pixel_len * first..pixel_len * (first + region.width as usize)];
        for (pixel, rgb) in row.chunks_exact(pixel_len).zip(out_row.as_chunks_mut::<3>().0) {
            *rgb = convert(pixel);
        }
    }
    Ok(())
}

fn word(pixel: &[u8], channel: usize) -> u16 {
    u16::from_ne_bytes([pixel[2 * channel], pixel[2 * channel + 1]])
}

fn high(pixel: &[u8], channel: usize) -> u8 {
    (word(pixel, channel) >> 8) as u8
}
