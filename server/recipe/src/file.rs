//! Recipes from TOML: ordered operations with their parameters.
//!
//! ```toml
//! name = "mine"                       # the file's, without folder and ending, where it is left out
//! views = 1                           # views of a sample in a step, in consecutive rows
//!
//! [[operation]]
//! name = "random_resized_crop"
//! area = [0.08, 1.0]
//! ratio = [0.75, 1.3333333333333333]
//! filter = "bicubic"                  # bilinear, bicubic, lanczos
//! side = "base"                       # or "bandwidth"
//!
//! [[operation]]
//! name = "rand_augment"
//! policy = "rand-mstd0.5-inc1"        # without m: the magnitude of the stage
//! ```
//!
//! Parameters that are left out have the values of the `efficienttrain++` recipe. Values out of range are collected
//! and reported together; an order without meaning is refused when the recipe meets a stage.

use std::path::Path;

use bandwise_choice::Mistakes;
use bandwise_kernels::{Filter, Normalization};
use serde::Deserialize;
use thiserror::Error;

use crate::{
    erase::RandomErase,
    geometry::CropRange,
    mix::{CutMixEdge, Mix},
    randaugment::RandAugment,
    recipe::{LowFrequency, Operation, Recipe, Side},
};

/// Longest text of a recipe file, in bytes.
pub const MAX_FILE_BYTES: usize = 256 * 1024;

/// Longest name of a recipe, in bytes.
const MAX_NAME_BYTES: usize = 256;

/// Most operations of a recipe.
const MAX_OPERATIONS: usize = 32;

/// Most views of a sample in a step.
const MAX_VIEWS: u32 = 64;

/// A recipe file that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecipeFileError {
    /// The text is too long.
    #[error("the recipe {file} has {bytes} bytes, more than {MAX_FILE_BYTES}")]
    TooLong {
        /// The file's name.
        file: String,
        /// Its length.
        bytes: usize,
    },
    /// The text is not TOML, or has unknown keys or values of the wrong type.
    #[error("{file}: line {line}: {message}")]
    Syntax {
        /// The file's name.
        file: String,
        /// Line, counted from 1.
        line: usize,
        /// The reason.
        message: String,
    },
    /// Values that cannot be.
    #[error("the recipe {file} has {mistakes}")]
    Mistakes {
        /// The file's name.
        file: String,
        /// All of them.
        mistakes: Mistakes,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: Option<String>,
    #[serde(default = "one")]
    views: u32,
    #[serde(default)]
    operation: Vec<FileOperation>,
}

fn one() -> u32 {
    1
}

#[derive(Deserialize)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
enum FileOperation {
    RandomResizedCrop {
        #[serde(default = "imagenet_area")]
        area: [f64; 2],
        #[serde(default = "imagenet_ratio")]
        ratio: [f64; 2],
        #[serde(default = "bicubic")]
        filter: String,
        #[serde(default = "base")]
        side: String,
    },
    CenterCrop {
        #[serde(default = "bicubic")]
        filter: String,
        #[serde(default = "base")]
        side: String,
    },
    Flip {
        #[serde(default = "half")]
        probability: f64,
    },
    RandAugment {
        #[serde(default = "efficienttrain_policy")]
        policy: String,
    },
    LowFrequency {
        method: String,
    },
    Normalize {
        #[serde(default = "imagenet_mean")]
        mean: [f32; 3],
        #[serde(default = "imagenet_std")]
        std: [f32; 3],
    },
    RandomErase {
        #[serde(default = "erase_probability")]
        probability: f64,
        #[serde(default = "erase_area")]
        area: [f64; 2],
        #[serde(default = "erase_ratio")]
        ratio: [f64; 2],
    },
    Mix {
        group: u64,
        #[serde(default = "whole")]
        probability: f64,
        #[serde(default = "mixup_alpha")]
        mixup_alpha: f64,
        #[serde(default = "whole")]
        cutmix_alpha: f64,
        #[serde(default = "half")]
        switch_probability: f64,
        #[serde(default = "timm0")]
        cutmix_edge: String,
    },
}

