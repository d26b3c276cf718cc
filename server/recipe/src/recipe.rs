//! The recipe as a value: an ordered list of named operations with their parameters.
//!
//! Nothing is executed here (see [`crate::Program`]). The list is what the fingerprint of a job covers, what is
//! printed to people, and what is compiled for a stage. Names of recipes do not enter the fingerprint.
//!
//! Sources: the transform orders of the EfficientTrain (ICCV 2023) and EfficientTrain++ (TPAMI 2024) code.

use std::fmt;

use bandwise_choice::choices;
use bandwise_kernels::{Filter, Normalization};
use thiserror::Error;

use crate::{erase::RandomErase, geometry::CropRange, mix::Mix, randaugment::RandAugment};

/// Version of the pixel semantics: everything that turns (bytes, draws, recipe) into a tensor, the keying of the
/// draws and the order of the samples. Daemons with equal numbers give equal bytes for equal jobs; the number
/// goes up whenever any byte of any exact job changes. [`crate::FAST_SEMANTICS`] is for what fast jobs add.
pub const PIXEL_SEMANTICS: u32 = 3;

choices! {
    /// Method by which a stage reduces an image to its bandwidth B.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum LowFrequency: "low_frequency" {
        /// A Lanczos resize to B x B on 8-bit pixels as in Pillow, before the normalisation.
        Lanczos = "lanczos",
        /// The DFT cropped to B x B, on normalised values.
        Fourier = "fourier",
    }
}

choices! {
    /// The side of a square that an operation makes.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Side: "side" = Base {
        /// The base size of the curriculum (224).
        Base = "base",
        /// The bandwidth of the stage.
        Bandwidth = "bandwidth",
    }
}

impl Side {
    /// The side in pixels for a base size and a bandwidth.
    pub fn pixels(self, base: u32, bandwidth: u32) -> u32 {
        match self {
            Self::Base => base,
            Self::Bandwidth => bandwidth,
        }
    }
}

/// One step of a recipe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Operation {
    /// Cuts a random part out of the image and resizes it to a square.
    RandomResizedCrop {
        /// Area and aspect ratio of the part.
        range: CropRange,
        /// Resampling filter.
        filter: Filter,
        /// Side of the square.
        side: Side,
    },
    /// Resizes the short side to side / 0.875 and cuts the centre out (the evaluation transform).
    CenterCrop {
        /// Resampling filter.
        filter: Filter,
        /// Side of the square.
        side: Side,
    },
    /// Mirrors left and right.
    Flip {
        /// Probability, in [0, 1].
        probability: f64,
    },
    /// Reduces the image to the bandwidth of the stage; nothing happens where that is the base size.
    LowFrequency(LowFrequency),
    /// Random operations on 8-bit pixels, as strong as the policy or the stage says. What comes from outside the
    /// image is filled with 255 times the mean of the normalisation, rounded half to even.
    RandAugment(RandAugment),
    /// v / 255, minus the mean, divided by the standard deviation. Without effect on u8 output, which stays in
    /// 0..255 throughout.
    Normalize(Normalization),
    /// A random box of the tensor becomes noise.
    RandomErase(RandomErase),
    /// Mixup or CutMix between the rows of a group; the last operation.
    Mix(Mix),
}

