//! The filters in vectors, `LEN` chroma samples at a time; written once for vectors of each length.
//!
//! A macro, because the same operations have other names for each length: the file that uses it imports them as `add16`
//! and so on, and has `store_interleaved`. Three times a sample and once another are one product of interleaved bytes.
//! Interleaving works within the lanes of a vector, of which one result has the lower halves, the other the upper ones.

macro_rules! filters {
    ($vector:ty, $features:literal) => {
        #[target_feature(enable = $features)]
        fn across_rows(row: &[u8], out: &mut [u8]) {
            let rows @ [before, this, after] = neighbours(row);
            let chunks = before.as_chunks().0.iter().zip(this.as_chunks().0).zip(after.as_chunks().0);
            for (((before, this), after), out) in chunks.zip(out.as_chunks_mut().0) {
                across_step([before, this, after], out);
            }
            if !this.len().is_multiple_of(LEN)
                && let [Some(before), Some(this), Some(after)] = rows.map(<[u8]>::last_chunk)
                && let Some(out) = out.last_chunk_mut()
            {
                across_step([before, this, after], out);
            }
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn across_step([before, this, after]: [&[u8; LEN]; 3], out: &mut [u8; 2 * LEN]) {
            let (one, two, this) = (splat16(1), splat16(2), load(this));
            let [even, odd] = [sums(this, load(before)), sums(this, load(after))];
            let halves = |half: usize| {
                let even = shift_right16::<2>(add16(even[half], one));
                in_turns(even, shift_right16::<2>(add16(odd[half], two)))
            };
            store_interleaved(halves(0), halves(1), out);
        }

        #[target_feature(enable = $features)]
        fn down_rows(near: &[u8], far: &[u8], round: i16, out: &mut [u8]) {
            let (round, is_whole) = (splat16(round), near.len().is_multiple_of(LEN));
            let chunks = near.as_chunks().0.iter().zip(far.as_chunks().0);
            for ((near, far), out) in chunks.zip(out.as_chunks_mut().0) {
                down_step(near, far, round, out);
            }
            if !is_whole
                && let [Some(near), Some(far)] = [near, far].map(<[u8]>::last_chunk)
                && let Some(out) = out.last_chunk_mut()
            {
                down_step(near, far, round, out);
            }
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn down_step(near: &[u8; LEN], far: &[u8; LEN], round: $vector, out: &mut [u8; LEN]) {
            let [low, high] = sums(load(near), load(far));
            let low = shift_right16::<2>(add16(low, round));
            let high = shift_right16::<2>(add16(high, round));
            store(pack_unsigned16(low, high), out);
        }

        #[target_feature(enable = $features)]
        fn across_and_down_rows(near: &[u8], far: &[u8], out: &mut [u8]) {
            let (nears, fars) = (neighbours(near), neighbours(far));
            let [n0, n1, n2] = nears.map(|row| row.as_chunks().0);
            let [f0, f1, f2] = fars.map(|row| row.as_chunks().0);
            let chunks = n0.iter().zip(n1).zip(n2).zip(f0.iter().zip(f1).zip(f2));
            for ((((n0, n1), n2), ((f0, f1), f2)), out) in chunks.zip(out.as_chunks_mut().0) {
                across_and_down_step([n0, n1, n2], [f0, f1, f2], out);
            }
            if !nears[0].len().is_multiple_of(LEN)
                && let [Some(n0), Some(n1), Some(n2)] = nears.map(<[u8]>::last_chunk)
                && let [Some(f0), Some(f1), Some(f2)] = fars.map(<[u8]>::last_chunk)
                && let Some(out) = out.last_chunk_mut()
            {
                across_and_down_step([n0, n1, n2], [f0, f1, f2], out);
            }
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn across_and_down_step(near: [&[u8; LEN]; 3], far: [&[u8; LEN]; 3], out: &mut [u8; 2 * LEN]) {
            let (three, seven, eight) = (splat16(3), splat16(7), splat16(8));
            let before = sums(load(near[0]), load(far[0]));
            let this = sums(load(near[1]), load(far[1]));
            let after = sums(load(near[2]), load(far[2]));
            let halves = |half: usize| {
                let this = multiply16(this[half], three);
                let even = add16(add16(this, eight), before[half]);
                let odd = add16(add16(this, seven), after[half]);
                in_turns(shift_right16::<4>(even), shift_right16::<4>(odd))
            };
            store_interleaved(halves(0), halves(1), out);
        }

        /// Three times `near` and once `far`, in 16 bits: of the lower and of the upper halves of the lanes.
        #[inline]
        #[target_feature(enable = $features)]
        fn sums(near: $vector, far: $vector) -> [$vector; 2] {
            let three_and_one = splat16(0x0103);
            [
                multiply_add8(unpack_low8(near, far), three_and_one),
                multiply_add8(unpack_high8(near, far), three_and_one),
            ]
        }

        /// Bytes in turns, from numbers below 256.
        #[inline]
        #[target_feature(enable = $features)]
        fn in_turns(even: $vector, odd: $vector) -> $vector {
            or(even, shift_left16::<8>(odd))
        }
    };
}

pub(super) use filters;
