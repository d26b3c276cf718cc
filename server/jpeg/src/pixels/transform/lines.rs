//! The transform in vectors of which each lane of eight numbers has a row of a block; written once for vectors of each
//! length.
//!
//! A macro, because the same operations have other names for each length: the file that uses it imports them as `add16`
//! and so on. The last step of a pass is the saturation that packing does.

macro_rules! lines {
    ($vector:ty, $features:literal) => {
        /// The transform of rows of coefficients to rows of samples, still signed.
        #[inline]
        #[target_feature(enable = $features)]
        fn both_passes(rows: [$vector; 8]) -> [$vector; 8] {
            transposed(pass::<18>(transposed(pass::<11>(rows))))
        }

        /// The transform of the columns, scaled up by 2^13, rounded, and shifted down.
        #[inline]
        #[target_feature(enable = $features)]
        fn pass<const SHIFT: u32>(rows: [$vector; 8]) -> [$vector; 8] {
            let [r0, r1, r2, r3, r4, r5, r6, r7] = rows;
            let round = splat32(1 << (SHIFT - 1));
            let t0 = widened(add16(r0, r4)).map(|half| add32(half, round));
            let t1 = widened(sub16(r0, r4)).map(|half| add32(half, round));
            let t2 = products(r2, r6, [F0_541, F0_541 - F1_847]);
            let t3 = products(r2, r6, [F0_541 + F0_765, F0_541]);
            let even = [sums(t0, t3), sums(t1, t2), differences(t1, t2), differences(t0, t3)];

            let (z3, z4) = (add16(r7, r3), add16(r5, r1));
            let y3 = products(z3, z4, [F1_175 - F1_961, F1_175]);
            let y4 = products(z3, z4, [F1_175, F1_175 - F0_390]);
            let odd = [
                sums(products(r7, r1, [-F0_899, F1_501 - F0_899]), y4),
                sums(products(r5, r3, [-F2_562, F3_072 - F2_562]), y3),
                sums(products(r5, r3, [F2_053 - F2_562, -F2_562]), y4),
                sums(products(r7, r1, [F0_298 - F0_899, -F0_899]), y3),
            ];

            let mut out = rows;
            for at in 0..4 {
                out[at] = narrowed::<SHIFT>(sums(even[at], odd[at]));
                out[7 - at] = narrowed::<SHIFT>(differences(even[at], odd[at]));
            }
            out
        }

        /// 2^13 times each number: of the lower and of the upper halves of the lanes.
        #[inline]
        #[target_feature(enable = $features)]
        fn widened(row: $vector) -> [$vector; 2] {
            let zero = splat32(0);
            [shift_right32::<3>(unpack_low16(zero, row)), shift_right32::<3>(unpack_high16(zero, row))]
        }

        /// The sum of two rows, each times its factor.
        #[inline]
        #[target_feature(enable = $features)]
        fn products(a: $vector, b: $vector, [of_a, of_b]: [i32; 2]) -> [$vector; 2] {
            let factors = splat32((of_a & 0xFFFF) | (of_b << 16));
            [multiply_add16(unpack_low16(a, b), factors), multiply_add16(unpack_high16(a, b), factors)]
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn sums(a: [$vector; 2], b: [$vector; 2]) -> [$vector; 2] {
            [add32(a[0], b[0]), add32(a[1], b[1])]
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn differences(a: [$vector; 2], b: [$vector; 2]) -> [$vector; 2] {
            [sub32(a[0], b[0]), sub32(a[1], b[1])]
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn narrowed<const SHIFT: u32>([low, high]: [$vector; 2]) -> $vector {
            // The type of the number of bits is another for each length of vectors.
            if SHIFT == 11 {
                pack_signed32(shift_right32::<11>(low), shift_right32::<11>(high))
            } else {
                pack_signed32(shift_right32::<18>(low), shift_right32::<18>(high))
            }
        }

        /// Rows become columns, within each lane.
        #[inline]
        #[target_feature(enable = $features)]
        fn transposed([r0, r1, r2, r3, r4, r5, r6, r7]: [$vector; 8]) -> [$vector; 8] {
            let (a0, a1) = (unpack_low16(r0, r1), unpack_high16(r0, r1));
            let (b0, b1) = (unpack_low16(r2, r3), unpack_high16(r2, r3));
            let (c0, c1) = (unpack_low16(r4, r5), unpack_high16(r4, r5));
            let (d0, d1) = (unpack_low16(r6, r7), unpack_high16(r6, r7));
            let (e0, e1) = (unpack_low32(a0, b0), unpack_high32(a0, b0));
            let (e2, e3) = (unpack_low32(a1, b1), unpack_high32(a1, b1));
            let (f0, f1) = (unpack_low32(c0, d0), unpack_high32(c0, d0));
            let (f2, f3) = (unpack_low32(c1, d1), unpack_high32(c1, d1));
            [
                unpack_low64(e0, f0),
                unpack_high64(e0, f0),
                unpack_low64(e1, f1),
                unpack_high64(e1, f1),
                unpack_low64(e2, f2),
                unpack_high64(e2, f2),
                unpack_low64(e3, f3),
                unpack_high64(e3, f3),
            ]
        }
    };
}

pub(super) use lines;
