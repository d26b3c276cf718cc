//! Predictors: rows of differences back to samples.

use super::directory::{corrupt, tag, unsupported};
use super::image::{Compression, Image};
use super::layout::{SampleLayout, Wide};
use crate::error::DecodeError;

/// A predictor and the samples that it is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Predictor {
    /// Bytes of a sample, 1, 2 or 4.
    bytes: usize,
    /// Samples from one to the next of the same band.
    stride: usize,
    little_endian: bool,
    float: bool,
}

impl Predictor {
    /// The predictor of an image, if it has one; only LZW and deflate have.
    pub(super) fn read(image: &Image<'_>) -> Result<Option<Self>, DecodeError> {
        if !matches!(image.compression, Compression::Lzw | Compression::Deflate) {
            return Ok(None);
        }
        let float = match image.directory.one(tag::PREDICTOR)? {
            None | Some(1) => return Ok(None),
            Some(2) => false,
            Some(3) if image.layout == SampleLayout::Wide(Wide::Float32) => true,
            Some(other) => return Err(corrupt(format!("predictor {other}"))),
        };
        let bytes = match image.layout.sample_bits() {
            8 => 1,
            16 => 2,
            32 => 4,
            bits => return Err(unsupported(format!("a predictor for {bits} bits"))),
        };
        let stride = if image.planar { 1 } else { image.samples as usize };
        Ok(Some(Self { bytes, stride, little_endian: image.directory.little_endian, float }))
    }

    /// Turns a row of differences into samples.
    pub(super) fn undo(self, row: &mut [u8]) -> Result<(), DecodeError> {
        if !row.len().is_multiple_of(self.bytes * self.stride) {
            return Err(corrupt("rows of a part of a pixel"));
        }
        if self.float {
            return self.undo_float(row);
        }
        match self.bytes {
            1 => (self.stride..row.len()).for_each(|i| row[i] = row[i].wrapping_add(row[i - self.stride])),
            2 => self.add::<2>(row, |a, b| {
                u16::from_le_bytes(a).wrapping_add(u16::from_le_bytes(b)).to_le_bytes()
            }),
            _ => self.add::<4>(row, |a, b| {
                u32::from_le_bytes(a).wrapping_add(u32::from_le_bytes(b)).to_le_bytes()
            }),
        }
        Ok(())
    }

    fn add<const N: usize>(self, row: &mut [u8], sum: impl Fn([u8; N], [u8; N]) -> [u8; N]) {
        let turn = |mut sample: [u8; N]| {
            if !self.little_endian {
                sample.reverse();
            }
            sample
        };
        let samples = row.as_chunks_mut::<N>().0;
        for i in self.stride..samples.len() {
            samples[i] = turn(sum(turn(samples[i]), turn(samples[i - self.stride])));
        }
    }

    /// All first bytes of the samples, all second bytes, and so on, highest first, as differences.
    fn undo_float(self, row: &mut [u8]) -> Result<(), DecodeError> {
        (self.stride..row.len()).for_each(|i| row[i] = row[i].wrapping_add(row[i - self.stride]));
        let mut planes = Vec::new();
        planes.try_reserve_exact(row.len()).map_err(|_| DecodeError::OutOfMemory)?;
        planes.extend_from_slice(row);
        let count = row.len() / 4;
        for (i, sample) in row.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            *sample = [planes[3 * count + i], planes[2 * count + i], planes[count + i], planes[i]];
        }
        Ok(())
    }
}
