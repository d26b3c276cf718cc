//! Discrete Fourier transforms of 2, 4, 8, 16 and 32 real numbers, and back.
//!
//! The split-radix scheme, by halves: sums of numbers half a length apart have the even frequencies; their
//! differences, taken as complex numbers `x[b] - i x[b + n / 4]`, have the frequencies `4 k + 1`, and with
//! them, conjugated, all odd ones. A result holds the frequencies 0 and `n / 2`, which are real, and then
//! real and imaginary parts of those in [`frequencies`]. Going back runs the same steps in reverse.
//!
//! Nothing is scaled. The order of all additions is fixed by this text; each line of code rounds once.

#![allow(clippy::inline_always, reason = "what is not inlined loses the caller's instructions")]
#![allow(clippy::needless_range_loop, reason = "indices of a transform are its meaning")]

use super::lanes::Lanes;

/// The longest transform.
pub(super) const LONGEST: usize = 32;

/// `cos(2 pi b / 32)` for `b` up to 8, a right angle.
const COSINES: [f32; 9] = [
    1.0,
    0.980_785_25,
    0.923_879_5,
    0.831_469_6,
    std::f32::consts::FRAC_1_SQRT_2,
    0.555_570_24,
    0.382_683_43,
    0.195_090_32,
    0.0,
];

/// The frequency of each complex number that a transform of `length` gives, in order; above half the length
/// they stand for the negative frequency `f - length`.
pub(super) fn frequencies(length: usize) -> Vec<usize> {
    let lengths = (2..).map(|bits| 1 << bits).take_while(|&part| part <= length);
    lengths.flat_map(|part| (0..part / 4).map(move |k| (4 * k + 1) * (length / part))).collect()
}

#[derive(Clone, Copy)]
struct Complex<V> {
    re: V,
    im: V,
}

/// `a + b`.
#[inline(always)]
fn sum<V: Lanes<L>, const L: usize>(a: Complex<V>, b: Complex<V>) -> Complex<V> {
    Complex { re: a.re + b.re, im: a.im + b.im }
}

/// `a - b`.
#[inline(always)]
fn difference<V: Lanes<L>, const L: usize>(a: Complex<V>, b: Complex<V>) -> Complex<V> {
    Complex { re: a.re - b.re, im: a.im - b.im }
}

/// `-i (a - b)`.
#[inline(always)]
fn turned_difference<V: Lanes<L>, const L: usize>(a: Complex<V>, b: Complex<V>) -> Complex<V> {
    Complex { re: a.im - b.im, im: b.re - a.re }
}

/// `z * exp(-2 pi i b / length)`, for up to a quarter of the length.
#[inline(always)]
fn turn<V: Lanes<L>, const L: usize>(z: Complex<V>, b: usize, length: usize) -> Complex<V> {
    if b == 0 {
        return z;
    }
    let step = b * (LONGEST / length);
    rotate(z, COSINES[step], COSINES[8 - step])
}

/// `z * (cosine - i sine)`.
#[inline(always)]
fn rotate<V: Lanes<L>, const L: usize>(z: Complex<V>, cosine: f32, sine: f32) -> Complex<V> {
    let (cosine, sine, back) = (z.re.splat(cosine), z.re.splat(sine), z.re.splat(-sine));
    Complex { re: z.im.mul_add(sine, z.re * cosine), im: z.re.mul_add(back, z.im * cosine) }
}

/// Real and imaginary part times `cosine - i sine`.
#[inline(always)]
pub(super) fn rotated<V: Lanes<L>, const L: usize>([re, im]: [V; 2], [cosine, sine]: [f32; 2]) -> [V; 2] {
    let z = rotate(Complex { re, im }, cosine, sine);
    [z.re, z.im]
}

#[inline(always)]
fn complex2<V: Lanes<L>, const L: usize>(z: [Complex<V>; 2]) -> [Complex<V>; 2] {
    [sum(z[0], z[1]), difference(z[0], z[1])]
}

#[inline(always)]
fn complex4<V: Lanes<L>, const L: usize>(z: [Complex<V>; 4]) -> [Complex<V>; 4] {
    let (a, b) = (sum(z[0], z[2]), difference(z[0], z[2]));
    let (c, d) = (sum(z[1], z[3]), turned_difference(z[1], z[3]));
    [sum(a, c), sum(b, d), difference(a, c), difference(b, d)]
}