fn imagenet_area() -> [f64; 2] {
    CropRange::IMAGENET.area.into()
}
fn imagenet_ratio() -> [f64; 2] {
    CropRange::IMAGENET.ratio.into()
}
fn imagenet_mean() -> [f32; 3] {
    Normalization::IMAGENET.mean
}
fn imagenet_std() -> [f32; 3] {
    Normalization::IMAGENET.std
}
fn bicubic() -> String {
    Filter::Bicubic.to_string()
}
fn base() -> String {
    Side::Base.to_string()
}
fn half() -> f64 {
    0.5
}
fn whole() -> f64 {
    1.0
}
fn mixup_alpha() -> f64 {
    0.8
}
fn timm0() -> String {
    CutMixEdge::Timm0.to_string()
}
fn efficienttrain_policy() -> String {
    RandAugment::EFFICIENTTRAIN.to_string()
}
fn erase_probability() -> f64 {
    RandomErase::EFFICIENTTRAIN.probability
}
fn erase_area() -> [f64; 2] {
    RandomErase::EFFICIENTTRAIN.area.into()
}
fn erase_ratio() -> [f64; 2] {
    RandomErase::EFFICIENTTRAIN.ratio.into()
}

impl Recipe {
    /// Reads a recipe from the TOML text of `file`, a path for messages and for the name where the text has none.
    ///
    /// # Errors
    ///
    /// If the text is too long, is no TOML, or holds values that cannot be.
    pub fn from_toml(file: &str, text: &str) -> Result<Self, RecipeFileError> {
        let file = || file.to_owned();
        if text.len() > MAX_FILE_BYTES {
            return Err(RecipeFileError::TooLong { file: file(), bytes: text.len() });
        }
        let parsed: File = toml::from_str(text).map_err(|error| {
            let before = text.bytes().take(error.span().map_or(0, |span| span.start));
            let line = 1 + before.filter(|&byte| byte == b'\n').count();
            RecipeFileError::Syntax { file: file(), line, message: error.message().to_owned() }
        })?;
        let mut mistakes = Mistakes::default();
        let name = parsed.name.unwrap_or_else(|| stem(&file()));
        mistakes.require((1..=MAX_NAME_BYTES).contains(&name.len()), "name", "must have 1 to 256 bytes");
        mistakes.require((1..=MAX_VIEWS).contains(&parsed.views), "views", "must be from 1 to 64");
        let count = parsed.operation.len();
        mistakes.require((1..=MAX_OPERATIONS).contains(&count), "operation", "must be given 1 to 32 times");
        let mut operations = Vec::with_capacity(count.min(MAX_OPERATIONS));
        for (position, operation) in parsed.operation.into_iter().enumerate().take(MAX_OPERATIONS) {
            mistakes.within(format!("operation {position}: "));
            operations.extend(operation.resolve(&mut mistakes));
        }
        let recipe = Self::new(name, parsed.views, operations);
        mistakes.or(recipe).map_err(|mistakes| RecipeFileError::Mistakes { file: file(), mistakes })
    }
}

/// The name of a file without folder and ending.
fn stem(file: &str) -> String {
    let stem = Path::new(file).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    stem.unwrap_or_else(|| "unnamed".to_owned())
}

/// Both ends of a range, which must be in order and from `least` to `most`.
fn range(mistakes: &mut Mistakes, key: &str, [low, high]: [f64; 2], least: f64, most: f64) -> (f64, f64) {
    mistakes.in_range(key, low, least, most);
    mistakes.in_range(key, high, least, most);
    if low > high {
        mistakes.push(format_args!("{key} = [{low}, {high}]: the first must not exceed the second"));
    }
    (low, high)
}

/// Smallest area and ratio, so that no crop is empty by its parameters alone.
const TINY: f64 = 1e-4;

