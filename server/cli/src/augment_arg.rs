//! `--op NAME=ARG` of `bandwise apply`: one RandAugment operation with its resolved argument.

use bandwise_kernels::AugmentOp;

/// What is typed behind `--op`, before the size of the image is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum AugmentArg {
    /// Needs no more.
    Op(AugmentOp),
    /// A translation by a fraction of the width.
    TranslateX(f64),
    /// A translation by a fraction of the height.
    TranslateY(f64),
}

/// Names, and what stands behind the `=`.
pub(crate) const HELP: &str = "AutoContrast, Equalize, Invert, Rotate=DEGREES (counter-clockwise), Posterize=BITS, \
    Solarize=THRESHOLD, SolarizeAdd=ADD, Color=FACTOR, Contrast=FACTOR, Brightness=FACTOR, Sharpness=FACTOR, \
    ShearX=V, ShearY=V, TranslateXRel=FRACTION, TranslateYRel=FRACTION";

impl AugmentArg {
    /// Reads `NAME` or `NAME=ARG`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (name, arg) = text.split_once('=').map_or((text, None), |(name, arg)| (name, Some(arg)));
        let none = |op| match arg {
            None => Ok(Self::Op(op)),
            Some(_) => Err(format!("{name} takes no argument")),
        };
        let number = || match arg.map(str::parse::<f64>) {
            Some(Ok(number)) if number.is_finite() => Ok(number),
            Some(_) => Err(format!("the argument of {name} is not a number")),
            None => Err(format!("{name} needs an argument: {name}=NUMBER")),
        };
        let whole = |most: u32| match arg.map(str::parse::<u32>) {
            Some(Ok(number)) if number <= most => Ok(number),
            Some(_) => Err(format!("the argument of {name} is not a whole number from 0 to {most}")),
            None => Err(format!("{name} needs an argument: {name}=NUMBER")),
        };
        match name {
            "AutoContrast" => none(AugmentOp::AutoContrast),
            "Equalize" => none(AugmentOp::Equalize),
            "Invert" => none(AugmentOp::Invert),
            "TranslateX" | "TranslateXRel" => Ok(Self::TranslateX(number()?)),
            "TranslateY" | "TranslateYRel" => Ok(Self::TranslateY(number()?)),
            _ => Ok(Self::Op(match name {
                "Rotate" => AugmentOp::Rotate { degrees: number()? },
                "Posterize" => AugmentOp::Posterize { bits: whole(8)? },
                "Solarize" => AugmentOp::Solarize { threshold: whole(256)? },
                "SolarizeAdd" => AugmentOp::SolarizeAdd { add: whole(255)? },
                "Color" => AugmentOp::Color { factor: number()? },
                "Contrast" => AugmentOp::Contrast { factor: number()? },
                "Brightness" => AugmentOp::Brightness { factor: number()? },
                "Sharpness" => AugmentOp::Sharpness { factor: number()? },
                "ShearX" => AugmentOp::ShearX { shear: number()? },
                "ShearY" => AugmentOp::ShearY { shear: number()? },
                _ => return Err(format!("unknown operation; known are {HELP}")),
            })),
        }
    }

    /// The operation on an image of this size.
    pub(crate) fn resolve(self, width: usize, height: usize) -> AugmentOp {
        match self {
            Self::Op(op) => op,
            Self::TranslateX(fraction) => AugmentOp::translate_x_by(fraction, width),
            Self::TranslateY(fraction) => AugmentOp::translate_y_by(fraction, height),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_arguments_are_read() {
        let op = |text| AugmentArg::parse(text).map(|arg| arg.resolve(200, 100));
        assert_eq!(op("AutoContrast"), Ok(AugmentOp::AutoContrast));
        assert_eq!(op("Rotate=-15.5"), Ok(AugmentOp::Rotate { degrees: -15.5 }));
        assert_eq!(op("TranslateXRel=0.25"), Ok(AugmentOp::TranslateX { pixels: 50.0 }));
        assert_eq!(op("TranslateY=-0.5"), Ok(AugmentOp::TranslateY { pixels: -50.0 }));
        for (text, part) in [
            ("Rotate=abc", "Rotate is not a number"),
            ("Rotate=nan", "not a number"),
            ("Rotate", "Rotate=NUMBER"),
            ("Invert=1", "takes no argument"),
            ("Posterize=9", "0 to 8"),
            ("Solarize=1.5", "0 to 256"),
            ("Rotation=3", "unknown operation"),
        ] {
            let error = op(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
