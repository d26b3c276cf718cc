//! The two passes in vectors of 16-bit numbers, each lane of eight for a block; written once for vectors of each length.
//!
//! A macro, because the same operations have other names for each length: the file that uses it imports them as `add16`
//! and so on, and has `odd_from`. Products of two numbers are summed in pairs; a pair is two numbers interleaved, which
//! works within the lanes of a vector, so wide numbers are in two vectors: of the lower and of the upper halves.
//!
//! The second pass differs from the first beyond its shift: no sum that is shifted by 18 needs a saturation to 16 bits. So
//! it takes the upper halves of the sums and shifts those by 2, without packing them, and their order is undone with the
//! transposition. 128 is part of its rounding; no sum of 32 bits comes near to the bound with it.

macro_rules! passes {
    ($vector:ty, $features:literal) => {
        /// The samples of blocks, whose rows of coefficients times steps are given: a vector has rows 0 and 4 of each
        /// block, the next ones 1 and 5, 2 and 6, 3 and 7.
        #[inline]
        #[target_feature(enable = $features)]
        fn transformed(rows: &[$vector; 8]) -> [$vector; 4] {
            to_rows(&second_pass(&transposed(&first_pass(rows))))
        }

        /// The pass over columns, with a shift of 11.
        #[inline]
        #[target_feature(enable = $features)]
        pub(super) fn first_pass(rows: &[$vector; 8]) -> [$vector; 8] {
            // Lower halves that are half of the last place once all is shifted by 3.
            let round = splat16(1 << 13);
            let scaled = |sum| {
                [shift_right32::<3>(unpack_low16(round, sum)), shift_right32::<3>(unpack_high16(round, sum))]
            };
            let sums = scaled(add16(rows[0], rows[4]));
            let differences = scaled(subtract16(rows[0], rows[4]));
            let (even, odd) = (even_part(rows, sums, differences), odd_part(rows));
            let mut out = [round; 8];
            for at in 0..4 {
                let ([e0, e1], [o0, o1]) = (even[at], odd[at]);
                let (sum0, sum1) = (add32(e0, o0), add32(e1, o1));
                let (difference0, difference1) = (subtract32(e0, o0), subtract32(e1, o1));
                out[at] = pack_signed32(shift_right32::<11>(sum0), shift_right32::<11>(sum1));
                out[7 - at] =
                    pack_signed32(shift_right32::<11>(difference0), shift_right32::<11>(difference1));
            }
            out
        }

        /// The pass over rows, with a shift of 18 and 128 more. In each lane are rows 0, 4, 1, 5, 2, 6, 3, 7.
        #[inline]
        #[target_feature(enable = $features)]
        pub(super) fn second_pass(columns: &[$vector; 8]) -> [$vector; 8] {
            let (zero, round) = (splat16(0), splat32((1 << 17) + (128 << 18)));
            let scaled = |sum| {
                [
                    add32(shift_right32::<3>(unpack_low16(zero, sum)), round),
                    add32(shift_right32::<3>(unpack_high16(zero, sum)), round),
                ]
            };
            let sums = scaled(add16(columns[0], columns[4]));
            let differences = scaled(subtract16(columns[0], columns[4]));
            let (even, odd) = (even_part(columns, sums, differences), odd_part(columns));
            let upper = |low, high| shift_right16::<2>(odd_from(shift_right_unsigned32::<16>(low), high));
            let mut out = [zero; 8];
            for at in 0..4 {
                let ([e0, e1], [o0, o1]) = (even[at], odd[at]);
                out[at] = upper(add32(e0, o0), add32(e1, o1));
                out[7 - at] = upper(subtract32(e0, o0), subtract32(e1, o1));
            }
            out
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn even_part(r: &[$vector; 8], t0: [$vector; 2], t1: [$vector; 2]) -> [[$vector; 2]; 4] {
            let z = pairs(r[2], r[6]);
            let t2 = products(z, F0_541, F0_541 - F1_847);
            let t3 = products(z, F0_541 + F0_765, F0_541);
            [
                [add32(t0[0], t3[0]), add32(t0[1], t3[1])],
                [add32(t1[0], t2[0]), add32(t1[1], t2[1])],
                [subtract32(t1[0], t2[0]), subtract32(t1[1], t2[1])],
                [subtract32(t0[0], t3[0]), subtract32(t0[1], t3[1])],
            ]
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn odd_part(r: &[$vector; 8]) -> [[$vector; 2]; 4] {
            let z = pairs(add16(r[7], r[3]), add16(r[5], r[1]));
            let y3 = products(z, F1_175 - F1_961, F1_175);
            let y4 = products(z, F1_175, F1_175 - F0_390);
            let (outer, inner) = (pairs(r[7], r[1]), pairs(r[5], r[3]));
            let o0 = products(outer, F0_298 - F0_899, -F0_899);
            let o1 = products(inner, F2_053 - F2_562, -F2_562);
            let o2 = products(inner, -F2_562, F3_072 - F2_562);
            let o3 = products(outer, -F0_899, F1_501 - F0_899);
            [
                [add32(o3[0], y4[0]), add32(o3[1], y4[1])],
                [add32(o2[0], y3[0]), add32(o2[1], y3[1])],
                [add32(o1[0], y4[0]), add32(o1[1], y4[1])],
                [add32(o0[0], y3[0]), add32(o0[1], y3[1])],
            ]
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn pairs(first: $vector, second: $vector) -> [$vector; 2] {
            [unpack_low16(first, second), unpack_high16(first, second)]
        }

        /// The first of each pair times a factor, plus the second times another.
        #[inline]
        #[target_feature(enable = $features)]
        fn products(pairs: [$vector; 2], first: i32, second: i32) -> [$vector; 2] {
            let factors = splat32((second << 16) | (first & 0xFFFF));
            [multiply_add16(pairs[0], factors), multiply_add16(pairs[1], factors)]
        }

        /// Columns out of rows.
        #[inline]
        #[target_feature(enable = $features)]
        pub(super) fn transposed(r: &[$vector; 8]) -> [$vector; 8] {
            let ([a0, a1], [b0, b1]) = (pairs(r[0], r[1]), pairs(r[2], r[3]));
            let ([c0, c1], [d0, d1]) = (pairs(r[4], r[5]), pairs(r[6], r[7]));
            let (ab, cd) = (quadruples(a0, b0), quadruples(c0, d0));
            let (ef, gh) = (quadruples(a1, b1), quadruples(c1, d1));
            [
                unpack_low64(ab[0], cd[0]),
                unpack_high64(ab[0], cd[0]),
                unpack_low64(ab[1], cd[1]),
                unpack_high64(ab[1], cd[1]),
                unpack_low64(ef[0], gh[0]),
                unpack_high64(ef[0], gh[0]),
                unpack_low64(ef[1], gh[1]),
                unpack_high64(ef[1], gh[1]),
            ]
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn quadruples(first: $vector, second: $vector) -> [$vector; 2] {
            [unpack_low32(first, second), unpack_high32(first, second)]
        }

        /// Rows of bytes out of columns of numbers, whose order is that of the second pass.
        #[inline]
        #[target_feature(enable = $features)]
        pub(super) fn to_rows(c: &[$vector; 8]) -> [$vector; 4] {
            let (c02, c13) = (pack_unsigned16(c[0], c[2]), pack_unsigned16(c[1], c[3]));
            let (c46, c57) = (pack_unsigned16(c[4], c[6]), pack_unsigned16(c[5], c[7]));
            let left = pairs(unpack_low8(c02, c13), unpack_high8(c02, c13));
            let right = pairs(unpack_low8(c46, c57), unpack_high8(c46, c57));
            let [[r04, r15], [r26, r37]] = [quadruples(left[0], right[0]), quadruples(left[1], right[1])];
            [r04, r15, r26, r37]
        }
    };
}

pub(super) use passes;
