//! The arithmetic of the reference's clocks: which whole epochs a stage runs.
//!
//! Every stage has a clock of its own, as long as the whole training would be at the stage's bandwidth, and
//! runs one span of it. With base `N`, bandwidth `B`, replay times `r` and budget `E` of 224-equivalents
//! (`EfficientTrain++`, TPAMI 2024):
//!
//! ```text
//! S     = N^2 / B^2                      cost of a pass at N in passes at B
//! T     = trunc(E * S / r)               clock epochs
//! W     = trunc(20 / r)                  warm-up epochs; trunc(0.2 * E * S / r) in the DeiT variant
//! end   = trunc(T * cumulative share)    the presets' trunc(T / 10 * (k + 1))
//! start = the previous stage's end p', carried over from its B' and r':
//!         s = p' if r = r', else rne(p' * r' / r);   start = rne(s * B'^2 / B^2)
//! ```
//!
//! `EfficientTrain` (ICCV 2023) counts passes instead: every `S` is 1, the clocks are one, and
//! `end = trunc(E * cumulative share)`. `S` is computed with one rounding; as the square of `N / B` it would
//! lose an epoch at `B` = 160, where 224 / 160 is not a binary fraction. Starts are rounded exactly, in
//! integers.

use crate::curriculum::{Clock, Curriculum, CurriculumStage, Warmup};

/// Tolerance by which a cumulative share may be below the exact fraction, relative to the clock: the rounding of up to
/// 256 additions, well below the distance of an exact end to the next whole epoch. Without it the first of 49 equal
/// stages would end at 49 * (1 / 49) = 0.99... epochs, that is at 0.
const SHARE_ROUNDING: f64 = 1e-13;

/// The epochs of one stage in its own clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Span {
    /// `T`, epochs of the whole clock.
    pub(crate) clock_epochs: f64,
    /// `W`, epochs of warm-up.
    pub(crate) warmup_epochs: f64,
    /// The start of the stage.
    pub(crate) start: f64,
    /// Its end; this may be at or before `start`, then the stage runs nothing.
    pub(crate) end: f64,
}

/// The span of every stage, in whole epochs, for a finite budget of at least 0 and at most
/// [`crate::MAX_EPOCHS`].
pub(crate) fn spans(curriculum: &Curriculum, budget: f64) -> Vec<Span> {
    let total: f64 = curriculum.stages.iter().map(|stage| stage.extent.weight()).sum();
    let mut cumulative = 0.0;
    let mut previous: Option<(&CurriculumStage, u64)> = None;
    let mut spans = Vec::with_capacity(curriculum.stages.len());
    for stage in &curriculum.stages {
        cumulative += stage.extent.weight();
        let length = clock_length(curriculum, stage, budget);
        let end = (length * (cumulative / total) + length * SHARE_ROUNDING) as u64;
        spans.push(Span {
            clock_epochs: length.trunc(),
            warmup_epochs: warmup_length(curriculum, stage, budget).trunc(),
            // Epochs of a clock are below 2^38, which a double holds exactly.
            start: previous.map_or(0, |(before, end)| carry_over(curriculum, before, end, stage)) as f64,
            end: end as f64,
        });
        previous = Some((stage, end));
    }
    spans
}

/// Length of the stage's clock: a whole number for equivalents, the budget itself for passes.
fn clock_length(curriculum: &Curriculum, stage: &CurriculumStage, budget: f64) -> f64 {
    let length = budget * stretch(curriculum, stage) / f64::from(stage.replay);
    match curriculum.clock {
        Clock::Passes => length,
        Clock::Equivalents => length.trunc(),
    }
}

/// `W` before it is truncated.
pub(crate) fn warmup_length(curriculum: &Curriculum, stage: &CurriculumStage, budget: f64) -> f64 {
    // The share comes first in the product, as in the reference: its rounding decides some truncations.
    let epochs = match curriculum.warmup {
        Warmup::Epochs(epochs) => epochs,
        Warmup::Share(share) => share * budget * stretch(curriculum, stage),
    };
    epochs / f64::from(stage.replay)
}

/// `S`, passes of this stage that cost a pass of the clock's own size.
pub(crate) fn stretch(curriculum: &Curriculum, stage: &CurriculumStage) -> f64 {
    let pixels = |side: u64| (side * side) as f64;
    pixels(u64::from(curriculum.base)) / pixels(clock_side(curriculum, stage))
}

/// Side in pixels at which the clock counts the passes of a stage.
fn clock_side(curriculum: &Curriculum, stage: &CurriculumStage) -> u64 {
    u64::from(match curriculum.clock {
        Clock::Passes => curriculum.base,
        Clock::Equivalents => stage.bandwidth,
    })
}