#[inline(always)]
fn complex8<V: Lanes<L>, const L: usize>(z: [Complex<V>; 8]) -> [Complex<V>; 8] {
    let even = complex4([sum(z[0], z[4]), sum(z[1], z[5]), sum(z[2], z[6]), sum(z[3], z[7])]);
    let odd = complex4([
        difference(z[0], z[4]),
        turn(difference(z[1], z[5]), 1, 8),
        turned_difference(z[2], z[6]),
        turn(turned_difference(z[3], z[7]), 1, 8),
    ]);
    [even[0], odd[0], even[1], odd[1], even[2], odd[2], even[3], odd[3]]
}

/// Sums for the even frequencies, and complex numbers whose transform has the odd ones.
#[inline(always)]
fn split<V: Lanes<L>, const L: usize, const N: usize, const HALF: usize, const QUARTER: usize>(
    x: [V; N],
) -> ([V; HALF], [Complex<V>; QUARTER]) {
    let mut sums = [x[0]; HALF];
    for b in 0..HALF {
        sums[b] = x[b] + x[b + HALF];
    }
    let mut odd = [Complex { re: x[0], im: x[0] }; QUARTER];
    for b in 0..QUARTER {
        let z = Complex { re: x[b] - x[b + HALF], im: x[b + HALF + QUARTER] - x[b + QUARTER] };
        odd[b] = turn(z, b, N);
    }
    (sums, odd)
}

/// Even and odd frequencies in one array.
#[inline(always)]
fn join<V: Lanes<L>, const L: usize, const N: usize, const HALF: usize, const QUARTER: usize>(
    even: [V; HALF],
    odd: [Complex<V>; QUARTER],
) -> [V; N] {
    let mut out = [even[0]; N];
    out[..HALF].copy_from_slice(&even);
    for k in 0..QUARTER {
        out[HALF + 2 * k] = odd[k].re;
        out[HALF + 2 * k + 1] = odd[k].im;
    }
    out
}

/// [`join`] undone, with the parts of the complex numbers swapped: a transform of swapped numbers is the
/// inverse transform, swapped.
#[inline(always)]
fn part<V: Lanes<L>, const L: usize, const N: usize, const HALF: usize, const QUARTER: usize>(
    y: [V; N],
) -> ([V; HALF], [Complex<V>; QUARTER]) {
    let mut even = [y[0]; HALF];
    even.copy_from_slice(&y[..HALF]);
    let mut odd = [Complex { re: y[0], im: y[0] }; QUARTER];
    for k in 0..QUARTER {
        odd[k] = Complex { re: y[HALF + 2 * k + 1], im: y[HALF + 2 * k] };
    }
    (even, odd)
}

/// [`split`] in reverse, on swapped complex numbers.
#[inline(always)]
fn merge<V: Lanes<L>, const L: usize, const N: usize, const HALF: usize, const QUARTER: usize>(
    sums: [V; HALF],
    odd: [Complex<V>; QUARTER],
) -> [V; N] {
    let mut x = [sums[0]; N];
    for b in 0..QUARTER {
        let swapped = turn(odd[b], b, N);
        x[b] = sums[b] + swapped.im;
        x[b + HALF] = sums[b] - swapped.im;
        x[b + QUARTER] = sums[b + QUARTER] - swapped.re;
        x[b + HALF + QUARTER] = sums[b + QUARTER] + swapped.re;
    }
    x
}

/// The transforms of `N` numbers.
pub(super) trait Transform<const N: usize, const L: usize>: Lanes<L> {
    /// The spectrum, in the order of [`frequencies`].
    fn forward(x: [Self; N]) -> [Self; N];

    /// The real part of the sum of all frequencies in a spectrum, each taken once.
    fn inverse(y: [Self; N]) -> [Self; N];
}

impl<V: Lanes<L>, const L: usize> Transform<2, L> for V {
    #[inline(always)]
    fn forward(x: [V; 2]) -> [V; 2] {
        [x[0] + x[1], x[0] - x[1]]
    }

    #[inline(always)]
    fn inverse(y: [V; 2]) -> [V; 2] {
        V::forward(y)
    }
}

