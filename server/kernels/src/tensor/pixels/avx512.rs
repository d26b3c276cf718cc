//! Pixels into planes with AVX-512 VBMI, 64 at a time.
//!
//! A channel of 64 pixels is gathered from 192 bytes by two byte permutations. A table of bytes is four
//! registers, and two more permutations look all 64 values up in it; a wide number is looked up byte by byte
//! (lowest first), and its bytes are put together by unpacking. Unpacking works on quarters of a register, so
//! the pixels are gathered in the order that leaves the numbers in theirs.

use std::arch::x86_64::{
    __m512i, __mmask64, _mm512_loadu_si512, _mm512_mask_mov_epi8, _mm512_mask_permutexvar_epi8,
    _mm512_movepi8_mask, _mm512_permutex2var_epi8, _mm512_setzero_si512, _mm512_unpackhi_epi8,
    _mm512_unpackhi_epi16, _mm512_unpacklo_epi8, _mm512_unpacklo_epi16,
};

use super::super::table::{ByteTables, PLAIN, PixelTable};
use super::{Dtype, runs};
use crate::RgbView;
use crate::avx512::{load_some, store_some};
use crate::level::Avx512;

/// Pixels of a step, and bytes of a register.
const STEP: usize = 64;

/// Writes planes of `dtype`; `out` must have room for exactly three.
pub(super) fn write_planes(_: Avx512, table: &PixelTable, src: RgbView<'_>, dtype: Dtype, out: &mut [u8]) {
    // SAFETY: the token proves AVX-512 F, BW and VBMI.
    unsafe {
        match dtype {
            Dtype::U8 => planes(None::<&[ByteTables<1>; 3]>, src, out),
            Dtype::F16 => planes(Some(table.f16_bytes()), src, out),
            Dtype::Bf16 => planes(Some(table.bf16_bytes()), src, out),
            Dtype::F32 => planes(Some(table.f32_bytes()), src, out),
        }
    }
}

/// Writes planes of floats; `out` must have room for exactly three.
pub(super) fn float_planes(_: Avx512, table: Option<&PixelTable>, src: RgbView<'_>, out: &mut [f32]) {
    // SAFETY: floats are bytes without gaps, and any bytes are floats.
    let out = unsafe { std::slice::from_raw_parts_mut(out.as_mut_ptr().cast::<u8>(), 4 * out.len()) };
    let tables = table.map_or(&PLAIN, PixelTable::f32_bytes);
    // SAFETY: the token proves AVX-512 F, BW and VBMI.
    unsafe { planes(Some(tables), src, out) }
}

/// Three planes of numbers of `N` bytes: looked up, or the pixels themselves.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn planes<const N: usize>(tables: Option<&[ByteTables<N>; 3]>, src: RgbView<'_>, out: &mut [u8]) {
    let size = N * src.width() * src.height();
    for (first, run) in runs(src) {
        for channel in 0..3 {
            let out = &mut out[channel * size + N * first..][..N * run.len() / 3];
            match tables {
                Some(tables) => looked_up(&tables[channel], channel, run, out),
                None => raw(channel, run, out),
            }
        }
    }
}

/// One channel of a run as it is.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn raw(channel: usize, run: &[u8], out: &mut [u8]) {
    let gather = Gather::new(&ORDERED[channel]);
    for (pixels, out) in run.chunks(3 * STEP).zip(out.chunks_mut(STEP)) {
        store_some(gather.apply(pixels), out);
    }
}

