//! Curricula written by hand: TOML text to a checked [`Curriculum`].
//!
//! ```toml
//! name = "two-steps"
//! base = 224                 # side of the base image in pixels; 224 where it is left out
//!
//! [[stage]]
//! share = 0.4                # of the compute budget; or `epochs = 40`, passes over the data, in every stage
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
//! The text comes from the caller: nothing here opens files.

use serde::Deserialize;
use thiserror::Error;

use crate::check::{self, InvalidCurriculum, MAX_STAGES, Problem};
use crate::curriculum::{Clock, Curriculum, CurriculumStage, Extent};

/// Longest curriculum file in bytes; 256 stages need a tenth of it.
pub const MAX_FILE_BYTES: usize = 256 * 1024;

const DEFAULT_BASE: u32 = 224;

const DEFAULT_REPLAY_BUFFER: u32 = 256;

/// Why a curriculum file cannot be used; `file` is the name that the caller gave.
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
    name: String,
    #[serde(default = "default_base")]
    base: u32,
    #[serde(default, rename = "stage")]
    stages: Vec<RawStage>,
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

fn default_base() -> u32 {
    DEFAULT_BASE
}

fn default_replay() -> u32 {
    1
}

impl Curriculum {
    /// Reads a curriculum from the TOML text of `file`, a name for messages only. Stages in shares count
    /// 224-equivalents, stages in epochs passes over the data.
    ///
    /// # Errors
    ///
    /// [`CurriculumFileError`]; wrong values are collected and reported together.
    pub fn from_toml(file: &str, text: &str) -> Result<Self, CurriculumFileError> {
        let raw = parse(file, text)?;
        raw.check().map_err(|invalid| CurriculumFileError::Invalid { file: file.to_owned(), invalid })
    }
}

fn parse(file: &str, text: &str) -> Result<RawCurriculum, CurriculumFileError> {
    let file = file.to_owned();
    if text.len() > MAX_FILE_BYTES {
        return Err(CurriculumFileError::TooLong { file, bytes: text.len() });
    }
    toml::from_str(text).map_err(|error| CurriculumFileError::Syntax {
        file,
        line: line_of(text, error.span().map_or(0, |span| span.start)),
        message: error.message().to_owned(),
    })
}

/// Line of a byte, counted from 1.
fn line_of(text: &str, byte: usize) -> usize {
    1 + text.bytes().take(byte).filter(|&b| b == b'\n').count()
}

impl RawCurriculum {
    fn check(self) -> Result<Curriculum, InvalidCurriculum> {
        let stages: Vec<_> = self.stages.iter().map(RawStage::to_stage).collect();
        let clock = if self.stages.iter().any(|stage| stage.share.is_some()) {
            Clock::Equivalents
        } else {
            Clock::Passes
        };
        let extents = self.extent_problems();
        if extents.is_empty() {
            return Curriculum::new(self.name, self.base, clock, stages);
        }
        // Extents that are not known cannot be compared with each other, all the rest can be checked.
        let mut problems = check::frame(&self.name, self.base, stages.len());
        problems.extend(extents);
        problems.extend(check::values(self.base, &stages));
        Err(InvalidCurriculum { problems })
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
