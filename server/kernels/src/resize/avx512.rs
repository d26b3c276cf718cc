//! The two passes with AVX-512 VNNI: products of bytes four at a time, `vpdpbusd` (the quads of `axis`).

use std::arch::x86_64::{
    __m512i, __mmask64, _mm_storeu_si128, _mm512_add_epi32, _mm512_cvtusepi32_epi8, _mm512_dpbusd_epi32,
    _mm512_load_si512, _mm512_loadu_si512, _mm512_mask_storeu_epi8, _mm512_maskz_loadu_epi8,
    _mm512_max_epi32, _mm512_packs_epi32, _mm512_packus_epi16, _mm512_permutexvar_epi8, _mm512_set1_epi32,
    _mm512_setzero_si512, _mm512_slli_epi32, _mm512_srai_epi32, _mm512_unpackhi_epi8, _mm512_unpackhi_epi16,
    _mm512_unpacklo_epi8, _mm512_unpacklo_epi16,
};

use super::axis::{GROUP, HALF, PRECISION, Quad};
use super::rows::{ROWS, Rows};
use super::wide::{LANES, LaneBytes, LaneWeights, Wide};
use crate::level::Avx512;

/// Columns of a step of the vertical pass.
const COLUMNS: usize = 64;

/// The partial sums of the three weight bytes.
type Sums = [__m512i; 3];

/// Bytes that the horizontal pass writes into an output row: whole blocks.
pub(super) fn written_bytes(wide: &Wide) -> usize {
    wide.bases().len() * LANES
}

/// Four rows of the horizontal pass; output row `i` starts at `out[i * stride]`.
pub(super) fn horizontal(_: Avx512, wide: &Wide, rows: Rows<'_>, out: &mut [u8], stride: usize) {
    assert!(rows.iter().all(|row| row.len() >= wide.row_bytes()));
    assert!(stride >= written_bytes(wide) && out.len() >= ROWS * stride);
    // SAFETY: the token proves the instructions; rows and output have the asked lengths.
    unsafe { horizontal_rows(wide, rows, out, stride) }
}

/// # Safety
///
/// Needs AVX-512 F, BW, VBMI and VNNI, rows of at least `wide.row_bytes()`, a stride of at least
/// [`written_bytes`], and `ROWS * stride` bytes of output.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
unsafe fn horizontal_rows(wide: &Wide, rows: Rows<'_>, out: &mut [u8], stride: usize) {
    let tables = wide.bases().iter().zip(wide.bytes()).zip(wide.weights().chunks_exact(3 * wide.groups()));
    for (block, ((&base, bytes), weights)) in tables.enumerate() {
        // SAFETY: windows from `base` on end at `row_bytes` at most.
        let sums = unsafe { horizontal_block(bytes, weights.as_chunks().0, rows, base as usize) };
        for (i, sums) in sums.into_iter().enumerate() {
            let positive = _mm512_max_epi32(round(sums), _mm512_setzero_si512());
            // SAFETY: a row's stores end at `written_bytes`, which the stride covers.
            unsafe {
                let out = out.as_mut_ptr().add(i * stride + LANES * block);
                _mm_storeu_si128(out.cast(), _mm512_cvtusepi32_epi8(positive));
            }
        }
    }
}

/// Sixteen output bytes of four rows.
///
/// # Safety
///
/// Needs AVX-512 F, BW, VBMI and VNNI, and a window in every row for every group, 12 bytes apart, from `base` on.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
unsafe fn horizontal_block(
    bytes: &LaneBytes,
    weights: &[[LaneWeights; 3]],
    rows: Rows<'_>,
    base: usize,
) -> [Sums; ROWS] {
    // SAFETY: the tables are aligned to registers.
    let lanes = unsafe { _mm512_load_si512(bytes.0.as_ptr().cast()) };
    let mut sums = [start(); ROWS];
    for (group, weights) in weights.iter().enumerate() {
        // SAFETY: as above.
        let weights = [0, 1, 2].map(|part| unsafe { _mm512_load_si512(weights[part].0.as_ptr().cast()) });
        for (sums, row) in sums.iter_mut().zip(rows) {
            // SAFETY: the caller vouches for the window.
            let window = unsafe { _mm512_loadu_si512(row.as_ptr().add(base + 3 * GROUP * group).cast()) };
            accumulate(sums, _mm512_permutexvar_epi8(lanes, window), weights);
        }
    }
    sums
}