/// One channel of a run, looked up.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn looked_up<const N: usize>(tables: &ByteTables<N>, channel: usize, run: &[u8], out: &mut [u8]) {
    let gather = Gather::new(if N == 2 { &FOR_PAIRS[channel] } else { &FOR_FOURS[channel] });
    let mut registers = [[_mm512_setzero_si512(); 4]; N];
    for (registers, table) in registers.iter_mut().zip(tables) {
        for (register, quarter) in registers.iter_mut().zip(table.as_chunks::<STEP>().0) {
            // SAFETY: a quarter of a table is a register.
            *register = unsafe { _mm512_loadu_si512(quarter.as_ptr().cast()) };
        }
    }
    for (pixels, out) in run.chunks(3 * STEP).zip(out.chunks_mut(N * STEP)) {
        let values = gather.apply(pixels);
        let upper = _mm512_movepi8_mask(values);
        let mut bytes = [values; N];
        for (bytes, registers) in bytes.iter_mut().zip(&registers) {
            *bytes = permute(registers, values, upper);
        }
        let mut numbers = [values; N];
        if N == 2 {
            numbers[0] = _mm512_unpacklo_epi8(bytes[0], bytes[1]);
            numbers[1] = _mm512_unpackhi_epi8(bytes[0], bytes[1]);
        } else {
            let low = [_mm512_unpacklo_epi8(bytes[0], bytes[1]), _mm512_unpackhi_epi8(bytes[0], bytes[1])];
            let high = [_mm512_unpacklo_epi8(bytes[2], bytes[3]), _mm512_unpackhi_epi8(bytes[2], bytes[3])];
            for half in 0..2 {
                numbers[2 * half] = _mm512_unpacklo_epi16(low[half], high[half]);
                numbers[2 * half + 1] = _mm512_unpackhi_epi16(low[half], high[half]);
            }
        }
        for (number, out) in numbers.into_iter().zip(out.chunks_mut(STEP)) {
            store_some(number, out);
        }
    }
}

/// One table's values: the lower seven bits choose in each half, the upper bit between the halves.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn permute(table: &[__m512i; 4], values: __m512i, upper: __mmask64) -> __m512i {
    let lower_half = _mm512_permutex2var_epi8(table[0], values, table[1]);
    let upper_half = _mm512_permutex2var_epi8(table[2], values, table[3]);
    _mm512_mask_mov_epi8(lower_half, upper, upper_half)
}

/// The permutation that gathers a channel.
struct Gather {
    from_first_two: __m512i,
    from_third: __m512i,
    third: __mmask64,
}

impl Gather {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn new(places: &[u8; STEP]) -> Self {
        let third =
            places.iter().enumerate().fold(0, |mask, (i, &place)| mask | u64::from(place >= 128) << i);
        // SAFETY: a register is read. The permutations look at the lower seven and six bits only.
        let places = unsafe { _mm512_loadu_si512(places.as_ptr().cast()) };
        Self { from_first_two: places, from_third: places, third }
    }

    /// From up to 192 bytes; what is missing counts as 0.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn apply(&self, pixels: &[u8]) -> __m512i {
        let mut parts = [_mm512_setzero_si512(); 3];
        for (part, pixels) in parts.iter_mut().zip(pixels.chunks(STEP)) {
            *part = load_some(pixels);
        }
        let first = _mm512_permutex2var_epi8(parts[0], self.from_first_two, parts[1]);
        _mm512_mask_permutexvar_epi8(first, self.third, self.from_third, parts[2])
    }
}

/// The position of each byte of a channel among 192, for numbers of 1, 2 and 4 bytes.
const ORDERED: [[u8; STEP]; 3] = places(1);
const FOR_PAIRS: [[u8; STEP]; 3] = places(2);
const FOR_FOURS: [[u8; STEP]; 3] = places(4);

/// Unpacking `size` registers takes `16 / size` neighbours out of each quarter for every result.
const fn places(size: usize) -> [[u8; STEP]; 3] {
    let mut all = [[0; STEP]; 3];
    let taken = 16 / size;
    let mut i = 0;
    while i < 3 * STEP {
        let (channel, place) = (i / STEP, i % STEP);
        let (quarter, rest) = (place / 16, place % 16);
        let pixel = STEP / size * (rest / taken) + taken * quarter + rest % taken;
        all[channel][place] = (3 * pixel + channel) as u8;
        i += 1;
    }
    all
}
