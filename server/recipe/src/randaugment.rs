//! RandAugment as timm 0.4.12 draws it: which operations, how strong, with which sign.
//!
//! The pixels are made by the kernels; here a policy and the keyed draws become resolved operations. Source:
//! `auto_augment.py` of timm 0.4.12 (`rand_augment_transform`, `AugmentOp`, the `_LEVEL_TO_ARG` functions); `p` and
//! `mmax` are those of timm 1.0.

use std::{fmt, str::FromStr};

use bandwise_kernels::AugmentOp;
use thiserror::Error;

use crate::draws::Draws;

/// Most layers that a policy may have.
pub const MAX_LAYERS: usize = 8;

/// The level of full strength: arguments are proportional to level / 10.
const LEVELS: f64 = 10.0;

/// The operations drawn for one image, in order.
pub type DrawnOps = [Option<AugmentOp>; MAX_LAYERS];

/// A RandAugment policy, written as timm does: `rand-m9-mstd0.5-inc1`.
///
/// Each layer draws one of 15 operations, uniformly and with replacement, and applies it with a probability. Each
/// application draws its level around the magnitude.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RandAugment {
    /// Layers (`n`), 1 to 8.
    pub layers: u32,
    /// Probability that a drawn layer is applied (`p`), in [0, 1].
    pub probability: f64,
    /// Magnitude (`m`), 0 to 10; `None` is the magnitude of the stage.
    pub magnitude: Option<f64>,
    /// Standard deviation of the level around the magnitude (`mstd`), at most 100.
    pub magnitude_std: f64,
    /// Largest level (`mmax`), 0 to 10.
    pub magnitude_max: f64,
    /// Whether the strength of every operation grows with the level (`inc1`).
    pub increasing: bool,
}

impl RandAugment {
    /// `rand-m{stage}-mstd0.5-inc1`: the policy of EfficientTrain.
    pub const EFFICIENTTRAIN: Self = Self {
        layers: 2,
        probability: 0.5,
        magnitude: None,
        magnitude_std: 0.5,
        magnitude_max: LEVELS,
        increasing: true,
    };

    /// The operations for an image of `side` x `side` pixels in a stage of this magnitude.
    pub fn draw(&self, stage_magnitude: f64, side: u32, draws: &mut Draws) -> DrawnOps {
        let magnitude = self.magnitude.unwrap_or(stage_magnitude);
        let mut ops = [None; MAX_LAYERS];
        for op in ops.iter_mut().take(self.layers as usize) {
            let choice = draws.integer(Choice::ALL.len() as u64 - 1) as usize;
            if draws.unit() > self.probability {
                continue;
            }
            let level = (magnitude + self.magnitude_std * draws.normal()).max(0.0).min(self.magnitude_max);
            let sign = if draws.unit() > 0.5 { -1.0 } else { 1.0 };
            *op = Some(Choice::ALL[choice].resolve(level, sign, self.increasing, side as usize));
        }
        ops
    }
}

/// An operation before its argument is known, in timm's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    AutoContrast,
    Equalize,
    Invert,
    Rotate,
    Posterize,
    Solarize,
    SolarizeAdd,
    Color,
    Contrast,
    Brightness,
    Sharpness,
    ShearX,
    ShearY,
    TranslateXRel,
    TranslateYRel,
}

impl Choice {
    const ALL: [Self; 15] = [
        Self::AutoContrast,
        Self::Equalize,
        Self::Invert,
        Self::Rotate,
        Self::Posterize,
        Self::Solarize,
        Self::SolarizeAdd,
        Self::Color,
        Self::Contrast,
        Self::Brightness,
        Self::Sharpness,
        Self::ShearX,
        Self::ShearY,
        Self::TranslateXRel,
        Self::TranslateYRel,
    ];

