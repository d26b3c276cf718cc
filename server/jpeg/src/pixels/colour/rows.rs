//! The conversion in vectors, `LEN` pixels at a time; written once for vectors of each length.
//!
//! A macro, because the same operations have other names for each length: the file that uses it imports them as `add16`
//! and so on, and has `store_pixels`.
//!
//! Chroma less 128, which is signed, is doubled: then the factors of red and blue are below 1 and fit the product that is
//! rounded to its upper half, and those of green fit 16 bits. For red and blue the factors in 1/32768 give the rounding of
//! the exact ones for each of the 256 values; green needs a sum of 32 bits.

macro_rules! rows {
    ($vector:ty, $features:literal) => {
        #[target_feature(enable = $features)]
        fn convert_rows<const IS_YCBCR: bool>(rows: [&[u8]; 3], out: &mut [u8]) {
            let [a, b, c] = rows.map(|row| row.as_chunks().0);
            let is_whole = rows[0].len().is_multiple_of(LEN);
            for (((a, b), c), out) in a.iter().zip(b).zip(c).zip(out.as_chunks_mut().0) {
                step::<IS_YCBCR>([a, b, c], out);
            }
            if !is_whole
                && let [Some(a), Some(b), Some(c)] = rows.map(<[u8]>::last_chunk)
                && let Some(out) = out.last_chunk_mut()
            {
                step::<IS_YCBCR>([a, b, c], out);
            }
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn step<const IS_YCBCR: bool>([a, b, c]: [&[u8; LEN]; 3], out: &mut [u8; 3 * LEN]) {
            let (a, b, c) = (load(a), load(b), load(c));
            let rgb =
                if IS_YCBCR { converted(a, b, c) } else { [evens_first(a), evens_first(b), evens_first(c)] };
            store_pixels(rgb, out);
        }

        /// Red, green and blue; in each lane of 16 first those of even pixels.
        #[inline]
        #[target_feature(enable = $features)]
        fn converted(luma: $vector, blue: $vector, red: $vector) -> [$vector; 3] {
            let ([blue_even, blue_odd], [red_even, red_odd]) = (doubled(blue), doubled(red));
            let even = shifted(and(luma, splat16(0xFF)), blue_even, red_even);
            let odd = shifted(shift_right16::<8>(luma), blue_odd, red_odd);
            [
                pack_unsigned16(even[0], odd[0]),
                pack_unsigned16(even[1], odd[1]),
                pack_unsigned16(even[2], odd[2]),
            ]
        }

        /// Twice chroma less 128 of even and of odd pixels, in 16 bits.
        #[inline]
        #[target_feature(enable = $features)]
        fn doubled(chroma: $vector) -> [$vector; 2] {
            let signed = xor(chroma, splat16(0x8080_u16 as i16));
            [multiply_add8(splat16(0x0002), signed), multiply_add8(splat16(0x0200), signed)]
        }

        /// Luma plus what chroma adds to red, green and blue.
        #[inline]
        #[target_feature(enable = $features)]
        fn shifted(luma: $vector, blue: $vector, red: $vector) -> [$vector; 3] {
            // -0.344136 / 2 and -0.714136 / 2 in 1/65536.
            let (factors, half) = (splat32((-23_401 << 16) | (-11_277 & 0xFFFF)), splat32(1 << 15));
            let low = multiply_add16(unpack_low16(blue, red), factors);
            let high = multiply_add16(unpack_high16(blue, red), factors);
            let low = shift_right32::<16>(add32(low, half));
            let high = shift_right32::<16>(add32(high, half));
            // 1.402 / 2 and 1.772 / 2 in 1/32768.
            [
                add16(luma, multiply_rounded16(red, splat16(22_971))),
                add16(luma, pack_signed32(low, high)),
                add16(luma, multiply_rounded16(blue, splat16(29_033))),
            ]
        }

        /// In each lane of 16 bytes first the even ones.
        #[inline]
        #[target_feature(enable = $features)]
        fn evens_first(bytes: $vector) -> $vector {
            pack_unsigned16(and(bytes, splat16(0xFF)), shift_right16::<8>(bytes))
        }
    };
}

pub(super) use rows;

/// The place of a pixel's sample in a vector that has in each lane of 16 first those of even pixels.
pub(super) const fn place(pixel: usize) -> usize {
    pixel / 16 * 16 + pixel % 2 * 8 + pixel % 16 / 2
}
