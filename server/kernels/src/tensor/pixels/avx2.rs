//! Pixels into planes with AVX2, FMA and F16C, 16 at a time.
//!
//! A channel of 16 pixels is gathered from 48 bytes by three shuffles. Its numbers are calculated as
//! [`Arithmetic`] says, which gives the table's bits; where the table does not offer it, the scalar level
//! takes over.

use std::arch::x86_64::{
    __m128i, __m256, __m256i, _MM_FROUND_TO_NEAREST_INT, _mm_loadu_si128, _mm_or_si128, _mm_packus_epi32,
    _mm_shuffle_epi8, _mm_srli_si128, _mm_storeu_si128, _mm256_add_epi32, _mm256_and_si256,
    _mm256_castps_si256, _mm256_castsi256_si128, _mm256_cvtepi32_ps, _mm256_cvtepu8_epi32, _mm256_cvtps_ph,
    _mm256_extracti128_si256, _mm256_fmadd_ps, _mm256_fnmadd_ps, _mm256_mul_ps, _mm256_set1_epi32,
    _mm256_set1_ps, _mm256_srli_epi32, _mm256_storeu_ps, _mm256_sub_ps,
};

use super::super::table::{Arithmetic, PixelTable, RECIPROCAL_OF_255};
use super::super::{Dtype, Layout};
use super::{runs, scalar};
use crate::RgbView;
use crate::level::Avx2;

/// Pixels of a step.
const STEP: usize = 16;

/// Bytes of a step's pixels.
const BYTES: usize = 3 * STEP;

/// Round half to even, whatever the control register says.
const ROUNDING: i32 = _MM_FROUND_TO_NEAREST_INT;

/// Writes planes of `dtype`; `out` must have room for exactly three.
pub(super) fn write_planes(_: Avx2, table: &PixelTable, src: RgbView<'_>, dtype: Dtype, out: &mut [u8]) {
    // SAFETY: the token proves AVX2, FMA and F16C.
    unsafe {
        match (dtype, table.arithmetic()) {
            (Dtype::U8, _) => raw(src, out),
            (Dtype::F16, Some(arithmetic)) => halves(arithmetic, src, out),
            (Dtype::Bf16, Some(arithmetic)) => brains(arithmetic, src, out),
            (Dtype::F32, Some(arithmetic)) => floats(arithmetic, src, out),
            (dtype, None) => scalar::write_pixels(table, src, dtype, Layout::Nchw, out),
        }
    }
}

/// Writes planes of floats; `out` must have room for exactly three.
pub(super) fn float_planes(_: Avx2, table: Option<&PixelTable>, src: RgbView<'_>, out: &mut [f32]) {
    let arithmetic = table.map(PixelTable::arithmetic);
    if matches!(arithmetic, Some(None)) {
        scalar::float_planes(table, src, out);
        return;
    }
    // SAFETY: floats are bytes without gaps, and any bytes are floats.
    let out = unsafe { std::slice::from_raw_parts_mut(out.as_mut_ptr().cast::<u8>(), 4 * out.len()) };
    // SAFETY: the token proves AVX2, FMA and F16C.
    unsafe {
        match arithmetic.flatten() {
            Some(arithmetic) => floats(arithmetic, src, out),
            None => plain_floats(src, out),
        }
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn raw(src: RgbView<'_>, out: &mut [u8]) {
    planes::<16, _>(src, out, |_| |bytes, out: &mut [u8; 16]| store(out, [bytes]));
}

#[target_feature(enable = "avx2,fma,f16c")]
fn plain_floats(src: RgbView<'_>, out: &mut [u8]) {
    planes::<64, _>(src, out, |_| |bytes, out: &mut [u8; 64]| store_floats(out, plain(bytes)));
}

#[target_feature(enable = "avx2,fma,f16c")]
fn floats(arithmetic: &[Arithmetic; 3], src: RgbView<'_>, out: &mut [u8]) {
    planes::<64, _>(src, out, |channel| {
        let by = Lanes::new(&arithmetic[channel]);
        move |bytes, out: &mut [u8; 64]| store_floats(out, by.normalized(bytes))
    });
}

#[target_feature(enable = "avx2,fma,f16c")]
fn halves(arithmetic: &[Arithmetic; 3], src: RgbView<'_>, out: &mut [u8]) {
    planes::<32, _>(src, out, |channel| {
        let by = Lanes::new(&arithmetic[channel]);
        move |bytes, out: &mut [u8; 32]| {
            let [low, high] = by.normalized(bytes);
            store(out, [_mm256_cvtps_ph::<ROUNDING>(low), _mm256_cvtps_ph::<ROUNDING>(high)]);
        }
    });
}

#[target_feature(enable = "avx2,fma,f16c")]
fn brains(arithmetic: &[Arithmetic; 3], src: RgbView<'_>, out: &mut [u8]) {
    planes::<32, _>(src, out, |channel| {
        let by = Lanes::new(&arithmetic[channel]);
        move |bytes, out: &mut [u8; 32]| {
            let [low, high] = by.normalized(bytes);
            store(out, [brain(low), brain(high)]);
        }
    });
}

/// Three planes: what `numbers` gives for a channel writes those of 16 pixels, `OUT` bytes.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn planes<const OUT: usize, F: Fn(__m128i, &mut [u8; OUT])>(
    src: RgbView<'_>,
    out: &mut [u8],
    numbers: impl Fn(usize) -> F,
) {
    let element = OUT / STEP;
    let size = element * src.width() * src.height();
    for (first, run) in runs(src) {
        for channel in 0..3 {
            let out = &mut out[channel * size + element * first..][..element * run.len() / 3];
            plane(channel, run, out, numbers(channel));
        }
    }
}

/// One channel of a run.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn plane<const OUT: usize>(
    channel: usize,
    run: &[u8],
    out: &mut [u8],
    write: impl Fn(__m128i, &mut [u8; OUT]),
) {
    let gather = Gather::new(channel);
    let (whole, rest) = run.as_chunks::<BYTES>();
    let (out, out_rest) = out.as_chunks_mut::<OUT>();
    for (pixels, out) in whole.iter().zip(out) {
        write(gather.apply(pixels), out);
    }
    let (mut pixels, mut numbers) = ([0; BYTES], [0; OUT]);
    pixels[..rest.len()].copy_from_slice(rest);
    write(gather.apply(&pixels), &mut numbers);
    out_rest.copy_from_slice(&numbers[..out_rest.len()]);
}