impl Operation {
    /// The name by which recipes, reports and the fingerprint know the operation.
    pub fn name(&self) -> &'static str {
        match self {
            Self::RandomResizedCrop { .. } => "random_resized_crop",
            Self::CenterCrop { .. } => "center_crop",
            Self::Flip { .. } => "flip",
            Self::LowFrequency(_) => "low_frequency",
            Self::RandAugment(_) => "rand_augment",
            Self::Normalize(_) => "normalize",
            Self::RandomErase(_) => "random_erase",
            Self::Mix(_) => "mix",
        }
    }

    /// Whether what the operation does is drawn for each sample and epoch.
    fn draws(&self) -> bool {
        match self {
            Self::RandomResizedCrop { .. } | Self::RandAugment(_) | Self::Mix(_) => true,
            Self::Flip { probability } => *probability > 0.0,
            Self::RandomErase(erase) => erase.probability > 0.0,
            Self::CenterCrop { .. } | Self::LowFrequency(_) | Self::Normalize(_) => false,
        }
    }

    /// The same crop with another side; other operations have none.
    fn with_side(self, side: Side) -> Self {
        match self {
            Self::RandomResizedCrop { range, filter, .. } => Self::RandomResizedCrop { range, filter, side },
            Self::CenterCrop { filter, .. } => Self::CenterCrop { filter, side },
            other => other,
        }
    }

    /// The parameters as (name, canonical value), in a fixed order. Numbers are the shortest decimals that read
    /// back to the same double.
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::RandomResizedCrop { range, filter, side } => vec![
                ("area", format!("{} {}", range.area.0, range.area.1)),
                ("ratio", format!("{} {}", range.ratio.0, range.ratio.1)),
                ("filter", filter.to_string()),
                ("side", side.to_string()),
            ],
            Self::CenterCrop { filter, side } => {
                vec![("filter", filter.to_string()), ("side", side.to_string())]
            }
            Self::Flip { probability } => vec![("probability", probability.to_string())],
            Self::LowFrequency(method) => vec![("method", method.to_string())],
            Self::RandAugment(policy) => vec![("policy", policy.to_string())],
            Self::Normalize(n) => vec![("mean", channels(n.mean)), ("std", channels(n.std))],
            Self::RandomErase(erase) => vec![
                ("probability", erase.probability.to_string()),
                ("area", format!("{} {}", erase.area.0, erase.area.1)),
                ("ratio", format!("{} {}", erase.ratio.0, erase.ratio.1)),
            ],
            Self::Mix(mix) => vec![
                ("group", mix.group.to_string()),
                ("probability", mix.probability.to_string()),
                ("mixup_alpha", mix.mixup_alpha.to_string()),
                ("cutmix_alpha", mix.cutmix_alpha.to_string()),
                ("switch_probability", mix.switch_probability.to_string()),
                ("cutmix_edge", mix.edge.to_string()),
            ],
        }
    }
}

fn channels(values: [f32; 3]) -> String {
    format!("{} {} {}", values[0], values[1], values[2])
}

/// An ordered list of operations that leads from an encoded image to a tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    name: String,
    views: u32,
    operations: Vec<Operation>,
}

/// A recipe that cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecipeError {
    /// No recipe of that name.
    #[error("unknown recipe {name:?}; the names are {}", Recipe::NAMES.join(", "))]
    Unknown {
        /// The name asked for.
        name: String,
    },
    /// The recipe has no such low-frequency method.
    #[error(
        "recipe '{recipe}' cannot use low_frequency = {method}: its random erasing and normalisation at the base \
         size come before the reduction; use fourier, or the recipe efficienttrain++"
    )]
    LowFrequency {
        /// The recipe.
        recipe: &'static str,
        /// The method asked for.
        method: LowFrequency,
    },
}

impl Recipe {
    /// The recipes that exist by name.
    pub const NAMES: [&str; 5] = ["efficienttrain", "efficienttrain++", "plain", "eval", "mae"];