/// The epoch of `stage`'s clock at which the clock of the stage `before` showed `end`: replay is converted
/// first, then the resolution, each rounded.
fn carry_over(curriculum: &Curriculum, before: &CurriculumStage, end: u64, stage: &CurriculumStage) -> u64 {
    let converted = rounded_ratio(end, u64::from(before.replay), u64::from(stage.replay));
    let pixels = |stage| clock_side(curriculum, stage).pow(2);
    rounded_ratio(converted, pixels(before), pixels(stage))
}

/// `value * numerator / denominator`, rounded half to even; the denominator is not 0. Clocks stay below
/// 2^38 epochs and numerators below 2^25, so the result fits.
fn rounded_ratio(value: u64, numerator: u64, denominator: u64) -> u64 {
    let (product, denominator) = (u128::from(value) * u128::from(numerator), u128::from(denominator));
    let (quotient, twice_rest) = (product / denominator, product % denominator * 2);
    let up = twice_rest > denominator || (twice_rest == denominator && quotient % 2 == 1);
    (quotient + u128::from(up)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curriculum::Extent;

    #[test]
    fn ratios_round_half_to_even() {
        let halves: Vec<_> = (0..8).map(|value| rounded_ratio(value, 1, 2)).collect();
        assert_eq!(halves, [0, 0, 1, 2, 2, 2, 3, 4]);
        assert_eq!(rounded_ratio(217, 96 * 96, 160 * 160), 78);
        assert_eq!(rounded_ratio((1 << 38) - 1, 1 << 24, 1), ((1 << 38) - 1) << 24);
    }

    /// The ends are the reference's floats for every budget, not only for those of its tables.
    #[test]
    fn tenths_end_where_the_float_formula_ends() {
        let preset = Curriculum::preset("efficienttrain++-deit").expect("listed");
        for quarter in 1..=2400 {
            for (k, span) in spans(&preset, f64::from(quarter) / 4.0).iter().enumerate() {
                let expected = (span.clock_epochs / 10.0 * (k + 1) as f64).trunc();
                assert_eq!(span.end, expected, "E = {quarter}/4, stage {k}");
            }
        }
    }

    #[test]
    fn fifths_of_passes_are_not_truncated_before_the_product() {
        let preset = Curriculum::preset("efficienttrain").expect("listed");
        for hundredth in 1..=60_000 {
            let budget = f64::from(hundredth) / 100.0;
            for (i, span) in spans(&preset, budget).iter().enumerate() {
                assert_eq!(span.end, (budget / 5.0 * (i + 1) as f64).trunc(), "E = {budget}, stage {i}");
                assert_eq!(span.clock_epochs, budget.trunc());
            }
        }
    }

    /// Equal stages of one epoch end at whole epochs, however badly their share fits a float.
    #[test]
    fn equal_shares_of_any_number_end_at_whole_epochs() {
        for count in 1..=256_u32 {
            for extent in [Extent::Share(1.0 / f64::from(count)), Extent::Epochs(1.0)] {
                let stages = vec![CurriculumStage::new(extent, 224, 9.0); count as usize];
                let equal = Curriculum::new("equal", 224, Clock::Passes, stages).expect("valid");
                let ends = spans(&equal, f64::from(count)).into_iter().map(|span| span.end);
                assert!(ends.eq((1..=count).map(f64::from)), "{count} of {extent:?}");
            }
        }
    }

    /// Rounded and unrounded thirds end at the same epochs, since shares are divided by their sum.
    #[test]
    fn rounded_shares_end_where_exact_ones_do() {
        let thirds = |share| {
            let stages = vec![CurriculumStage::new(Extent::Share(share), 224, 9.0); 3];
            Curriculum::new("thirds", 224, Clock::Equivalents, stages).expect("valid")
        };
        for budget in (3..3000).step_by(3) {
            let ends: Vec<_> = spans(&thirds(0.333_333), f64::from(budget)).iter().map(|s| s.end).collect();
            assert_eq!(ends, [1, 2, 3].map(|k| f64::from(k * budget / 3)), "{budget}");
        }
    }

    /// The reference's replay schedule for ResNet-50 at E = 200.
    #[test]
    fn replay_is_converted_before_the_resolution() {
        let preset = Curriculum::preset("efficienttrain++-resnet-replay").expect("listed");
        let table = [
            (272, 5, 0, 27),
            (272, 5, 27, 54),
            (196, 10, 39, 58),
            (196, 10, 58, 78),
            (196, 10, 78, 98),
            (196, 10, 98, 117),
            (200, 20, 119, 140),
            (200, 20, 140, 160),
            (200, 20, 160, 180),
            (200, 20, 180, 200),
        ];
        let spans = spans(&preset, 200.0);
        let rows: Vec<_> = spans.iter().map(|s| (s.clock_epochs, s.warmup_epochs, s.start, s.end)).collect();
        assert_eq!(
            rows,
            table.map(|(t, w, start, end)| (f64::from(t), f64::from(w), f64::from(start), f64::from(end)))
        );
    }
}
