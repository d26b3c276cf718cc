//! Sine and cosine rounded to 15 decimals, as Pillow makes its matrix.
//!
//! The last decimal must be right: on a picture of odd sides, the pixel in the middle is interpolated almost
//! exactly between whole numbers, where truncation shows it. A sine with an error of up to one unit in the
//! last place gives another 15th decimal for one angle in 200. So Taylor's series is summed in pairs of
//! doubles, which hold about 31 decimals. Pair arithmetic: T. J. Dekker, "A floating-point technique for
//! extending the available precision", 1971.

/// The unevaluated sum of two doubles, the second below half a unit in the last place of the first.
#[derive(Clone, Copy)]
struct Pair(f64, f64);

/// Half of pi.
const HALF_PI: Pair = Pair(std::f64::consts::FRAC_PI_2, 6.123_233_995_736_766e-17);

const ONE: Pair = Pair(1.0, 0.0);

/// Terms of the series: the next is below 1e-33.
const TERMS: u32 = 14;

impl Pair {
    /// `a + b` exactly, where `a` is not the smaller.
    fn ordered_sum(a: f64, b: f64) -> Self {
        let sum = a + b;
        Self(sum, b - (sum - a))
    }

    /// `a * b` exactly.
    fn product(a: f64, b: f64) -> Self {
        let product = a * b;
        Self(product, libm::fma(a, b, -product))
    }

    fn minus(self, other: Self) -> Self {
        let sum = self.0 - other.0;
        let part = sum - self.0;
        let error = (self.0 - (sum - part)) - (other.0 + part);
        Self::ordered_sum(sum, error + (self.1 - other.1))
    }

    fn times(self, other: Self) -> Self {
        let product = Self::product(self.0, other.0);
        Self::ordered_sum(product.0, product.1 + (self.0 * other.1 + self.1 * other.0))
    }

    fn over(self, divisor: f64) -> Self {
        let quotient = self.0 / divisor;
        let rest = libm::fma(-quotient, divisor, self.0) + self.1;
        Self::ordered_sum(quotient, rest / divisor)
    }
}

/// Sine and cosine of `t`, |t| <= 2 pi, as doubles closest to their values at 15 decimals.
pub(super) fn rounded(t: f64) -> (f64, f64) {
    let quarters = (t / HALF_PI.0).round();
    let whole = Pair::product(quarters, HALF_PI.0);
    let rest = Pair(t, 0.0).minus(whole).minus(Pair(quarters * HALF_PI.1, 0.0));
    let square = rest.times(rest);
    // 1 - r^2 / (2 * 3) (1 - r^2 / (4 * 5) (...)) and 1 - r^2 / (1 * 2) (1 - r^2 / (3 * 4) (...)).
    let series = |first: u32| {
        (0..TERMS).rev().fold(ONE, |sum, term| {
            let divisor = (2 * term + first) * (2 * term + first + 1);
            ONE.minus(square.times(sum).over(f64::from(divisor)))
        })
    };
    let (sine, cosine) = (rest.times(series(2)).0, series(1).0);
    let (sine, cosine) = match (quarters as i32).rem_euclid(4) {
        0 => (sine, cosine),
        1 => (cosine, -sine),
        2 => (-sine, -cosine),
        _ => (-cosine, sine),
    };
    (to_15_decimals(sine), to_15_decimals(cosine))
}

/// The double closest to the closest multiple of 1e-15, for |value| <= 1.
fn to_15_decimals(value: f64) -> f64 {
    const SCALE: f64 = 1e15;
    let scaled = Pair::product(value, SCALE);
    let count = scaled.0.round_ties_even();
    let rest = (scaled.0 - count) + scaled.1;
    let step = f64::from(rest > 0.5) - f64::from(rest < -0.5);
    // Both are whole and exact, so the quotient is rounded once.
    (count + step) / SCALE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_angles_are_exact() {
        use std::f64::consts::PI;
        assert_eq!(rounded(0.0), (0.0, 1.0));
        assert_eq!(rounded(-PI / 2.0), (-1.0, 0.0));
        assert_eq!(rounded(-PI), (0.0, -1.0));
        assert_eq!(rounded(-PI * 1.5), (1.0, 0.0));
        assert_eq!(rounded(-PI / 6.0).0, -0.5);
        assert_eq!(rounded(1.0), (0.841470984807897, 0.54030230586814));
    }

    #[test]
    fn agrees_with_the_plain_functions_to_15_decimals() {
        for i in 0..10_000 {
            let t = f64::from(i) * -6.283e-4;
            let (sine, cosine) = rounded(t);
            assert!((sine - libm::sin(t)).abs() < 6e-16 && (cosine - libm::cos(t)).abs() < 6e-16, "{t}");
        }
    }

    #[test]
    fn decimals_are_rounded_to_the_closest() {
        assert_eq!(to_15_decimals(0.1), 0.1);
        assert_eq!(to_15_decimals(0.123_456_789_012_345_67), 0.123_456_789_012_346);
        assert_eq!(to_15_decimals(-0.123_456_789_012_344_4), -0.123_456_789_012_344);
        assert_eq!(to_15_decimals(4.9e-16), 0.0);
    }
}