impl<V: Lanes<L>, const L: usize> Transform<4, L> for V {
    #[inline(always)]
    fn forward(x: [V; 4]) -> [V; 4] {
        let (sums, odd) = split::<V, L, 4, 2, 1>(x);
        join(V::forward(sums), odd)
    }

    #[inline(always)]
    fn inverse(y: [V; 4]) -> [V; 4] {
        let (even, odd) = part::<V, L, 4, 2, 1>(y);
        merge(V::inverse(even), odd)
    }
}

impl<V: Lanes<L>, const L: usize> Transform<8, L> for V {
    #[inline(always)]
    fn forward(x: [V; 8]) -> [V; 8] {
        let (sums, odd) = split::<V, L, 8, 4, 2>(x);
        join(V::forward(sums), complex2(odd))
    }

    #[inline(always)]
    fn inverse(y: [V; 8]) -> [V; 8] {
        let (even, odd) = part::<V, L, 8, 4, 2>(y);
        merge(V::inverse(even), complex2(odd))
    }
}

impl<V: Lanes<L>, const L: usize> Transform<16, L> for V {
    #[inline(always)]
    fn forward(x: [V; 16]) -> [V; 16] {
        let (sums, odd) = split::<V, L, 16, 8, 4>(x);
        join(V::forward(sums), complex4(odd))
    }

    #[inline(always)]
    fn inverse(y: [V; 16]) -> [V; 16] {
        let (even, odd) = part::<V, L, 16, 8, 4>(y);
        merge(V::inverse(even), complex4(odd))
    }
}

impl<V: Lanes<L>, const L: usize> Transform<32, L> for V {
    #[inline(always)]
    fn forward(x: [V; 32]) -> [V; 32] {
        let (sums, odd) = split::<V, L, 32, 16, 8>(x);
        join(V::forward(sums), complex8(odd))
    }

    #[inline(always)]
    fn inverse(y: [V; 32]) -> [V; 32] {
        let (even, odd) = part::<V, L, 32, 16, 8>(y);
        merge(V::inverse(even), complex8(odd))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    /// Every frequency of the order, by the definition.
    fn naive<const N: usize>(x: [f32; N]) -> Vec<f64> {
        let part = |f: usize, wave: fn(f64) -> f64| -> f64 {
            let angle = |b: usize| TAU * (f * b % N) as f64 / N as f64;
            x.iter().enumerate().map(|(b, &value)| f64::from(value) * wave(angle(b))).sum()
        };
        let real = [0, N / 2].into_iter().map(|f| part(f, f64::cos));
        real.chain(frequencies(N).into_iter().flat_map(|f| [part(f, f64::cos), -part(f, f64::sin)])).collect()
    }

    fn check<const N: usize>()
    where
        f32: Transform<N, 1>,
    {
        let x: [f32; N] = std::array::from_fn(|b| (b * b * 7 % 23) as f32 - 9.0);
        let y = f32::forward(x);
        let expected = naive(x);
        assert_eq!(expected.len(), N);
        for (found, expected) in y.iter().zip(expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-4, "{N}: {found} {expected}");
        }
        // All frequencies are needed for the way back, and of each pair there is only one.
        let twice: [f32; N] = std::array::from_fn(|slot| if slot < 2 { y[slot] } else { 2.0 * y[slot] });
        for (found, expected) in f32::inverse(twice).iter().zip(x) {
            assert!((found / N as f32 - expected).abs() < 1e-4, "{N}: {found} {expected}");
        }
    }

    #[test]
    fn every_length_follows_the_definition_there_and_back() {
        check::<2>();
        check::<4>();
        check::<8>();
        check::<16>();
        check::<32>();
    }

    #[test]
    fn of_every_pair_of_frequencies_there_is_one() {
        for length in [4, 8, 16, 32] {
            let mut seen: Vec<usize> = frequencies(length).iter().map(|&f| f.min(length - f)).collect();
            seen.sort_unstable();
            assert_eq!(seen, (1..length / 2).collect::<Vec<_>>());
        }
    }

    #[test]
    fn cosines_are_the_nearest_floats() {
        for (b, &cosine) in COSINES.iter().enumerate() {
            assert_eq!(cosine, libm::cos(TAU * b as f64 / 32.0) as f32 * f32::from(u8::from(b < 8)));
        }
    }
}
