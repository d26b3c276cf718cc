//! Rows that later steps may replay: a memo of what was made already, bounded in bytes.
//!
//! ```text
//! budget.rs   the memos of all jobs, and the reservation of each
//! memo.rs     the rows of one job, by the step and row at which they were fresh
//! shelf.rs    the rows of one such step, in slabs of equal size
//! hold.rs     a stream's hold on the memo of its job, and a batch's look into it
//! reserved.rs the bytes that all memos may take, and those of one
//! garbage.rs  memory on its way back to the system
//! ```
//!
//! A replayed row is a fresh row of an earlier step, so a worker looks here first, for fresh rows too: a row may have
//! been made before its own step came to it. A row that is not here is made again, with the same bytes. So no worker
//! waits for another, and nothing here decides a byte: an empty memo gives the same batches as a full one.
//!
//! Two workers may make the same row at once, and the second copy is dropped: waiting for each other could hang or
//! starve a batch. It happens in the first steps of a stage, where rows are replayed from the current step.
//!
//! ```text
//! Open ──> ReplayMemos: reserve the largest stage's buffer, or refuse ──> ReplayMemo, one a job, shared by its streams
//! Want(step) ──> advance: rows that no stream can need any more are freed
//! worker ──> find(origin) ──> copy                          origin: step -> shelf -> row in a slab
//!                        └──> make, keep ──> a spare slab, a new one within the reservation, or the oldest step's
//! ```
//!
//! Of several daemons behind one trainer each keeps what it has made; a row that another one made is made again, once.
//! A single `GetBatch` reads the memo of the job's streams, if there are any, and keeps nothing, so that a probe far
//! ahead pushes nothing out.

mod budget;
mod garbage;
mod hold;
mod memo;
mod reserved;
mod shelf;

pub(crate) use budget::ReplayMemos;
pub use budget::{ReplayConfig, ReplayShortage};
pub(crate) use hold::{Hold, Lookup};
pub use memo::IN_FLIGHT_STEPS;
