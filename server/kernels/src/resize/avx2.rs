//! The two passes with AVX2: products of 16-bit numbers in pairs, `pmaddwd` (the pairs of `split`).

use std::arch::x86_64::{
    __m128i, __m256i, _mm_loadu_si128, _mm_storeu_si128, _mm256_add_epi32, _mm256_castsi128_si256,
    _mm256_castsi256_si128, _mm256_extracti128_si256, _mm256_inserti128_si256, _mm256_loadu_si256,
    _mm256_madd_epi16, _mm256_packs_epi32, _mm256_packus_epi16, _mm256_set1_epi32, _mm256_setr_epi8,
    _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_slli_epi32, _mm256_srai_epi32, _mm256_storeu_si256,
    _mm256_unpackhi_epi8, _mm256_unpacklo_epi8,
};

use super::filter::{HALF, PRECISION};
use super::rows::{ROWS, Rows};
use super::spans::{BLOCK, GROUP};
use super::split::{PAIR_SHIFT, Pair};
use super::tables::Tables;
use crate::level::Avx2;

/// Bytes that are loaded at once from a row of the horizontal pass: four pixels and four bytes more.
const LOAD: usize = 16;

/// Columns of a step of the vertical pass.
pub(super) const COLUMNS: usize = 32;

/// Bytes that an input row of the horizontal pass must have: what the last output loads.
pub(super) fn row_bytes(tables: &Tables) -> usize {
    let last = tables.spans.starts().last().map_or(0, |&start| start as usize);
    3 * last + 3 * tables.spans.taps() + LOAD - 3 * GROUP
}

/// Bytes that the horizontal pass writes into an output row: whole blocks, and the end of the last store.
pub(super) fn written_bytes(tables: &Tables) -> usize {
    3 * tables.spans.starts().len() + LOAD - 3 * BLOCK
}

/// Four rows of the horizontal pass with the pairs of the tables; output row `i` starts at `out[i * stride]`.
pub(super) fn horizontal(
    _: Avx2,
    tables: &Tables,
    pairs: &[Pair],
    rows: Rows<'_>,
    out: &mut [u8],
    stride: usize,
) {
    assert!(rows.iter().all(|row| row.len() >= row_bytes(tables)));
    assert!(stride >= written_bytes(tables) && out.len() >= ROWS * stride);
    // SAFETY: the token proves AVX2; rows and output have the asked lengths.
    unsafe { horizontal_rows(tables, pairs, rows, out, stride) }
}

/// # Safety
///
/// Needs AVX2, rows of at least [`row_bytes`], a stride of at least [`written_bytes`], and `ROWS * stride`
/// bytes of output.
#[target_feature(enable = "avx2")]
unsafe fn horizontal_rows(tables: &Tables, pairs: &[Pair], rows: Rows<'_>, out: &mut [u8], stride: usize) {
    let rows = rows.map(<[u8]>::as_ptr);
    for (block, starts) in tables.spans.starts().as_chunks::<BLOCK>().0.iter().enumerate() {
        let mut sums = [[_mm256_setzero_si256(); BLOCK]; ROWS / 2];
        for (i, &start) in starts.iter().enumerate() {
            let pairs = &pairs[(block * BLOCK + i) * tables.spans.taps() / 2..][..tables.spans.taps() / 2];
            // SAFETY: the furthest load, at the largest start and the last group, ends at `row_bytes`.
            let pixel = unsafe { horizontal_pixel(pairs, rows.map(|row| row.add(3 * start as usize))) };
            sums[0][i] = pixel[0];
            sums[1][i] = pixel[1];
        }
        for (half, sums) in sums.into_iter().enumerate() {
            let at = 2 * half * stride + 3 * BLOCK * block;
            // SAFETY: a row's stores end at `written_bytes` at most, which the stride covers.
            unsafe { store_block(sums, out.as_mut_ptr().add(at), stride) }
        }
    }
}

/// One output pixel of four rows: 32-bit R G B and an unused lane, two rows in a register.
///
/// # Safety
///
/// Needs AVX2, and `6 * pairs.len() + 4` readable bytes at every pointer.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn horizontal_pixel(pairs: &[Pair], rows: [*const u8; ROWS]) -> [__m256i; ROWS / 2] {
    // From   R0 G0 B0 R1 G1 B1 R2 G2 B2 R3 G3 B3 ...   to 16-bit lanes   R0 R1  G0 G1  B0 B1  0 0
    let first = _mm256_setr_epi8(
        0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1, //
        0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1,
    );
    // The same for the pixels 2 and 3 of the four.
    let second = _mm256_setr_epi8(
        6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1, //
        6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1,
    );
    let mut high = [_mm256_setzero_si256(); ROWS / 2];
    let mut low = [_mm256_set1_epi32(HALF); ROWS / 2];
    for (group, [a, b]) in pairs.as_chunks::<2>().0.iter().enumerate() {
        let at = 3 * GROUP * group;
        for half in 0..ROWS / 2 {
            // SAFETY: groups are twelve bytes apart, so the last one is sixteen bytes from the end.
            let taps = unsafe { load_two(rows[2 * half].add(at), rows[2 * half + 1].add(at)) };
            for (pair, lanes) in [(a, first), (b, second)] {
                let values = _mm256_shuffle_epi8(taps, lanes);
                high[half] = accumulate(high[half], values, pair.high);
                low[half] = accumulate(low[half], values, pair.low);
            }
        }
    }
    [round(high[0], low[0]), round(high[1], low[1])]
}