impl FileOperation {
    fn resolve(self, mistakes: &mut Mistakes) -> Option<Operation> {
        Some(match self {
            Self::RandomResizedCrop { area, ratio, filter, side } => {
                let range = CropRange {
                    area: range(mistakes, "area", area, TINY, 1.0),
                    ratio: range(mistakes, "ratio", ratio, TINY, 1.0 / TINY),
                };
                Operation::RandomResizedCrop {
                    range,
                    filter: mistakes.parsed(filter.parse())?,
                    side: mistakes.parsed(side.parse())?,
                }
            }
            Self::CenterCrop { filter, side } => Operation::CenterCrop {
                filter: mistakes.parsed(filter.parse())?,
                side: mistakes.parsed(side.parse())?,
            },
            Self::Flip { probability } => {
                Operation::Flip { probability: mistakes.in_range("probability", probability, 0.0, 1.0) }
            }
            Self::RandAugment { policy } => Operation::RandAugment(mistakes.parsed(policy.parse())?),
            Self::LowFrequency { method } => {
                Operation::LowFrequency(mistakes.parsed(method.parse::<LowFrequency>())?)
            }
            Self::Normalize { mean, std } => {
                for (mean, std) in mean.into_iter().zip(std) {
                    mistakes.in_range("mean", f64::from(mean), 0.0, 1.0);
                    mistakes.in_range("std", f64::from(std), TINY, 1.0 / TINY);
                }
                Operation::Normalize(Normalization { mean, std })
            }
            Self::RandomErase { probability, area, ratio } => Operation::RandomErase(RandomErase {
                probability: mistakes.in_range("probability", probability, 0.0, 1.0),
                area: range(mistakes, "area", area, TINY, 1.0),
                ratio: range(mistakes, "ratio", ratio, TINY, 1.0 / TINY),
            }),
            Self::Mix { group, probability, mixup_alpha, cutmix_alpha, switch_probability, cutmix_edge } => {
                mistakes.require(group >= 2 && group % 2 == 0, "group", "must be even and at least 2");
                mistakes.require(
                    mixup_alpha > 0.0 || cutmix_alpha > 0.0,
                    "mixup_alpha",
                    "and cutmix_alpha are both 0",
                );
                let edge = mistakes.parsed(cutmix_edge.parse());
                Operation::Mix(Mix {
                    group,
                    probability: mistakes.in_range("probability", probability, 0.0, 1.0),
                    mixup_alpha: mistakes.in_range("mixup_alpha", mixup_alpha, 0.0, 1000.0),
                    cutmix_alpha: mistakes.in_range("cutmix_alpha", cutmix_alpha, 0.0, 1000.0),
                    switch_probability: mistakes.in_range("switch_probability", switch_probability, 0.0, 1.0),
                    edge: edge?,
                })
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EFFICIENTTRAIN_PLUS: &str = r#"
        name = "mine"
        [[operation]]
        name = "random_resized_crop"
        [[operation]]
        name = "flip"
        [[operation]]
        name = "rand_augment"
        [[operation]]
        name = "low_frequency"
        method = "lanczos"
        [[operation]]
        name = "normalize"
        [[operation]]
        name = "random_erase"
    "#;

    #[test]
    fn the_file_of_the_documentation_is_a_recipe() {
        let document = include_str!("../README.md");
        let file = document.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
        let recipe = Recipe::from_toml("mine.toml", file).unwrap();
        assert_eq!(recipe.operations().len(), 6);
        for name in Recipe::NAMES {
            assert!(document.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn defaults_are_those_of_efficienttrain() {
        let mine = Recipe::from_toml("mine.toml", EFFICIENTTRAIN_PLUS).unwrap();
        let preset = Recipe::named("efficienttrain++", None).unwrap();
        assert_eq!(mine.operations(), preset.operations());
        assert_eq!((mine.views(), preset.views()), (1, 1));
    }

    #[test]
    fn a_file_without_a_name_has_its_own() {
        let text = EFFICIENTTRAIN_PLUS.replacen("name", "# name", 1);
        for (file, name) in
            [("conf/mine.toml", "mine"), ("mine.v2.toml", "mine.v2"), ("recipe_toml", "recipe_toml")]
        {
            assert_eq!(Recipe::from_toml(file, &text).unwrap().name(), name);
        }
        assert_eq!(Recipe::from_toml("", &text).unwrap().name(), "unnamed");
        assert_eq!(Recipe::from_toml("x.toml", EFFICIENTTRAIN_PLUS).unwrap().name(), "mine");
    }

    #[test]
    fn all_mistakes_are_reported_together() {
        let text = r#"
            name = ""
            views = 0
            [[operation]]
            name = "random_resized_crop"
            area = [0.5, 0.2]
            filter = "cubic"
            [[operation]]
            name = "flip"
            probability = 1.5
            [[operation]]
            name = "rand_augment"
            policy = "rand-m12"
            [[operation]]
            name = "mix"
            group = 3
            mixup_alpha = nan
            cutmix_edge = "timm-2"
        "#;
        let error = Recipe::from_toml("bad.toml", text).unwrap_err().to_string();
        for part in [
            "bad.toml",
            "name must have",
            "views",
            "[0.5, 0.2]",
            "cubic",
            "1.5",
            "rand-m12",
            "group",
            "NaN",
            "timm-0.4.12",
        ] {
            assert!(error.contains(part), "no '{part}' in: {error}");
        }
    }

    #[test]
    fn unknown_keys_and_operations_are_refused() {
        for (text, part) in [
            ("name = 'x'\n[[operation]]\nname = 'flip'\nprobabilty = 1", "probabilty"),
            ("name = 'x'\n[[operation]]\nname = 'flop'", "flop"),
            ("name = 'x'\nwrong = 1", "wrong"),
            ("name = 'x'\n[[operation]]\nprobability = 1", "name"),
        ] {
            let error = Recipe::from_toml("x.toml", text).unwrap_err().to_string();
            assert!(error.contains(part), "no '{part}' in: {error}");
        }
    }
}
