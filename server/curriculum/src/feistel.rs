//! A keyed permutation of `0..len` with random access: a Feistel network on a rectangle.
//!
//! The plain idea: write `x` as `(left, right)` in a rectangle of `width * height >= len` places, with both
//! sides near `sqrt(len)`; then, round after round, add to one half a random function of the other:
//!
//! ```text
//! right = (right + f0(left))  mod height
//! left  = (left  + f1(right)) mod width          and so on
//! ```
//!
//! Each round can be undone, so the whole is a permutation of the rectangle, whatever the functions. Places
//! from `len` on are walked over: the permutation is applied again until it falls below `len`. The rectangle
//! has fewer than `width` spare places, so that walks are rare, and a walk ends because the cycle that it
//! follows leads back to its start, which lies below `len`.
//!
//! Sources: Black and Rogaway, "Ciphers with Arbitrary Finite Domains" (CT-RSA 2002), for the rectangle and the walk;
//! the random functions are the 64-bit finaliser of `SplitMix64` (Steele, Lea and Flood, OOPSLA 2014) on a keyed input,
//! scaled to the side by the high half of a product. This is a shuffle, not a cipher: it withstands statistics, but not
//! an attacker who looks for the key.
//!
//! Every output depends on these constants and on the order of the rounds: to change them is to change the
//! bytes of every job.

/// Rounds of the network. Four leave traces that the statistics in `tests/order_statistics.rs` see, six do
/// not; two more are the margin.
pub(crate) const ROUNDS: usize = 8;

/// A permutation of `0..len`, `len` at least 1.
#[derive(Debug, Clone)]
pub(crate) struct Feistel {
    len: u64,
    width: u64,
    height: u64,
    keys: [u64; ROUNDS],
}

impl Feistel {
    pub(crate) fn new(len: u64, keys: [u64; ROUNDS]) -> Self {
        let root = len.isqrt();
        // At most 2^32, so places of the rectangle fit 64 bits even for the longest list.
        let width = root + u64::from(root * root < len);
        let height = len.div_ceil(width);
        Self { len, width, height, keys }
    }

    /// Image of `x`, which lies below `len`; about 1 + 1 / sqrt(len) walks through the network.
    pub(crate) fn permute(&self, x: u64) -> u64 {
        let mut place = self.walk(x);
        while place >= self.len {
            place = self.walk(place);
        }
        place
    }

    /// One application of the network to a place of the rectangle.
    fn walk(&self, place: u64) -> u64 {
        let (mut left, mut right) = (place % self.width, place / self.width);
        for [even, odd] in self.keys.as_chunks::<2>().0 {
            // The right half first: neighbours share it, so it is where they have to part.
            right = add_below(right, random_below(left, *even, self.height), self.height);
            left = add_below(left, random_below(right, *odd, self.width), self.width);
        }
        right * self.width + left
    }
}

/// `(a + b) mod side` for `a` and `b` below `side`, which is at most 2^32.
fn add_below(a: u64, b: u64, side: u64) -> u64 {
    let sum = a + b;
    if sum >= side { sum - side } else { sum }
}

/// A function of `value` that is as good as random for every key, with values below `side`. Its bias is at
/// most `side / 2^64`.
fn random_below(value: u64, key: u64, side: u64) -> u64 {
    let mut mixed = value.wrapping_add(key);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    scale_below(mixed, side)
}

/// Scales 64 uniform bits to `0..side`.
pub(crate) fn scale_below(uniform: u64, side: u64) -> u64 {
    ((u128::from(uniform) * u128::from(side)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [u64; ROUNDS] = [3, 1, 4, 1, 5, 9, 2, 6];

    #[test]
    fn every_length_is_permuted() {
        for len in 1..=400 {
            let feistel = Feistel::new(len, KEYS);
            let mut images: Vec<_> = (0..len).map(|x| feistel.permute(x)).collect();
            images.sort_unstable();
            assert!(images.into_iter().eq(0..len), "length {len}");
        }
    }

    #[test]
    fn the_rectangle_is_tight() {
        for len in (1..2000).chain([1_281_167, 14_200_000, u64::MAX / 3]) {
            let Feistel { width, height, .. } = Feistel::new(len, KEYS);
            let spare = u128::from(width) * u128::from(height) - u128::from(len);
            assert!(spare < u128::from(width) && width.abs_diff(height) <= 1, "length {len}");
        }
    }

    #[test]
    fn the_longest_list_does_not_overflow() {
        let feistel = Feistel::new(u64::MAX, KEYS);
        for x in [0, 1, u64::MAX / 2, u64::MAX - 1] {
            assert!(feistel.permute(x) < u64::MAX);
        }
    }
}