/// Sixteen bytes of one row in the low half, of another in the high half.
///
/// # Safety
///
/// Needs AVX2, and 16 readable bytes at each pointer.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn load_two(a: *const u8, b: *const u8) -> __m256i {
    // SAFETY: the caller vouches for the bytes; the loads need no alignment.
    let (a, b): (__m128i, __m128i) = unsafe { (_mm_loadu_si128(a.cast()), _mm_loadu_si128(b.cast())) };
    _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(a), b)
}

#[inline]
#[target_feature(enable = "avx2")]
fn accumulate(sum: __m256i, values: __m256i, weights: i32) -> __m256i {
    _mm256_add_epi32(sum, _mm256_madd_epi16(values, _mm256_set1_epi32(weights)))
}

/// Joins the partial sums and drops the fraction.
#[inline]
#[target_feature(enable = "avx2")]
fn round(high: __m256i, low: __m256i) -> __m256i {
    let sum = _mm256_add_epi32(low, _mm256_slli_epi32::<PAIR_SHIFT>(high));
    _mm256_srai_epi32::<{ PRECISION as i32 }>(sum)
}

/// Clamps four pixels of two rows to bytes and stores them: 12 bytes and 4 zeros into each row.
///
/// # Safety
///
/// Needs AVX2, and 16 writable bytes at `out` and at `out + stride`.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn store_block(sums: [__m256i; BLOCK], out: *mut u8, stride: usize) {
    let pixels =
        _mm256_packus_epi16(_mm256_packs_epi32(sums[0], sums[1]), _mm256_packs_epi32(sums[2], sums[3]));
    // From   R0 G0 B0 -- R1 G1 B1 -- R2 G2 B2 -- R3 G3 B3 --   to   R0 G0 B0 R1 G1 B1 R2 G2 B2 R3 G3 B3
    let tight = _mm256_setr_epi8(
        0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1, //
        0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1,
    );
    let bytes = _mm256_shuffle_epi8(pixels, tight);
    // SAFETY: the caller vouches for both places.
    unsafe {
        _mm_storeu_si128(out.cast(), _mm256_castsi256_si128(bytes));
        _mm_storeu_si128(out.add(stride).cast(), _mm256_extracti128_si256::<1>(bytes));
    }
}

/// One row of the vertical pass, at least [`COLUMNS`] bytes wide: as the scalar twin, `taps` real weights.
///
/// # Panics
///
/// If `rows` is too short or `out` too narrow.
pub(super) fn vertical(_: Avx2, pairs: &[Pair], taps: usize, rows: &[u8], stride: usize, out: &mut [u8]) {
    assert!(out.len() >= COLUMNS && taps > 0 && pairs.len() >= taps.div_ceil(2));
    assert!(rows.len() >= (taps - 1) * stride + out.len());
    // SAFETY: the token proves AVX2; the lengths were just checked.
    unsafe { vertical_row(&pairs[..taps.div_ceil(2)], taps, rows, stride, out) }
}

/// # Safety
///
/// Needs AVX2, `out` of at least [`COLUMNS`] bytes, and `taps` rows of `out.len()` bytes in `rows`.
#[target_feature(enable = "avx2")]
unsafe fn vertical_row(pairs: &[Pair], taps: usize, rows: &[u8], stride: usize, out: &mut [u8]) {
    let last = out.len() - COLUMNS;
    // The last step overlaps the one before, and computes some columns twice.
    for x in (0..last).step_by(COLUMNS).chain([last]) {
        // SAFETY: `x + COLUMNS` is at most the width of a row.
        unsafe {
            let bytes = vertical_columns(pairs, taps, rows.as_ptr().add(x), stride);
            _mm256_storeu_si256(out.as_mut_ptr().add(x).cast(), bytes);
        }
    }
}

/// # Safety
///
/// Needs AVX2, and [`COLUMNS`] bytes at `k * stride` behind `rows` for every `k` below `taps`.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn vertical_columns(pairs: &[Pair], taps: usize, rows: *const u8, stride: usize) -> __m256i {
    let zero = _mm256_setzero_si256();
    let mut high = [zero; 4];
    let mut low = [_mm256_set1_epi32(HALF); 4];
    for (k, pair) in pairs.iter().enumerate() {
        // An odd last tap is paired with itself under weight 0.
        let next = (2 * k + 1).min(taps - 1);
        // SAFETY: both row numbers are below `taps`.
        let (a, b) = unsafe {
            let a: __m256i = _mm256_loadu_si256(rows.add(2 * k * stride).cast());
            (a, _mm256_loadu_si256(rows.add(next * stride).cast()))
        };
        let (near, far) = (_mm256_unpacklo_epi8(a, b), _mm256_unpackhi_epi8(a, b));
        let values = [
            _mm256_unpacklo_epi8(near, zero),
            _mm256_unpackhi_epi8(near, zero),
            _mm256_unpacklo_epi8(far, zero),
            _mm256_unpackhi_epi8(far, zero),
        ];
        for i in 0..4 {
            high[i] = accumulate(high[i], values[i], pair.high);
            low[i] = accumulate(low[i], values[i], pair.low);
        }
    }
    // Within each half, the four sums hold the columns 0-3, 4-7, 8-11, 12-15: packing restores the order.
    let near = _mm256_packs_epi32(round(high[0], low[0]), round(high[1], low[1]));
    let far = _mm256_packs_epi32(round(high[2], low[2]), round(high[3], low[3]));
    _mm256_packus_epi16(near, far)
}
