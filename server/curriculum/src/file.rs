//! Curricula written by hand: TOML text to a checked [`Curriculum`].
//!
//! ```toml
//! name = "two-steps"         # the file's, without folder and ending, where it is left out
//! base = 224                 # side of the base image in pixels, for example 384 or 512; 224 where it is left out
//! multiple_of = 32           # every bandwidth must be a multiple of this many pixels; 1 where it is left out
//! split = "epochs"           # stages end with an epoch, as in the papers' code; or "steps": at exact steps
//! warmup_epochs = 20         # of each stage's own clock; or `warmup_share = 0.2` of it; 20 epochs where left out
//!
//! [[stage]]
//! share = 0.4                # of the compute budget; or `epochs = 40`, passes of training, in every stage
//! bandwidth = 128            # pixels, even
//! magnitude = 4              # RandAugment, 0 to 10
//!
//! [[stage]]
//! share = 0.6
//! bandwidth = 224
//! magnitude = 9
//! batch = 2048               # global rows; the batch of the training where it is left out
//! replay = 2                 # trainings of each decoded sample: half of every step is fresh; 1 where it is left out
//! replay_buffer = 256        # steps whose fresh rows can be replayed; 256 where it is left out
//! ```
//!
//! A file can also start from a preset, and change all but its base and stages:
//!
//! ```toml
//! name = "exact"
//! preset = "efficienttrain++"
//! split = "steps"
//! ```
//!
//! The text comes from the caller: nothing here opens files.

use std::path::Path;

use serde::Deserialize;
use thiserror::Error;

use crate::curriculum::{Clock, Curriculum, CurriculumSpec, CurriculumStage, Extent, Split, Warmup};
use crate::{
    check,
    limits::MAX_STAGES,
    problem::{InvalidCurriculum, Problem},
};

/// Longest curriculum file in bytes; 256 stages need a tenth of it.
pub const MAX_FILE_BYTES: usize = 256 * 1024;

/// Longest part of a line that an error repeats, in characters.
const MAX_LINE_CHARS: usize = 80;

const DEFAULT_BASE: u32 = 224;

const DEFAULT_REPLAY_BUFFER: u32 = 256;

