//! What happens to one sample: the recipe, its keyed draws, and its execution.
//!
//! A [`Recipe`] is data: named operations in an order. A [`Program`] is a recipe compiled for a stage. A
//! [`Workbench`] is one worker's scratch memory, in which a program turns encoded bytes into a tensor:
//!
//! ```text
//! bytes -> decode the crop -> resize -> flip -> low-frequency step -> normalise -> tensor, in place
//! ```
//!
//! The result depends on the bytes, the program and the [`DrawKey`] alone. This crate knows no dataset, job,
//! thread or clock.

#![forbid(unsafe_code)]

mod draws;
mod geometry;
mod program;
mod recipe;
mod workbench;

pub use draws::{DrawKey, DrawOp, Draws};
pub use geometry::{CropRange, EvalGeometry};
pub use program::{OutputFormat, Program, ProgramError};
pub use recipe::{LowFrequency, Operation, PIXEL_SEMANTICS, Recipe, RecipeError, Side};
pub use workbench::Workbench;
