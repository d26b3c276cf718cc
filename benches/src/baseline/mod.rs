//! The daemon beside the fastest thing that could be done with the same files.
//!
//! - `subject`: what is measured, and its name in reports.
//! - `loops`: bare loops over the files in memory, on as many threads as the daemon has workers.
//! - `meter`: images per second, and per second of CPU time.
//! - `pull`: batches from it through the Rust client, in steady state.
//! - `run`: all subjects in turns, round after round, after a look at their output.
//! - `outcome`: medians, ratios, tables.
//!
//! Everything runs on one set of cores, the daemon's transport and the client included: what they cost is in the
//! figure.

mod loops;
mod meter;
mod outcome;
mod pull;
mod run;
mod subject;

pub use meter::Rate;
pub use outcome::{Outcome, SubjectOutcome};
pub use run::{Settings, loop_rate, run};
pub use subject::{BareLoop, Pull, Subject};
