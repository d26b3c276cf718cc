//! The processing of one sample: the recipe, its keyed draws, and its execution.
//!
//! A [`Recipe`] is data: named operations in an order. A [`Program`] is a recipe compiled for a stage. A
//! [`Workbench`] is one worker's scratch memory, in which a program turns encoded bytes into a tensor:
//!
//! ```text
//! bytes -> decode the crop -> resize -> flip -> RandAugment -> low-frequency step -> normalise -> erase -> tensor, in place
//! ```
//!
//! The result depends on the bytes, the program and the [`ImageKey`] alone. This crate knows no dataset, job,
//! thread or clock.

#![forbid(unsafe_code)]

mod draws;
mod erase;
mod fidelity;
mod file;
mod geometry;
mod mix;
mod observer;
mod output;
mod program;
mod randaugment;
mod recipe;
mod workbench;

pub use draws::{DrawKey, DrawOp, Draws, ImageKey};
pub use erase::RandomErase;
pub use fidelity::{FAST_SEMANTICS, Fidelity};
pub use file::{MAX_FILE_BYTES, RecipeFileError};
pub use geometry::{CropRange, EvalGeometry};
pub use mix::{CutMixEdge, DrawnMix, Mix, mix_pair};
pub use observer::{Work, WorkObserver};
pub use output::OutputFormat;
pub use program::{Program, ProgramError};
pub use randaugment::{DrawnOps, MAX_LAYERS, PolicyError, RandAugment};
pub use recipe::{LowFrequency, Operation, PIXEL_SEMANTICS, Recipe, RecipeError, Side};
pub use workbench::{Drawn, Workbench};
