//! `--op NAME=ARG` of `bandwise apply`: one RandAugment operation with its resolved argument.

use bandwise_kernels::AugmentOp;

/// The value of `--op` as typed, before the size of the image is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum AugmentArg {
    /// Needs no more.
    Op(AugmentOp),
    /// A translation by a fraction of the width.
    TranslateX(f64),
    /// A translation by a fraction of the height.
    TranslateY(f64),
}

/// The text behind the `=` of an operation, and what the operation makes of it.
#[derive(Clone, Copy)]
enum Argument {
    None(AugmentOp),
    /// A number, which the help calls by this name.
    Number(&'static str, fn(f64) -> AugmentArg),
    /// A whole number from 0 to this one.
    Whole(&'static str, u32, fn(u32) -> AugmentOp),
}

use Argument::{None as Nothing, Number, Whole};

/// Every operation: timm's name, and its argument. Names without `Rel` are accepted too.
const OPERATIONS: [(&str, Argument); 15] = [
    ("AutoContrast", Nothing(AugmentOp::AutoContrast)),
    ("Equalize", Nothing(AugmentOp::Equalize)),
    ("Invert", Nothing(AugmentOp::Invert)),
    (
        "Rotate",
        Number("DEGREES (counter-clockwise)", |degrees| AugmentArg::Op(AugmentOp::Rotate { degrees })),
    ),
    ("Posterize", Whole("BITS", 8, |bits| AugmentOp::Posterize { bits })),
    ("Solarize", Whole("THRESHOLD", 256, |threshold| AugmentOp::Solarize { threshold })),
    ("SolarizeAdd", Whole("ADD", 255, |add| AugmentOp::SolarizeAdd { add })),
    ("Color", Number("FACTOR", |factor| AugmentArg::Op(AugmentOp::Color { factor }))),
    ("Contrast", Number("FACTOR", |factor| AugmentArg::Op(AugmentOp::Contrast { factor }))),
    ("Brightness", Number("FACTOR", |factor| AugmentArg::Op(AugmentOp::Brightness { factor }))),
    ("Sharpness", Number("FACTOR", |factor| AugmentArg::Op(AugmentOp::Sharpness { factor }))),
    ("ShearX", Number("V", |shear| AugmentArg::Op(AugmentOp::ShearX { shear }))),
    ("ShearY", Number("V", |shear| AugmentArg::Op(AugmentOp::ShearY { shear }))),
    ("TranslateXRel", Number("FRACTION", AugmentArg::TranslateX)),
    ("TranslateYRel", Number("FRACTION", AugmentArg::TranslateY)),
];

/// The operations as they are typed: `Invert, Rotate=DEGREES (counter-clockwise), ...`.
pub(crate) fn help() -> String {
    let each = OPERATIONS.map(|(name, argument)| match argument {
        Nothing(_) => name.to_owned(),
        Number(what, _) | Whole(what, ..) => format!("{name}={what}"),
    });
    each.join(", ")
}

impl AugmentArg {
    /// Reads `NAME` or `NAME=ARG`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (name, arg) = text.split_once('=').map_or((text, None), |(name, arg)| (name, Some(arg)));
        let is_named = |known: &str| known == name || known.strip_suffix("Rel") == Some(name);
        let Some((_, argument)) = OPERATIONS.iter().find(|(known, _)| is_named(known)) else {
            return Err(format!("unknown operation '{name}'; the operations are {}", help()));
        };
        let needed = || format!("{name} needs an argument: {name}=NUMBER");
        match argument {
            Nothing(_) if arg.is_some() => Err(format!("{name} takes no argument")),
            Nothing(op) => Ok(Self::Op(*op)),
            Number(_, make) => match arg.ok_or_else(needed)?.parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(make(number)),
                _ => Err(format!("the argument of {name} must be a number")),
            },
            Whole(_, most, make) => match arg.ok_or_else(needed)?.parse::<u32>() {
                Ok(number) if number <= *most => Ok(Self::Op(make(number))),
                _ => Err(format!("the argument of {name} must be a whole number from 0 to {most}")),
            },
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
    fn the_help_names_what_is_accepted() {
        assert_eq!(help().split(", ").count(), OPERATIONS.len());
        for typed in help().split(", ") {
            let name = typed.split('=').next().unwrap_or_default();
            let text = if typed.contains('=') { format!("{name}=1") } else { name.to_owned() };
            let op = AugmentArg::parse(&text).unwrap().resolve(8, 8);
            assert_eq!(
                op.name(),
                name.trim_end_matches("Rel"),
                "each operation is in its own line of the table"
            );
        }
    }

    #[test]
    fn names_and_arguments_are_read() {
        let op = |text| AugmentArg::parse(text).map(|arg| arg.resolve(200, 100));
        assert_eq!(op("AutoContrast"), Ok(AugmentOp::AutoContrast));
        assert_eq!(op("Rotate=-15.5"), Ok(AugmentOp::Rotate { degrees: -15.5 }));
        assert_eq!(op("TranslateXRel=0.25"), Ok(AugmentOp::TranslateX { pixels: 50.0 }));
        assert_eq!(op("TranslateY=-0.5"), Ok(AugmentOp::TranslateY { pixels: -50.0 }));
        for (text, part) in [
            ("Rotate=abc", "Rotate must be a number"),
            ("Rotate=nan", "must be a number"),
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
