//! The three resampling kernels, evaluated exactly as Pillow evaluates them.
//!
//! Every operation is a float64 operation in Pillow's order, since the integer weights made from the values
//! decide pixels. Only `sin` comes from elsewhere (the `libm` crate), so that all platforms agree.

use bandwise_choice::choices;

/// Fractional bits of a weight that is made of a filter's values.
pub(super) const PRECISION: u32 = 22;

/// One half in units of weights: the start of every sum, so that the final shift rounds.
pub(super) const HALF: i32 = 1 << (PRECISION - 1);

choices! {
    /// A resampling filter of Pillow. Down-scaling widens it by the scale factor (antialiasing).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Filter: "filter" {
        /// Triangle, support 1.
        Bilinear = "bilinear",
        /// Cubic convolution with a = -0.5, support 2.
        Bicubic = "bicubic",
        /// Lanczos with three lobes, support 3.
        Lanczos = "lanczos",
    }
}

impl Filter {
    /// Half the width of the filter, in pixels of the smaller image.
    pub(super) fn support(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }
}

/// `1 - |x|` inside the support.
#[inline]
pub(super) fn bilinear(x: f64) -> f64 {
    let x = x.abs();
    if x < 1.0 { 1.0 - x } else { 0.0 }
}

/// Cubic convolution (Keys 1981) with a = -0.5.
#[inline]
pub(super) fn bicubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    // Both pieces are computed, so that the compiler selects instead of jumping: the jumps would be guessed
    // wrong twice for every output.
    let near = ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
    let far = (((x - 5.0) * x + 8.0) * x - 4.0) * A;
    let outer = if x < 2.0 { far } else { 0.0 };
    if x < 1.0 { near } else { outer }
}

/// `sinc(x) * sinc(x / 3)` on `-3 <= x < 3`.
#[inline]
pub(super) fn lanczos(x: f64) -> f64 {
    if (-3.0..3.0).contains(&x) { sinc(x) * sinc(x / 3.0) } else { 0.0 }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        return 1.0;
    }
    let x = x * std::f64::consts::PI;
    libm::sin(x) / x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_interpolate() {
        for kernel in [bilinear, bicubic, lanczos] {
            assert_eq!(kernel(0.0), 1.0);
            assert!(kernel(1.0).abs() < 1e-15 && kernel(2.0).abs() < 1e-15 && kernel(3.0) == 0.0);
        }
        assert_eq!(bicubic(0.5), 0.5625);
        assert_eq!(bicubic(-1.5), -0.0625);
    }

    #[test]
    fn names_round_trip_and_unknown_names_say_what_exists() {
        for filter in [Filter::Bilinear, Filter::Bicubic, Filter::Lanczos] {
            assert_eq!(filter.to_string().parse(), Ok(filter));
        }
        let error = "nearest".parse::<Filter>().unwrap_err();
        assert_eq!(error.to_string(), "filter must be bilinear, bicubic or lanczos, not 'nearest'");
    }
}
