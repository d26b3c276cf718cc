//! The two passes with AVX-512 VNNI: products of bytes four at a time, `vpdpbusd` (the quads of `split`).
//!
//! The horizontal pass makes four rows at a time and stores them interleaved, one byte of each in turn. The vertical pass
//! then finds the four bytes that it multiplies side by side.

use std::arch::x86_64::{
    __m512i, __mmask64, _mm512_add_epi32, _mm512_dpbusd_epi32, _mm512_load_si512, _mm512_loadu_si512,
    _mm512_maskz_loadu_epi8, _mm512_packs_epi32, _mm512_packus_epi16, _mm512_permutex2var_epi8,
    _mm512_permutexvar_epi8, _mm512_permutexvar_epi32, _mm512_set_epi32, _mm512_set1_epi32,
    _mm512_set4_epi32, _mm512_setzero_si512, _mm512_shuffle_epi8, _mm512_slli_epi32, _mm512_srai_epi32,
    _mm512_storeu_si512, _mm512_unpackhi_epi8, _mm512_unpackhi_epi16, _mm512_unpacklo_epi8,
    _mm512_unpacklo_epi16,
};

use super::filter::{HALF, PRECISION};
use super::rows::{ROWS, Rows};
use super::spans::GROUP;
use super::split::Quad;
use super::wide::{LANES, LaneBytes, LaneWeights, Wide};
use crate::avx512::store_some;
use crate::level::Avx512;

/// Columns of a step of the vertical pass.
const COLUMNS: usize = 64;

/// The partial sums of the three weight bytes.
type Sums = [__m512i; 3];

/// Bytes that the horizontal pass writes for each output row: whole blocks.
pub(super) fn written_bytes(wide: &Wide) -> usize {
    wide.bases().len() * LANES
}

/// Four rows of the horizontal pass, interleaved: byte `x` of row `i` is `out[4 * x + i]`.
pub(super) fn horizontal(_: Avx512, wide: &Wide, rows: Rows<'_>, out: &mut [u8]) {
    assert!(rows.iter().all(|row| row.len() >= wide.row_bytes()));
    let out = &mut out[..ROWS * written_bytes(wide)];
    // SAFETY: the token proves the instructions; rows and output have the asked lengths.
    unsafe { horizontal_rows(wide, rows, out) }
}

/// Picks the code for the number of taps. Here, as a closure has the instructions of the function around it.
///
/// # Safety
///
/// Needs AVX-512 F, BW, VBMI and VNNI, rows of at least `wide.row_bytes()`, and `ROWS * written_bytes(wide)` bytes of
/// output.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
unsafe fn horizontal_rows(wide: &Wide, rows: Rows<'_>, out: &mut [u8]) {
    // SAFETY: windows from a block's base on end at `row_bytes` at most; the tables say whether they are double.
    unsafe {
        match (wide.groups(), wide.is_double()) {
            (1, false) => blocks(wide, rows, out, |block| few::<1>(block)),
            (2, false) => blocks(wide, rows, out, |block| few::<2>(block)),
            (3, false) => blocks(wide, rows, out, |block| few::<3>(block)),
            (_, false) => blocks(wide, rows, out, |block| many::<false>(block)),
            (_, true) => blocks(wide, rows, out, |block| many::<true>(block)),
        }
    }
}

/// A block of output bytes: their tables, and the input from their first window on.
struct Block<'a> {
    bytes: &'a LaneBytes,
    /// Three parts for each group.
    weights: &'a [[LaneWeights; 3]],
    rows: [*const u8; ROWS],
}

/// Block by block, what `sums` gives for each.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn blocks(wide: &Wide, rows: Rows<'_>, out: &mut [u8], sums: impl Fn(Block<'_>) -> [__m512i; ROWS]) {
    let tables = wide.bases().iter().zip(wide.bytes()).zip(wide.weights().chunks_exact(3 * wide.groups()));
    for (((&base, bytes), weights), out) in tables.zip(out.as_chunks_mut::<{ ROWS * LANES }>().0) {
        let rows = rows.map(|row| row[base as usize..].as_ptr());
        let bytes = interleave(sums(Block { bytes, weights: weights.as_chunks().0, rows }));
        // SAFETY: the place is a register's.
        unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), bytes) }
    }
}