/// 16 pixel values as floats.
#[inline]
#[target_feature(enable = "avx2")]
fn plain(bytes: __m128i) -> [__m256; 2] {
    [bytes, _mm_srli_si128::<8>(bytes)].map(|bytes| _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes)))
}

/// [`Arithmetic`] in every lane.
#[derive(Clone, Copy)]
struct Lanes {
    mean: __m256,
    std: __m256,
    reciprocal: __m256,
}

impl Lanes {
    #[inline]
    #[target_feature(enable = "avx2")]
    fn new(arithmetic: &Arithmetic) -> Self {
        Self {
            mean: _mm256_set1_ps(arithmetic.mean),
            std: _mm256_set1_ps(arithmetic.std),
            reciprocal: _mm256_set1_ps(arithmetic.reciprocal),
        }
    }

    /// The result of [`Arithmetic::apply`] for 16 pixel values.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn normalized(&self, bytes: __m128i) -> [__m256; 2] {
        let (full, part) = (_mm256_set1_ps(255.0), _mm256_set1_ps(RECIPROCAL_OF_255));
        plain(bytes).map(|value| {
            let centred = _mm256_sub_ps(divided(value, full, part), self.mean);
            divided(centred, self.std, self.reciprocal)
        })
    }
}

/// A quotient by way of the reciprocal, corrected once.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn divided(value: __m256, divisor: __m256, reciprocal: __m256) -> __m256 {
    let near = _mm256_mul_ps(value, reciprocal);
    _mm256_fmadd_ps(_mm256_fnmadd_ps(near, divisor, value), reciprocal, near)
}

/// Finite floats rounded half to even to their upper halves.
#[inline]
#[target_feature(enable = "avx2")]
fn brain(values: __m256) -> __m128i {
    let bits: __m256i = _mm256_castps_si256(values);
    let last = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
    let rounded = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), last);
    let halves = _mm256_srli_epi32::<16>(rounded);
    _mm_packus_epi32(_mm256_castsi256_si128(halves), _mm256_extracti128_si256::<1>(halves))
}

/// Stores one register after the other; `out` has room for exactly these.
#[inline]
#[target_feature(enable = "avx2")]
fn store<const N: usize>(out: &mut [u8], registers: [__m128i; N]) {
    for (out, register) in out.as_chunks_mut::<16>().0.iter_mut().zip(registers) {
        // SAFETY: 16 bytes are written, unaligned.
        unsafe { _mm_storeu_si128(out.as_mut_ptr().cast(), register) }
    }
}

/// Stores 16 floats.
#[inline]
#[target_feature(enable = "avx2")]
fn store_floats(out: &mut [u8; 64], values: [__m256; 2]) {
    for (out, values) in out.as_chunks_mut::<32>().0.iter_mut().zip(values) {
        // SAFETY: 32 bytes are written, unaligned.
        unsafe { _mm256_storeu_ps(out.as_mut_ptr().cast(), values) }
    }
}

/// Which bytes of each of three registers belong to a channel of 16 pixels.
struct Gather([__m128i; 3]);

impl Gather {
    #[inline]
    #[target_feature(enable = "avx2")]
    fn new(channel: usize) -> Self {
        // A number with the upper bit set gives 0.
        let mut places = [[0x80_u8; STEP]; 3];
        for (pixel, at) in (channel..BYTES).step_by(3).enumerate() {
            places[at / STEP][pixel] = (at % STEP) as u8;
        }
        Self(places.map(|places| {
            // SAFETY: 16 bytes are read, unaligned.
            unsafe { _mm_loadu_si128(places.as_ptr().cast()) }
        }))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn apply(&self, pixels: &[u8; BYTES]) -> __m128i {
        let part = |i: usize| {
            // SAFETY: each third of the bytes is a register.
            let bytes = unsafe { _mm_loadu_si128(pixels.as_ptr().add(i * STEP).cast()) };
            _mm_shuffle_epi8(bytes, self.0[i])
        };
        _mm_or_si128(_mm_or_si128(part(0), part(1)), part(2))
    }
}