    /// The recipe called `name`, with its own low-frequency method or the one that is asked for:
    ///
    /// | name | default | operations |
    /// | --- | --- | --- |
    /// | `efficienttrain` | `fourier` | crop to the base size, flip, RandAugment, normalise, erase, Fourier |
    /// | `efficienttrain++` | `lanczos` | crop to the base size, flip, RandAugment, Lanczos, normalise, erase |
    /// | `efficienttrain++` | with `fourier` | crop to the base size, flip, RandAugment, normalise, Fourier, erase |
    /// | `plain` | none | crop straight to B, flip, normalise |
    /// | `eval` | none | centre crop straight to B, normalise |
    /// | `mae` | `lanczos` | crop of area 0.2 to 1 to the base size, flip, reduction, normalise |
    ///
    /// With a method, `plain` and `eval` crop to the base size first.
    ///
    /// # Errors
    ///
    /// An unknown name, and `efficienttrain` with `lanczos`.
    pub fn named(name: &str, low_frequency: Option<LowFrequency>) -> Result<Self, RecipeError> {
        if name == "efficienttrain" && low_frequency == Some(LowFrequency::Lanczos) {
            let method = LowFrequency::Lanczos;
            return Err(RecipeError::LowFrequency { recipe: "efficienttrain", method });
        }
        let flip = Operation::Flip { probability: 0.5 };
        let augment = Operation::RandAugment(RandAugment::EFFICIENTTRAIN);
        let erase = Operation::RandomErase(RandomErase::EFFICIENTTRAIN);
        let imagenet = random_crop(CropRange::IMAGENET);
        let (first, then, default, last): (Operation, &[Operation], _, &[Operation]) = match name {
            "efficienttrain" => (imagenet, &[flip, augment], Some(LowFrequency::Fourier), &[erase]),
            "efficienttrain++" => (imagenet, &[flip, augment], Some(LowFrequency::Lanczos), &[erase]),
            "plain" => (imagenet, &[flip], None, &[]),
            "eval" => (center_crop(), &[], None, &[]),
            "mae" => (random_crop(CropRange::MAE), &[flip], Some(LowFrequency::Lanczos), &[]),
            _ => return Err(RecipeError::Unknown { name: name.to_owned() }),
        };
        let method = low_frequency.or(default);
        let side = if method.is_some() { Side::Base } else { Side::Bandwidth };
        let normalize = Operation::Normalize(Normalization::IMAGENET);
        let reduce = method.map(Operation::LowFrequency);
        // The papers' first recipe erases at the base size, before the spectrum is cropped.
        let (before, after) = if name == "efficienttrain" { (last, &[][..]) } else { (&[][..], last) };
        let mut operations = vec![first.with_side(side)];
        operations.extend(then);
        match method {
            Some(LowFrequency::Lanczos) => operations.extend(reduce.into_iter().chain([normalize])),
            _ => operations.extend([normalize].into_iter().chain(before.iter().copied()).chain(reduce)),
        }
        operations.extend(after);
        Ok(Self { name: name.to_owned(), views: 1, operations })
    }

    /// A recipe from its parts; whether its order has a meaning is checked when it is compiled.
    pub(crate) fn new(name: String, views: u32, operations: Vec<Operation>) -> Self {
        Self { name, views, operations }
    }

    /// The name, for display.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Views of a sample in a step, in consecutive rows, each with draws of its own; at least 1.
    pub fn views(&self) -> u32 {
        self.views
    }

    /// Whether a sample may come out differently in each epoch.
    pub fn draws(&self) -> bool {
        self.operations.iter().any(Operation::draws)
    }

    /// Whether the recipe is an evaluation: it shows the centre, in index order, to the last sample.
    pub fn is_evaluation(&self) -> bool {
        matches!(self.operations.first(), Some(Operation::CenterCrop { .. }))
    }

    /// The mixing of rows, if there is one.
    pub fn mix(&self) -> Option<&Mix> {
        self.operations.iter().find_map(|operation| match operation {
            Operation::Mix(mix) => Some(mix),
            _ => None,
        })
    }

    /// The operations, in the order in which they happen.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The normalisation; ImageNet's where the recipe has none (it is then refused when compiled).
    pub fn normalization(&self) -> Normalization {
        let found = self.operations.iter().find_map(|operation| match operation {
            Operation::Normalize(normalization) => Some(*normalization),
            _ => None,
        });
        found.unwrap_or(Normalization::IMAGENET)
    }

    /// The low-frequency method, if the recipe has one.
    pub fn low_frequency(&self) -> Option<LowFrequency> {
        self.operations.iter().find_map(|operation| match operation {
            Operation::LowFrequency(method) => Some(*method),
            _ => None,
        })
    }
}

fn random_crop(range: CropRange) -> Operation {
    Operation::RandomResizedCrop { range, filter: Filter::Bicubic, side: Side::Base }
}

fn center_crop() -> Operation {
    Operation::CenterCrop { filter: Filter::Bicubic, side: Side::Base }
}

impl fmt::Display for Recipe {
    /// One operation a line: `flip probability=0.5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, operation) in self.operations.iter().enumerate() {
            write!(f, "{}{}", if i == 0 { "" } else { "\n" }, operation.name())?;
            for (name, value) in operation.parameters() {
                write!(f, " {name}={value}")?;
            }
        }
        Ok(())
    }
}
