//! Batches on their way from the daemon to a client, beside plain copies of the same bytes.
//!
//! - `subject`: what is measured, and its name in reports.
//! - `plain`: a process that writes the same bytes from memory into a socket, and a reader: the ceiling; a memcpy.
//! - `pull`: batches of the synthetic dataset out of a real daemon, and the round trip of one of them.
//! - `meter`: bytes per second, and CPU seconds per byte of each side.
//! - `run`: all subjects in turns, round after round, after a look at a batch.
//! - `outcome`: medians, ratios, tables.
//!
//! The receiver is always this process, the sender another one. Nothing is decoded: rows of the synthetic dataset
//! are ready-made, and workers write labels.

mod meter;
mod outcome;
mod plain;
mod pull;
mod run;
mod subject;

pub use outcome::{Outcome, Quantiles, SingleOutcome, SubjectOutcome};
pub use plain::send;
pub use run::{Settings, run};
pub use subject::{Format, Route, Socket, Subject};