/// The reason why a curriculum file cannot be used; `file` is the name that the caller gave.
#[derive(Debug, Clone, PartialEq, Error)]
#[allow(missing_docs, reason = "the fields are what the message shows")]
pub enum CurriculumFileError {
    /// The file is too long to be a curriculum.
    #[error("{file}: {bytes} bytes are too many for a curriculum file, the limit is {MAX_FILE_BYTES}")]
    TooLong { file: String, bytes: usize },
    /// Not TOML, an unknown or missing key, or a value of the wrong type. Only the first is reported.
    #[error("{file}: line {line}: {message}")]
    Syntax { file: String, line: usize, message: String },
    /// Well formed, but with values that make no curriculum; all of them are listed.
    #[error("{file}: {invalid}")]
    Invalid { file: String, invalid: InvalidCurriculum },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCurriculum {
    name: Option<String>,
    preset: Option<String>,
    base: Option<u32>,
    #[serde(default = "default_multiple")]
    multiple_of: u32,
    #[serde(default)]
    split: RawSplit,
    warmup_epochs: Option<f64>,
    warmup_share: Option<f64>,
    #[serde(default, rename = "stage")]
    stages: Vec<RawStage>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawSplit {
    #[default]
    Epochs,
    Steps,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStage {
    share: Option<f64>,
    epochs: Option<f64>,
    bandwidth: u32,
    magnitude: f64,
    #[serde(default = "default_replay")]
    replay: u32,
    replay_buffer: Option<u32>,
    batch: Option<u64>,
}

fn default_multiple() -> u32 {
    1
}

fn default_replay() -> u32 {
    1
}

impl Curriculum {
    /// Reads a curriculum from the TOML text of `file`, a path for messages and for the name where the text has none. Stages in shares count
    /// 224-equivalents, stages in epochs passes over the data.
    ///
    /// # Errors
    ///
    /// [`CurriculumFileError`]; wrong values are collected and reported together.
    pub fn from_toml(file: &str, text: &str) -> Result<Self, CurriculumFileError> {
        let mut raw = parse(file, text)?;
        raw.name.get_or_insert_with(|| stem(file));
        raw.check().map_err(|invalid| CurriculumFileError::Invalid { file: file.to_owned(), invalid })
    }
}

/// `message` and the line of `text` that it is about, which shows the key.
fn with_line(message: &str, text: &str, position: usize) -> String {
    let line = text.lines().nth(line_of(text, position).saturating_sub(1)).unwrap_or_default().trim();
    if line.is_empty() || message.contains(line) {
        return message.to_owned();
    }
    let shown: String = line.chars().take(MAX_LINE_CHARS).collect();
    format!("{message}, in `{shown}`")
}

fn parse(file: &str, text: &str) -> Result<RawCurriculum, CurriculumFileError> {
    let file = file.to_owned();
    if text.len() > MAX_FILE_BYTES {
        return Err(CurriculumFileError::TooLong { file, bytes: text.len() });
    }
    toml::from_str(text).map_err(|error| CurriculumFileError::Syntax {
        file,
        line: line_of(text, error.span().map_or(0, |span| span.start)),
        message: with_line(error.message(), text, error.span().map_or(0, |span| span.start)),
    })
}

/// The name of a file without folder and ending.
fn stem(file: &str) -> String {
    let stem = Path::new(file).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    stem.unwrap_or_else(|| "unnamed".to_owned())
}

/// Line of a byte, counted from 1.
fn line_of(text: &str, byte: usize) -> usize {
    1 + text.bytes().take(byte).filter(|&b| b == b'\n').count()
}

impl RawCurriculum {
    fn check(self) -> Result<Curriculum, InvalidCurriculum> {
        match &self.preset {
            Some(preset) => {
                let invalid = |problem| InvalidCurriculum { problems: [problem].into_iter().collect() };
                let preset = self.start(preset).map_err(invalid)?;
                self.check_changes(preset)
            }
            None => self.check_whole(),
        }
    }

    /// The preset that the file starts from.
    fn start(&self, preset: &str) -> Result<Curriculum, Problem> {
        let twice = |key| Problem::PresetAnd { preset: preset.to_owned(), key };
        match (self.base, self.stages.as_slice()) {
            (Some(_), _) => Err(twice("base")),
            (None, [_, ..]) => Err(twice("stage")),
            (None, []) => Ok(Curriculum::preset(preset)?),
        }
    }

    fn check_changes(self, start: Curriculum) -> Result<Curriculum, InvalidCurriculum> {
        if let Some(problem) = self.warmup_problem() {
            return Err(InvalidCurriculum { problems: [problem].into_iter().collect() });
        }
        let Curriculum { preset, base, clock, warmup, stages, .. } = start;
        let keeps_warmup = self.warmup_epochs.is_none() && self.warmup_share.is_none();
        let changed = self.into_spec();
        let warmup = if keeps_warmup { warmup } else { changed.warmup };
        let curriculum = CurriculumSpec { base, clock, warmup, stages, ..changed }.check()?;
        Ok(Curriculum { preset, ..curriculum })
    }

    fn check_whole(self) -> Result<Curriculum, InvalidCurriculum> {
        let doubts: Vec<_> = self.warmup_problem().into_iter().chain(self.extent_problems()).collect();
        let spec = self.into_spec();
        if doubts.is_empty() {
            return spec.check();
        }
        // Extents that are not known cannot be compared with each other, all the rest can be checked.
        let mut problems = check::frame(&spec);
        problems.extend(doubts);
        problems.extend(check::values(&spec));
        Err(InvalidCurriculum { problems })
    }

    fn into_spec(self) -> CurriculumSpec {
        let clock = if self.stages.iter().any(|stage| stage.share.is_some()) {
            Clock::Equivalents
        } else {
            Clock::Passes
        };
        CurriculumSpec {
            // Filled in when the file is read.
            name: self.name.unwrap_or_default(),
            base: self.base.unwrap_or(DEFAULT_BASE),
            clock,
            split: match self.split {
                RawSplit::Epochs => Split::Epochs,
                RawSplit::Steps => Split::Steps,
            },
            warmup: match (self.warmup_epochs, self.warmup_share) {
                (Some(epochs), _) => Warmup::Epochs(epochs),
                (None, Some(share)) => Warmup::Share(share),
                (None, None) => Warmup::default(),
            },
            multiple_of: self.multiple_of,
            stages: self.stages.iter().map(RawStage::to_stage).collect(),
        }
    }

    fn warmup_problem(&self) -> Option<Problem> {
        let (epochs, share) = self.warmup_epochs.zip(self.warmup_share)?;
        Some(Problem::TwoWarmups { epochs, share })
    }

    /// Stages that do not say how long they are, or say it twice; none where there are too many stages.
    fn extent_problems(&self) -> Vec<Problem> {
        let stages = if self.stages.len() > MAX_STAGES { &[] } else { self.stages.as_slice() };
        stages.iter().enumerate().filter_map(|(stage, raw)| raw.extent_problem(stage)).collect()
    }
}

impl RawStage {
    fn to_stage(&self) -> CurriculumStage {
        let extent = match (self.share, self.epochs) {
            (Some(share), _) => Extent::Share(share),
            (None, Some(epochs)) => Extent::Epochs(epochs),
            // Stands in until the missing extent is reported.
            (None, None) => Extent::Share(1.0),
        };
        let Self { bandwidth, magnitude, replay, replay_buffer, batch, .. } = *self;
        let replay_buffer = replay_buffer.unwrap_or(if replay > 1 { DEFAULT_REPLAY_BUFFER } else { 0 });
        CurriculumStage { extent, bandwidth, magnitude, replay, replay_buffer, batch }
    }

    fn extent_problem(&self, stage: usize) -> Option<Problem> {
        match (self.share, self.epochs) {
            (None, None) => Some(Problem::NoExtent { stage }),
            (Some(share), Some(epochs)) => Some(Problem::TwoExtents { stage, share, epochs }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