#[inline]
#[target_feature(enable = "avx512f")]
fn start() -> Sums {
    [_mm512_set1_epi32(HALF), _mm512_setzero_si512(), _mm512_setzero_si512()]
}

#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
fn accumulate(sums: &mut Sums, values: __m512i, weights: [__m512i; 3]) {
    for (sum, weights) in sums.iter_mut().zip(weights) {
        *sum = _mm512_dpbusd_epi32(*sum, values, weights);
    }
}

/// Joins the partial sums and drops the fraction.
#[inline]
#[target_feature(enable = "avx512f")]
fn round(sums: Sums) -> __m512i {
    let upper = _mm512_add_epi32(sums[1], _mm512_slli_epi32::<8>(sums[2]));
    let sum = _mm512_add_epi32(sums[0], _mm512_slli_epi32::<8>(upper));
    _mm512_srai_epi32::<PRECISION>(sum)
}

/// One row of the vertical pass: as the scalar twin, `taps` real weights.
///
/// # Panics
///
/// If `rows` is too short.
pub(super) fn vertical(_: Avx512, quads: &[Quad], taps: usize, rows: &[u8], stride: usize, out: &mut [u8]) {
    assert!(taps > 0 && quads.len() >= taps.div_ceil(GROUP));
    assert!(rows.len() >= (taps - 1) * stride + out.len());
    // SAFETY: the token proves the instructions; the lengths were just checked.
    unsafe { vertical_row(&quads[..taps.div_ceil(GROUP)], taps, rows, stride, out) }
}

/// # Safety
///
/// Needs AVX-512 F, BW and VNNI, and `taps` rows of `out.len()` bytes in `rows`.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn vertical_row(quads: &[Quad], taps: usize, rows: &[u8], stride: usize, out: &mut [u8]) {
    for x in (0..out.len()).step_by(COLUMNS) {
        let width = (out.len() - x).min(COLUMNS);
        let mask = u64::MAX >> (COLUMNS - width);
        // SAFETY: the mask keeps loads and stores inside the rows.
        unsafe {
            let bytes = vertical_columns(quads, taps, rows.as_ptr().add(x), stride, mask);
            _mm512_mask_storeu_epi8(out.as_mut_ptr().add(x).cast(), mask, bytes);
        }
    }
}

/// # Safety
///
/// Needs AVX-512 F, BW and VNNI, and the bytes of `mask` at `k * stride` behind `rows` for `k` below `taps`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn vertical_columns(
    quads: &[Quad],
    taps: usize,
    rows: *const u8,
    stride: usize,
    mask: __mmask64,
) -> __m512i {
    let mut sums = [start(); 4];
    for (group, quad) in quads.iter().enumerate() {
        let weights = quad.0.map(|part| _mm512_set1_epi32(part));
        let row = |k: usize| {
            // Rows behind the last tap repeat it under weight 0.
            let k = (GROUP * group + k).min(taps - 1);
            // SAFETY: the row number is below `taps`.
            unsafe { _mm512_maskz_loadu_epi8(mask, rows.add(k * stride).cast()) }
        };
        let (a, b, c, d) = (row(0), row(1), row(2), row(3));
        let (near_ab, far_ab) = (_mm512_unpacklo_epi8(a, b), _mm512_unpackhi_epi8(a, b));
        let (near_cd, far_cd) = (_mm512_unpacklo_epi8(c, d), _mm512_unpackhi_epi8(c, d));
        let values = [
            _mm512_unpacklo_epi16(near_ab, near_cd),
            _mm512_unpackhi_epi16(near_ab, near_cd),
            _mm512_unpacklo_epi16(far_ab, far_cd),
            _mm512_unpackhi_epi16(far_ab, far_cd),
        ];
        for (sums, values) in sums.iter_mut().zip(values) {
            accumulate(sums, values, weights);
        }
    }
    // Within each quarter, the four sums hold the columns 0-3, 4-7, 8-11, 12-15: packing restores the order.
    let near = _mm512_packs_epi32(round(sums[0]), round(sums[1]));
    let far = _mm512_packs_epi32(round(sums[2]), round(sums[3]));
    _mm512_packus_epi16(near, far)
}
