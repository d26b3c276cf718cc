//! Medians: what a bench reports of its rounds.

use serde::Serialize;

/// Median, smallest and largest of some measurements.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The middle one, or the mean of the two middle ones.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// The spread of `values`; all 0 where there are none.
    pub fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (Some(&min), Some(&max)) = (sorted.first(), sorted.last()) else {
            return Self { median: 0.0, min: 0.0, max: 0.0 };
        };
        let upper = sorted.len() / 2;
        let lower = (sorted.len() - 1) / 2;
        Self { median: f64::midpoint(sorted[lower], sorted[upper]), min, max }
    }

    /// The spread of `values[i] / others[i]`: rounds that ran next to each other share the machine's mood, so
    /// their ratio is steadier than either.
    pub fn of_ratios(values: &[f64], others: &[f64]) -> Self {
        let ratios: Vec<f64> = values.iter().zip(others).map(|(value, other)| value / other).collect();
        Self::of(&ratios)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(Spread::of(&[3.0, 1.0, 9.0]), Spread { median: 3.0, min: 1.0, max: 9.0 });
        assert_eq!(Spread::of(&[4.0, 1.0, 9.0, 2.0]).median, 3.0);
        assert_eq!(Spread::of(&[]).median, 0.0);
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        // The machine was twice as fast in the second round: the ratio does not notice.
        let spread = Spread::of_ratios(&[50.0, 100.0, 51.0], &[100.0, 200.0, 100.0]);
        assert_eq!(spread, Spread { median: 0.5, min: 0.5, max: 0.51 });
    }
}
