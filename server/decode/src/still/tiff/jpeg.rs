//! JPEG inside TIFF: each strip or tile is a JPEG whose tables may stand in a tag, and the photometric tag says
//! what its components are, whatever markers it carries.

use super::directory::{TRUNCATED, corrupt, tag};
use super::image::Image;
use super::layout::SampleLayout;
use crate::error::DecodeError;
use crate::format::Format;
use crate::jpeg::{self, Turbo};
use crate::limits::DecodeLimits;

/// Facts that the strips and tiles of a file have in common.
#[derive(Debug)]
pub(super) struct Stream {
    /// Start of image, a marker that says what the components are, and the shared tables.
    start: Vec<u8>,
    components: u8,
    /// Sampling factors of the first component, as the tag says them or else the first strip or tile.
    sampling: Option<u8>,
    pixels: u64,
}

impl Stream {
    pub(super) fn new(image: &Image<'_>) -> Result<Self, DecodeError> {
        let ycc = image.layout == SampleLayout::Ycc;
        // "Adobe", version 100, no flags, and 1 for luma and chroma.
        let mut start = b"\xFF\xD8\xFF\xEE\0\x0EAdobe\0\x64\0\0\0\0".to_vec();
        start.push(ycc.into());
        if let Some((kind, tables)) = image.directory.raw(tag::JPEG_TABLES) {
            if !matches!(kind, 1 | 7) {
                return Err(corrupt(format!("jpeg tables of type {kind}")));
            }
            let mut strange = false;
            let wanted = |marker| {
                strange |= !matches!(marker, 0xC4 | 0xDB | 0xE0..=0xEF | 0xFE);
                matches!(marker, 0xC4 | 0xDB)
            };
            copy_segments(tables, wanted, &mut start)?;
            if strange {
                return Err(corrupt("jpeg tables with other segments"));
            }
        }
        let components = if image.planar { 1 } else { image.samples as u8 };
        let pixels = u64::from(image.width) * u64::from(image.height);
        Ok(Self { start, components, sampling: sampling(image, ycc)?, pixels })
    }

    /// Decodes a strip or tile of `size`. A last strip may be as high as `strip_height`.
    pub(super) fn decode(
        &mut self,
        turbo: &mut Turbo,
        stored: &[u8],
        (width, height): (u32, u32),
        strip_height: Option<u32>,
        limits: &DecodeLimits,
        out: &mut [u8],
    ) -> Result<(), DecodeError> {
        let mut file = Vec::new();
        file.try_reserve_exact(self.start.len() + stored.len()).map_err(|_| DecodeError::OutOfMemory)?;
        file.extend_from_slice(&self.start);
        copy_segments(stored, |marker| !matches!(marker, 0xE0..=0xEF), &mut file)?;
        let frame = jpeg::inner_frame(&file, limits.max_scans(self.pixels)).map_err(inside)?;
        let known_height = frame.height == height
            || strip_height.is_some_and(|most| (height..=most).contains(&frame.height));
        if frame.width != width || !known_height || frame.components != self.components {
            return Err(corrupt("a jpeg of another size than its strip or tile"));
        }
        let first = *self.sampling.get_or_insert(frame.sampling[0]);
        let known = [first >> 4, first & 15].iter().all(|factor| matches!(factor, 1 | 2 | 4));
        let rest = &frame.sampling[1..usize::from(frame.components)];
        if !known || first != frame.sampling[0] || rest.iter().any(|&factors| factors != 0x11) {
            return Err(corrupt("a jpeg of other sampling factors than libtiff takes"));
        }
        if self.components > 1 && frame.height == height {
            return jpeg::decode_inner(turbo, &file, frame, out).map_err(inside);
        }
        let len = usize::from(self.components.max(3)) * frame.width as usize * frame.height as usize;
        let mut pixels = Vec::new();
        pixels.try_reserve_exact(len).map_err(|_| DecodeError::OutOfMemory)?;
        pixels.resize(len, 0);
        jpeg::decode_inner(turbo, &file, frame, &mut pixels).map_err(inside)?;
        if self.components == 1 {
            out.iter_mut().zip(pixels.chunks_exact(3)).for_each(|(grey, pixel)| *grey = pixel[0]);
        } else {
            out.copy_from_slice(&pixels[..out.len()]);
        }
        Ok(())
    }
}

/// The factors that a file must have, if its tags say so; only luma may have others than 1.
fn sampling(image: &Image<'_>, ycc: bool) -> Result<Option<u8>, DecodeError> {
    if !ycc {
        return Ok(Some(0x11));
    }
    let told = image.directory.all(tag::SUBSAMPLING)?.filter(|told| told.len() == 2);
    Ok(told.map(|told| told.iter().fold(0, |factors, factor| (factors << 4) | factor.min(15) as u8)))
}

/// Copies the wanted segments of a JPEG, without its start, and everything from the first scan on.
fn copy_segments(
    bytes: &[u8],
    mut wanted: impl FnMut(u8) -> bool,
    out: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    let Some(mut rest) = bytes.strip_prefix(b"\xFF\xD8") else {
        return Err(corrupt("a jpeg without its start"));
    };
    loop {
        match rest {
            [0xFF, 0xD9, ..] | [] => return Ok(()),
            [0xFF, 0xDA, ..] if wanted(0xDA) => {
                out.extend_from_slice(rest);
                return Ok(());
            }
            [0xFF, 0xFF, ..] => rest = &rest[1..],
            [0xFF, marker @ 0xC0..=0xFE, high, low, ..] => {
                let len = 2 + usize::from(u16::from_be_bytes([*high, *low]));
                let segment = rest.get(..len.max(4)).ok_or(TRUNCATED)?;
                if wanted(*marker) {
                    out.extend_from_slice(segment);
                }
                rest = &rest[segment.len()..];
            }
            _ => return Err(corrupt("a jpeg with unknown markers")),
        }
    }
}

/// The JPEG's error as one of the file around it.
fn inside(error: DecodeError) -> DecodeError {
    match error {
        DecodeError::Truncated { .. } => TRUNCATED,
        DecodeError::Corrupt { detail, .. } => corrupt(detail),
        DecodeError::Unsupported { detail, .. } => DecodeError::unsupported(Format::Tiff, detail),
        other => other,
    }
}
