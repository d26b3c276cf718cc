//! Worker threads, bounded queues and batches.
//!
//! ```text
//! Stream::want -> wants -> dispatcher (1 thread) -> tasks, rows each -> workers (N threads)   <-> fetch (samples that
//!        Ticket <------------- the last row of a batch completes it <-------+                      are not in memory)
//! ```
//!
//! Everything is owned once: the dispatcher owns streams, accounts and free memory; a worker owns its scratch
//! memory; a batch owns its block until the last of its bytes is dropped. This crate knows no wire format and
//! runs async code in the fetch stage alone: a [`Ticket`] is a future that any runtime can wait for.
//!
//! Rows that later steps replay are kept in a memo (`replay`), which is asked before a row is made.

#![deny(unsafe_code)]

mod batch;
#[allow(unsafe_code, reason = "the memory of a batch is written by many threads in place")]
mod block;
mod cores;
mod dispatch;
mod error;
mod fetch;
mod fills;
mod free;
mod layout;
mod loan;
mod log_throttle;
mod mixing;
mod pipeline;
mod replay;
mod reserve;
mod row;
mod seek;
mod shared_budget;
mod shared_pool;
mod skipped;
mod stats;
mod stream;
mod stream_id;
mod stream_quota;
mod wants;
mod worker;

pub use batch::{Batch, Replayed, Substitution};
pub use dispatch::Priority;
pub use error::{BatchError, PipelineError, WantError};
pub use fetch::FetchConfig;
pub use layout::BatchLayout;
pub use loan::LentSlot;
pub use log_throttle::LogThrottle;
pub use pipeline::{Pipeline, PipelineConfig, StreamOptions};
pub use replay::{IN_FLIGHT_STEPS as REPLAY_IN_FLIGHT_STEPS, ReplayConfig, ReplayShortage};
pub use reserve::Owner;
pub use seek::KeptPoints;
pub use shared_budget::SharedMemoryError;
pub use shared_pool::SharedPool;
pub use stats::Stats;
pub use stream::{Stream, Ticket};
