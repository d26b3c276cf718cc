//! The normalised value of each pixel value: 256 numbers per channel, in every float format.

use half::{bf16, f16};

/// Mean and standard deviation per channel (R, G, B), of pixels scaled to 0..1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalization {
    /// The mean, which is subtracted.
    pub mean: [f32; 3],
    /// The divisor afterwards; not 0.
    pub std: [f32; 3],
}

impl Normalization {
    /// The statistics of `ImageNet` that timm and torchvision use.
    pub const IMAGENET: Self = Self { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
}

/// Normalised values of all 8-bit pixels: `(v / 255 - mean) / std`, each step rounded to float32 as torch
/// does it; the narrow formats are that value rounded half to even. About 12 KiB.
#[derive(Clone, Debug)]
pub struct PixelTable {
    f32: Box<[[f32; 256]; 3]>,
    f16: Box<[[u16; 256]; 3]>,
    bf16: Box<[[u16; 256]; 3]>,
    #[cfg(target_arch = "x86_64")]
    bytes: Box<Bytes>,
    #[cfg(target_arch = "x86_64")]
    arithmetic: Option<[Arithmetic; 3]>,
}

impl PixelTable {
    /// The table of a normalisation.
    pub fn new(normalization: &Normalization) -> Self {
        let value = |channel: usize, v: usize| {
            (v as f32 / 255.0 - normalization.mean[channel]) / normalization.std[channel]
        };
        let f32: Box<[[f32; 256]; 3]> =
            Box::new(std::array::from_fn(|channel| std::array::from_fn(|v| value(channel, v))));
        let f16 = Box::new(f32.map(|channel| channel.map(|value| f16::from_f32_const(value).to_bits())));
        let bf16 = Box::new(f32.map(|channel| channel.map(|value| bf16::from_f32_const(value).to_bits())));
        Self {
            #[cfg(target_arch = "x86_64")]
            bytes: Box::new(Bytes {
                f32: f32.map(|channel| by_byte(&channel.map(f32::to_le_bytes))),
                f16: f16.map(|channel| by_byte(&channel.map(u16::to_le_bytes))),
                bf16: bf16.map(|channel| by_byte(&channel.map(u16::to_le_bytes))),
            }),
            #[cfg(target_arch = "x86_64")]
            arithmetic: Arithmetic::all(normalization, &f32),
            f32,
            f16,
            bf16,
        }
    }

    /// The value of pixel value `v` in `channel` (0 red, 1 green, 2 blue).
    ///
    /// # Panics
    ///
    /// If `channel` is above 2.
    pub fn value(&self, channel: usize, v: u8) -> f32 {
        self.f32[channel][usize::from(v)]
    }

    pub(super) fn f32(&self) -> &[[f32; 256]; 3] {
        &self.f32
    }

    /// Bit patterns.
    pub(super) fn f16(&self) -> &[[u16; 256]; 3] {
        &self.f16
    }

    /// Bit patterns.
    pub(super) fn bf16(&self) -> &[[u16; 256]; 3] {
        &self.bf16
    }
}

#[cfg(target_arch = "x86_64")]
impl PixelTable {
    pub(super) fn f32_bytes(&self) -> &[ByteTables<4>; 3] {
        &self.bytes.f32
    }

    pub(super) fn f16_bytes(&self) -> &[ByteTables<2>; 3] {
        &self.bytes.f16
    }

    pub(super) fn bf16_bytes(&self) -> &[ByteTables<2>; 3] {
        &self.bytes.bf16
    }

    /// The arithmetic of the float32 values; `None` for unusual normalisations for which it would give other bits than
    /// the table.
    pub(super) fn arithmetic(&self) -> Option<&[Arithmetic; 3]> {
        self.arithmetic.as_ref()
    }
}

/// A table for each byte of a number, lowest first.
#[cfg(target_arch = "x86_64")]
pub(super) type ByteTables<const N: usize> = [[u8; 256]; N];

/// The three formats' tables for each channel.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Debug)]
struct Bytes {
    f32: [ByteTables<4>; 3],
    f16: [ByteTables<2>; 3],
    bf16: [ByteTables<2>; 3],
}

#[cfg(target_arch = "x86_64")]
const fn by_byte<const N: usize>(numbers: &[[u8; N]; 256]) -> ByteTables<N> {
    let mut tables = [[0; 256]; N];
    let mut i = 0;
    while i < 256 * N {
        tables[i % N][i / N] = numbers[i / N][i % N];
        i += 1;
    }
    tables
}

/// Plain pixel values as float32, for each channel.
#[cfg(target_arch = "x86_64")]
pub(super) static PLAIN: [ByteTables<4>; 3] = {
    let mut numbers = [[0; 4]; 256];
    let mut v = 0;
    while v < 256 {
        numbers[v] = (v as f32).to_le_bytes();
        v += 1;
    }
    [by_byte(&numbers); 3]
};

/// The nearest float.
#[cfg(target_arch = "x86_64")]
pub(super) const RECIPROCAL_OF_255: f32 = 1.0 / 255.0;

/// A channel's normalisation without divisions, which cost more than all the rest.
///
/// A quotient is the product with the reciprocal, and then what is missing from the dividend once more. That
/// is the nearest float for all but the strangest divisors; a table compares all its values before it offers
/// this.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug)]
pub(super) struct Arithmetic {
    pub(super) mean: f32,
    pub(super) std: f32,
    pub(super) reciprocal: f32,
}

#[cfg(target_arch = "x86_64")]
impl Arithmetic {
    /// All channels', if they give these values.
    fn all(normalization: &Normalization, values: &[[f32; 256]; 3]) -> Option<[Self; 3]> {
        let all = std::array::from_fn(|channel| {
            let (mean, std) = (normalization.mean[channel], normalization.std[channel]);
            Self { mean, std, reciprocal: 1.0 / std }
        });
        let agrees = |(arithmetic, values): (&Self, &[f32; 256])| {
            values.iter().enumerate().all(|(v, value)| {
                value.is_finite() && arithmetic.apply(v as f32).to_bits() == value.to_bits()
            })
        };
        all.iter().zip(values).all(agrees).then_some(all)
    }

    /// The value of a pixel value.
    fn apply(&self, plain: f32) -> f32 {
        let divided = |value: f32, divisor: f32, reciprocal: f32| {
            let near = value * reciprocal;
            (-near).mul_add(divisor, value).mul_add(reciprocal, near)
        };
        divided(divided(plain, 255.0, RECIPROCAL_OF_255) - self.mean, self.std, self.reciprocal)
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn the_usual_statistics_are_calculated_without_divisions() {
        let half = Normalization { mean: [0.5; 3], std: [0.5; 3] };
        let clip = Normalization {
            mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
            std: [0.268_629_54, 0.261_302_6, 0.275_777_1],
        };
        let none = Normalization { mean: [0.0; 3], std: [1.0; 3] };
        for normalization in [Normalization::IMAGENET, half, clip, none] {
            assert!(PixelTable::new(&normalization).arithmetic().is_some(), "{normalization:?}");
        }
    }

    #[test]
    fn what_would_differ_from_the_table_is_not_offered() {
        for std in [0.0, 1e-42, f32::NAN, f32::INFINITY] {
            let strange = Normalization { std: [std; 3], ..Normalization::IMAGENET };
            assert!(PixelTable::new(&strange).arithmetic().is_none(), "{std}");
        }
    }
}
