//! Curricula, plans and orders: what is shown at which step.
//!
//! A [`Curriculum`] (a preset or a TOML file) lists stages and their shares of the compute budget. Resolved for a
//! dataset and a budget it becomes a [`Plan`], which knows the exact steps of every stage and answers [`Plan::locate`]:
//! step to stage, epoch and rows. An [`Order`] gives the sample at a position of an epoch. Everything here is a pure
//! function of its arguments: no file, clock, thread or global state.
//!
//! The recipe decides the pixels of a sample, and the client the share of each rank.

#![forbid(unsafe_code)]

mod check;
mod clock;
mod curriculum;
mod feistel;
mod file;
mod limits;
mod locate;
mod lr;
mod order;
mod plan;
mod presets;
mod problem;
mod split;
mod warnings;

pub use curriculum::{
    Clock, Curriculum, CurriculumSpec, CurriculumStage, Extent, InvalidReplayBuffer, Split, Warmup,
};
pub use file::{CurriculumFileError, MAX_FILE_BYTES};
pub use limits::{MAX_BASE, MAX_EPOCHS, MAX_REPLAY, MAX_REPLAY_BUFFER, MAX_STAGES, MIN_BANDWIDTH};
pub use locate::{Moment, StepOutOfRange};
pub use lr::MIN_LR_FACTOR;
pub use order::{Order, OrderKind};
pub use plan::{Plan, PlanError, PlanRequest, StagePlan, Tail};
pub use presets::{PRESET_NAMES, UnknownCurriculum};
pub use problem::{InvalidCurriculum, Problem};
pub use warnings::PlanWarning;