    /// The operation at a level in 0..=10. Truncations are toward zero, as Python's `int`.
    fn resolve(self, level: f64, sign: f64, increasing: bool, side: usize) -> AugmentOp {
        let part = level / LEVELS;
        let steps = |most: f64| (part * most) as u32;
        let factor = if increasing { 1.0 + sign * (part * 0.9) } else { part * 1.8 + 0.1 };
        match self {
            Self::AutoContrast => AugmentOp::AutoContrast,
            Self::Equalize => AugmentOp::Equalize,
            Self::Invert => AugmentOp::Invert,
            Self::Rotate => AugmentOp::Rotate { degrees: sign * (part * 30.0) },
            Self::Posterize => {
                AugmentOp::Posterize { bits: if increasing { 4 - steps(4.0).min(4) } else { steps(4.0) } }
            }
            Self::Solarize => {
                let threshold = steps(256.0);
                AugmentOp::Solarize {
                    threshold: if increasing { 256 - threshold.min(256) } else { threshold },
                }
            }
            Self::SolarizeAdd => AugmentOp::SolarizeAdd { add: steps(110.0) },
            Self::Color => AugmentOp::Color { factor },
            Self::Contrast => AugmentOp::Contrast { factor },
            Self::Brightness => AugmentOp::Brightness { factor },
            Self::Sharpness => AugmentOp::Sharpness { factor },
            Self::ShearX => AugmentOp::ShearX { shear: sign * (part * 0.3) },
            Self::ShearY => AugmentOp::ShearY { shear: sign * (part * 0.3) },
            Self::TranslateXRel => AugmentOp::translate_x_by(sign * (part * 0.45), side),
            Self::TranslateYRel => AugmentOp::translate_y_by(sign * (part * 0.45), side),
        }
    }
}

/// A policy string that is not understood or not supported.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("RandAugment policy '{policy}': {problem}")]
pub struct PolicyError {
    policy: String,
    problem: String,
}

impl FromStr for RandAugment {
    type Err = PolicyError;

    /// Reads timm's form: `rand`, then sections like `m9`, `mstd0.5`, `n2`, `p0.5`, `mmax10`, `inc1`, separated by
    /// dashes. Without `m`, the magnitude is the stage's. Defaults: `n2`, `p0.5`, `mstd0`, `mmax10`, not increasing.
    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let wrong = |problem: String| PolicyError { policy: text.chars().take(200).collect(), problem };
        let mut sections = text.split('-');
        match sections.next() {
            Some("rand") => {}
            Some(kind @ ("augmix" | "original" | "originalr" | "v0" | "v0r" | "3a")) => {
                return Err(wrong(format!("'{kind}' is another augmentation, which is not supported")));
            }
            _ => return Err(wrong("a policy begins with 'rand'".to_owned())),
        }
        let mut policy =
            Self { magnitude: None, magnitude_std: 0.0, increasing: false, ..Self::EFFICIENTTRAIN };
        let mut seen = Vec::new();
        for section in sections {
            let digits = section.find(|c: char| c.is_ascii_digit()).unwrap_or(section.len());
            let (key, value) = section.split_at(digits);
            if seen.contains(&key) {
                return Err(wrong(format!("'{key}' is listed twice")));
            }
            seen.push(key);
            policy.set(key, value).map_err(|problem| wrong(format!("'{section}': {problem}")))?;
        }
        Ok(policy)
    }
}

impl RandAugment {
    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let number = |low: f64, high: f64| match value.parse::<f64>() {
            Ok(number) if (low..=high).contains(&number) => Ok(number),
            _ => Err(format!("expected a number from {low} to {high}")),
        };
        match key {
            "m" => self.magnitude = Some(number(0.0, LEVELS)?),
            "mstd" => {
                self.magnitude_std = number(0.0, 100.0).map_err(|problem| {
                    format!("{problem} (above 100 means uniform levels in timm, which is not supported)")
                })?;
            }
            "mmax" => self.magnitude_max = number(0.0, LEVELS)?,
            "n" => {
                let layers = number(1.0, MAX_LAYERS as f64)?;
                if layers.fract() != 0.0 {
                    return Err("expected a whole number".to_owned());
                }
                self.layers = layers as u32;
            }
            "p" => self.probability = number(0.0, 1.0)?,
            "inc" if value == "1" => self.increasing = true,
            "inc" => {
                return Err(
                    "only inc1 has one meaning in all versions of timm; leave it out for none".to_owned()
                );
            }
            "w" => return Err("weighted choices are not supported".to_owned()),
            "t" => return Err("other sets of operations are not supported".to_owned()),
            other => return Err(format!("'{other}' is not known: use m, mstd, mmax, n, p or inc1")),
        }
        Ok(())
    }
}