/// Clamps the lanes of four rows to bytes, and puts those of a lane side by side.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn interleave(rows: [__m512i; ROWS]) -> __m512i {
    let (near, far) = (_mm512_packs_epi32(rows[0], rows[1]), _mm512_packs_epi32(rows[2], rows[3]));
    // Each quarter of a register has four lanes of the first row, four of the second, and so on.
    let places = _mm512_set4_epi32(0x0F0B_0703, 0x0E0A_0602, 0x0D09_0501, 0x0C08_0400);
    _mm512_shuffle_epi8(_mm512_packus_epi16(near, far), places)
}

/// The sums of a block with few taps, all of which stay in registers: a part of the weights after the other, from the
/// highest on, each on top of the sum before.
///
/// # Safety
///
/// Needs AVX-512 F, BW, VBMI and VNNI, and a window of one register in every row for every group, 12 bytes apart.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
unsafe fn few<const GROUPS: usize>(block: Block<'_>) -> [__m512i; ROWS] {
    // SAFETY: the tables are aligned to registers.
    let lanes = unsafe { _mm512_load_si512(block.bytes.0.as_ptr().cast()) };
    let mut weights = [start(); GROUPS];
    for (registers, parts) in weights.iter_mut().zip(block.weights) {
        // SAFETY: as above.
        *registers = unsafe { lane_weights(parts) };
    }
    let mut sums = [_mm512_setzero_si512(); ROWS];
    for (sum, row) in sums.iter_mut().zip(block.rows) {
        let mut values = [_mm512_setzero_si512(); GROUPS];
        for (group, values) in values.iter_mut().enumerate() {
            // SAFETY: the caller vouches for the window.
            let window = unsafe { _mm512_loadu_si512(row.add(3 * GROUP * group).cast()) };
            *values = _mm512_permutexvar_epi8(lanes, window);
        }
        *sum = weighted(&values, &weights);
    }
    sums
}

/// The sums of a block with any number of taps.
///
/// # Safety
///
/// Needs AVX-512 F, BW, VBMI and VNNI, and a window of one register or, if `DOUBLE`, of two in every row for every group,
/// 12 bytes apart.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
unsafe fn many<const DOUBLE: bool>(block: Block<'_>) -> [__m512i; ROWS] {
    // SAFETY: the tables are aligned to registers.
    let lanes = unsafe { _mm512_load_si512(block.bytes.0.as_ptr().cast()) };
    let mut sums = [start(); ROWS];
    for (group, weights) in block.weights.iter().enumerate() {
        // SAFETY: as above.
        let weights = unsafe { lane_weights(weights) };
        for (sums, row) in sums.iter_mut().zip(block.rows) {
            // SAFETY: the caller vouches for the windows.
            let values = unsafe {
                let at = row.add(3 * GROUP * group);
                let window = _mm512_loadu_si512(at.cast());
                if DOUBLE {
                    _mm512_permutex2var_epi8(window, lanes, _mm512_loadu_si512(at.add(64).cast()))
                } else {
                    _mm512_permutexvar_epi8(lanes, window)
                }
            };
            accumulate(sums, values, weights);
        }
    }
    [round(sums[0]), round(sums[1]), round(sums[2]), round(sums[3])]
}

/// # Safety
///
/// Needs AVX-512 F; the tables are aligned to registers by their type.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn lane_weights(weights: &[LaneWeights; 3]) -> Sums {
    // SAFETY: as above.
    let part = |part: usize| unsafe { _mm512_load_si512(weights[part].0.as_ptr().cast()) };
    [part(0), part(1), part(2)]
}

/// The rounded sum of all products: modulo 2^32 that of [`accumulate`] and [`round`], with fewer additions.
#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
fn weighted<const GROUPS: usize>(values: &[__m512i; GROUPS], weights: &[Sums; GROUPS]) -> __m512i {
    let mut sum = _mm512_set1_epi32(HALF >> 16);
    for part in [2, 1, 0] {
        for (&values, weights) in values.iter().zip(weights) {
            sum = _mm512_dpbusd_epi32(sum, values, weights[part]);
        }
        if part > 0 {
            sum = _mm512_slli_epi32::<8>(sum);
        }
    }
    _mm512_srai_epi32::<PRECISION>(sum)
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

/// One row of the vertical pass over interleaved rows: `quads` are the weights of as many groups of four rows, `stride`
/// bytes apart.
///
/// # Panics
///
/// If there are no quads, or `groups` or `stride` is too short.
pub(super) fn vertical_interleaved(_: Avx512, quads: &[Quad], groups: &[u8], stride: usize, out: &mut [u8]) {
    assert!(!quads.is_empty() && stride >= GROUP * out.len().next_multiple_of(COLUMNS));
    assert!(groups.len() >= quads.len() * stride);
    // SAFETY: the token proves the instructions; the lengths were just checked.
    unsafe { interleaved_row(quads, groups, stride, out) }
}

/// Picks the code for the number of taps, as [`horizontal_rows`] does.
///
/// # Safety
///
/// Needs AVX-512 F, BW and VNNI, at least one of the quads and as many `groups`, `stride` bytes apart, which is at least
/// four bytes for each of `out`, rounded up to whole steps.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn interleaved_row(quads: &[Quad], groups: &[u8], stride: usize, out: &mut [u8]) {
    // SAFETY: a step begins inside `out`, so that it ends inside the stride.
    unsafe {
        match *quads {
            [a] => columns(out, |x| few_groups(&[a], groups, stride, x)),
            [a, b] => columns(out, |x| few_groups(&[a, b], groups, stride, x)),
            [a, b, c] => columns(out, |x| few_groups(&[a, b, c], groups, stride, x)),
            _ => columns(out, |x| many_groups(quads, groups, stride, x)),
        }
    }
}

