//! Tables with AVX-512 VBMI: a table is four registers, and two byte permutations look 64 values up at once.
//!
//! Bytes of a register belong to three channels in turn, so each register is looked up in all three tables
//! and a mask takes from each what is its own. A register begins one channel further on than the one before.

use std::arch::x86_64::{
    __m512i, __mmask64, _mm512_loadu_si512, _mm512_mask_mov_epi8, _mm512_movepi8_mask,
    _mm512_permutex2var_epi8,
};

use super::Table;
use crate::avx512::{BYTES, load_some, store_some};
use crate::level::Avx512;

/// Every third byte, from the first on, from the second, from the third.
const EVERY_THIRD: [__mmask64; 3] = [0x9249_2492_4924_9249, 0x2492_4924_9249_2492, 0x4924_9249_2492_4924];

/// Replaces each value of whole pixels by what its channel's table says.
pub(super) fn apply(_: Avx512, pixels: &mut [u8], tables: &[Table; 3]) {
    // SAFETY: the token proves AVX-512 F, BW and VBMI.
    unsafe { look_up(pixels, tables) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn look_up(pixels: &mut [u8], tables: &[Table; 3]) {
    let tables = [load(&tables[0]), load(&tables[1]), load(&tables[2])];
    for (block, bytes) in pixels.chunks_mut(BYTES).enumerate() {
        let values = load_some(bytes);
        let mut mapped = values;
        for (channel, table) in tables.iter().enumerate() {
            // Byte `i` of the block has channel `(block + i) % 3`, as 64 leaves 1.
            let own = EVERY_THIRD[(channel + 2 * block) % 3];
            mapped = _mm512_mask_mov_epi8(mapped, own, permute(table, values));
        }
        store_some(mapped, bytes);
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(table: &Table) -> [__m512i; 4] {
    // SAFETY: a quarter of a table is a register.
    [0, 1, 2, 3].map(|quarter| unsafe { _mm512_loadu_si512(table[quarter * BYTES..].as_ptr().cast()) })
}

/// One table's values: the lower seven bits choose in each half, the upper bit between the halves.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn permute(table: &[__m512i; 4], values: __m512i) -> __m512i {
    let lower = _mm512_permutex2var_epi8(table[0], values, table[1]);
    let upper = _mm512_permutex2var_epi8(table[2], values, table[3]);
    _mm512_mask_mov_epi8(lower, _mm512_movepi8_mask(values), upper)
}