impl fmt::Display for RandAugment {
    /// The canonical form: all sections, in a fixed order; no `m` where it is the stage's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rand")?;
        if let Some(magnitude) = self.magnitude {
            write!(f, "-m{magnitude}")?;
        }
        write!(
            f,
            "-n{}-p{}-mstd{}-mmax{}",
            self.layers, self.probability, self.magnitude_std, self.magnitude_max
        )?;
        if self.increasing { write!(f, "-inc1") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_read_as_timm_does() {
        let efficienttrain = RandAugment { magnitude: Some(9.0), ..RandAugment::EFFICIENTTRAIN };
        assert_eq!("rand-m9-mstd0.5-inc1".parse(), Ok(efficienttrain));
        assert_eq!("rand-mstd0.5-inc1".parse(), Ok(RandAugment::EFFICIENTTRAIN));
        let plain = RandAugment { magnitude_std: 0.0, increasing: false, ..efficienttrain };
        assert_eq!("rand-m9".parse(), Ok(plain));
        let all = "rand-m3.5-n3-p0.25-mstd1-mmax7";
        let expected = RandAugment {
            layers: 3,
            probability: 0.25,
            magnitude: Some(3.5),
            magnitude_std: 1.0,
            magnitude_max: 7.0,
            increasing: false,
        };
        assert_eq!(all.parse(), Ok(expected));
        assert_eq!(expected.to_string(), all);
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        for (policy, part) in [
            ("", "begins with 'rand'"),
            ("rand-m11", "'m11'"),
            ("rand-mnan", "'mnan'"),
            ("rand-mstd101", "uniform"),
            ("rand-n9", "'n9'"),
            ("rand-n1.5", "whole"),
            ("rand-inc0", "inc1"),
            ("rand-w0", "weighted"),
            ("rand-t2", "sets"),
            ("rand-m9-m8", "twice"),
            ("rand-x1", "'x'"),
            ("augmix-m5", "'augmix'"),
            ("v0", "'v0'"),
        ] {
            let error = policy.parse::<RandAugment>().unwrap_err().to_string();
            assert!(error.contains(part) && error.contains(policy), "{policy}: {error}");
        }
    }

    #[test]
    fn levels_become_timms_arguments() {
        let at = |choice: Choice, level| choice.resolve(level, 1.0, true, 224);
        for (level, bits, threshold, add) in
            [(0.0, 4, 256, 0), (5.0, 2, 128, 55), (9.0, 1, 26, 99), (10.0, 0, 0, 110)]
        {
            assert_eq!(at(Choice::Posterize, level), AugmentOp::Posterize { bits });
            assert_eq!(at(Choice::Solarize, level), AugmentOp::Solarize { threshold });
            assert_eq!(at(Choice::SolarizeAdd, level), AugmentOp::SolarizeAdd { add });
        }
        // The steps of the stages of the curriculum.
        let bits: Vec<_> = (0..10).map(|m| at(Choice::Posterize, f64::from(m))).collect();
        assert_eq!(bits, [4, 4, 4, 3, 3, 2, 2, 2, 1, 1].map(|bits| AugmentOp::Posterize { bits }));
        let thresholds = [256, 231, 205, 180, 154, 128, 103, 77, 52, 26];
        let solarized: Vec<_> = (0..10).map(|m| at(Choice::Solarize, f64::from(m))).collect();
        assert_eq!(solarized, thresholds.map(|threshold| AugmentOp::Solarize { threshold }));
        assert_eq!(at(Choice::Rotate, 5.0), AugmentOp::Rotate { degrees: 15.0 });
        assert_eq!(at(Choice::ShearX, 10.0), AugmentOp::ShearX { shear: 0.3 });
        assert_eq!(at(Choice::TranslateXRel, 10.0), AugmentOp::TranslateX { pixels: 0.45 * 224.0 });
        assert_eq!(Choice::Color.resolve(10.0, -1.0, true, 1), AugmentOp::Color { factor: 1.0 - 0.9 });
        assert_eq!(Choice::Color.resolve(10.0, -1.0, false, 1), AugmentOp::Color { factor: 1.8 + 0.1 });
        assert_eq!(Choice::Posterize.resolve(10.0, 1.0, false, 1), AugmentOp::Posterize { bits: 4 });
        assert_eq!(Choice::Solarize.resolve(5.0, 1.0, false, 1), AugmentOp::Solarize { threshold: 128 });
    }
}
