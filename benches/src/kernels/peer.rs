//! Other libraries at the same work.
//!
//! Both keep their memory between calls, as ours does. `fast_image_resize` gets its widest instructions (AVX2)
//! and makes its weights anew for each call; ours keeps those of the last sizes, which is part of its design.

use anyhow::{Context as _, Result};
use bandwise_kernels::{Filter, RgbView};
use fast_image_resize::{
    FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer,
    images::{Image, ImageRef},
};

use super::subject::{Owner, Variant};

/// `fast_image_resize`, three bytes a pixel, the same filter, to `side` x `side`.
pub(super) fn resize(view: RgbView<'_>, filter: Filter, side: usize) -> Result<Variant<'_>> {
    let filter = match filter {
        Filter::Bilinear => FilterType::Bilinear,
        // Cubic convolution with a = -0.5 goes by this name.
        Filter::Bicubic => FilterType::CatmullRom,
        Filter::Lanczos => FilterType::Lanczos3,
    };
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter));
    let (width, height) = (view.width() as u32, view.height() as u32);
    let source = ImageRef::new(width, height, view.tail(0), PixelType::U8x3)?;
    let mut resizer = Resizer::new();
    let call = move |out: &mut [u8]| {
        let mut target = Image::from_slice_u8(side as u32, side as u32, out, PixelType::U8x3)?;
        resizer.resize(&source, &mut target, &options).context("fast_image_resize refuses")
    };
    Ok(Variant { name: "fast_image_resize", owner: Owner::Peer, call: Box::new(call) })
}

/// libjpeg-turbo: the whole frame to RGB; the last row goes out.
pub(super) fn whole_frame(file: &[u8]) -> Result<Variant<'_>> {
    let mut decompressor = turbojpeg::Decompressor::new()?;
    let mut pixels = Vec::new();
    let call = move |out: &mut [u8]| {
        let header = decompressor.read_header(file)?;
        let (width, height, pitch) = (header.width, header.height, 3 * header.width);
        pixels.resize(pitch * height, 0);
        let image = turbojpeg::Image {
            pixels: pixels.as_mut_slice(),
            width,
            pitch,
            height,
            format: turbojpeg::PixelFormat::RGB,
        };
        decompressor.decompress(file, image)?;
        out.copy_from_slice(&pixels[pitch * (height - 1)..]);
        Ok(())
    };
    Ok(Variant { name: "libjpeg-turbo", owner: Owner::Peer, call: Box::new(call) })
}