/// Step by step, what `sums` gives for the columns from the one on that it gets.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn columns(out: &mut [u8], sums: impl Fn(usize) -> [__m512i; 4]) {
    // A quarter of the packed register has four columns of each of the four sums.
    let order = _mm512_set_epi32(15, 11, 7, 3, 14, 10, 6, 2, 13, 9, 5, 1, 12, 8, 4, 0);
    for (step, out) in out.chunks_mut(COLUMNS).enumerate() {
        let sums = sums(step * COLUMNS);
        let (near, far) = (_mm512_packs_epi32(sums[0], sums[1]), _mm512_packs_epi32(sums[2], sums[3]));
        let bytes = _mm512_permutexvar_epi32(order, _mm512_packus_epi16(near, far));
        store_some(bytes, out);
    }
}

/// The sums of 64 columns from `x` on, with few taps.
///
/// # Safety
///
/// Needs AVX-512 F and VNNI, and `4 * (x + 64)` bytes in each of the groups.
#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
unsafe fn few_groups<const GROUPS: usize>(
    quads: &[Quad; GROUPS],
    groups: &[u8],
    stride: usize,
    x: usize,
) -> [__m512i; 4] {
    let mut weights = [start(); GROUPS];
    for (registers, quad) in weights.iter_mut().zip(quads) {
        *registers = broadcast(quad);
    }
    let mut sums = [_mm512_setzero_si512(); 4];
    for (quarter, sum) in sums.iter_mut().enumerate() {
        let mut values = [_mm512_setzero_si512(); GROUPS];
        for (group, values) in values.iter_mut().enumerate() {
            let at = group * stride + GROUP * (x + LANES * quarter);
            // SAFETY: the caller vouches for the bytes.
            *values = unsafe { _mm512_loadu_si512(groups.as_ptr().add(at).cast()) };
        }
        *sum = weighted(&values, &weights);
    }
    sums
}

/// The three parts of a group's weights, each in all lanes.
#[inline]
#[target_feature(enable = "avx512f")]
fn broadcast(quad: &Quad) -> Sums {
    [_mm512_set1_epi32(quad.0[0]), _mm512_set1_epi32(quad.0[1]), _mm512_set1_epi32(quad.0[2])]
}

/// The sums of 64 columns from `x` on, with any number of taps.
///
/// # Safety
///
/// As [`few_groups`].
#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
unsafe fn many_groups(quads: &[Quad], groups: &[u8], stride: usize, x: usize) -> [__m512i; 4] {
    let mut sums = [start(); 4];
    for (group, quad) in quads.iter().enumerate() {
        let weights = broadcast(quad);
        for (quarter, sums) in sums.iter_mut().enumerate() {
            let at = group * stride + GROUP * (x + LANES * quarter);
            // SAFETY: the caller vouches for the bytes.
            let values = unsafe { _mm512_loadu_si512(groups.as_ptr().add(at).cast()) };
            accumulate(sums, values, weights);
        }
    }
    [round(sums[0]), round(sums[1]), round(sums[2]), round(sums[3])]
}

/// One row of the vertical pass over plain rows: as the scalar twin, `taps` real weights.
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
        // SAFETY: the mask keeps the loads inside the rows.
        let bytes = unsafe { vertical_columns(quads, taps, rows.as_ptr().add(x), stride, mask) };
        store_some(bytes, &mut out[x..x + width]);
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
        let weights = broadcast(quad);
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
