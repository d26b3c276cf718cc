//! The errors of a batch, of a want and of the pipeline itself.

use bandwise_terms::Cause;
use thiserror::Error;

/// The reason why a batch could not be made. The other batches of the stream are not affected.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BatchError {
    /// An undecodable sample under the policy `fail`.
    #[error("sample {sample} ({name}) of step {step} is undecodable: {detail}")]
    Undecodable {
        /// The step.
        step: u64,
        /// Position of the sample in the index.
        sample: u64,
        /// Its name.
        name: String,
        /// The decoder's stable word for it.
        reason: &'static str,
        /// The decoder's sentence.
        detail: String,
    },
    /// A run of undecodable samples under the policy `substitute`.
    #[error("{tries} samples in a row, from {sample} ({name}) on, are undecodable; the first one: {detail}")]
    NoSubstitute {
        /// The step.
        step: u64,
        /// The sample of the order.
        sample: u64,
        /// Its name.
        name: String,
        /// The number that was tried.
        tries: u64,
        /// The decoder's sentence about the first.
        detail: String,
    },
    /// A sample that this machine cannot read: another one may.
    #[error("sample {sample} ({name}) of step {step} is unreadable here: {detail}")]
    Unreadable {
        /// The step.
        step: u64,
        /// Position of the sample in the index.
        sample: u64,
        /// Its name.
        name: String,
        /// A word for programs.
        cause: Cause,
        /// The error of the file system.
        detail: String,
    },
    /// A defect of this daemon.
    #[error("row {row} of step {step} failed because of a bug in the daemon: {detail}")]
    Internal {
        /// The step.
        step: u64,
        /// Row of the step.
        row: u64,
        /// The defect.
        detail: String,
    },
    /// A defect: a worker panicked over a row.
    #[error("a worker panicked over row {row} of step {step}: {detail}")]
    Panicked {
        /// The step.
        step: u64,
        /// Row of the step.
        row: u64,
        /// The panic's message.
        detail: String,
    },
    /// There was not enough memory for the batch.
    #[error(
        "no memory for a batch of {bytes} bytes; request smaller batches, lower replay_memory_mib, or raise the \
         limit of \
         the daemon's memory (ulimit -v)"
    )]
    OutOfMemory {
        /// Size of the batch.
        bytes: u64,
    },
    /// Other batches of the same client are unread, and there is no memory for one more.
    #[error(
        "no memory for a batch of {bytes} bytes: {unread} bytes of other batches of this client have been unread for \
         a minute; read or cancel them, request fewer at a time, or give the daemon more (prefetch_mib)"
    )]
    UnreadBatches {
        /// Size of the batch.
        bytes: u64,
        /// Bytes that are unread beyond the budget.
        unread: u64,
    },
    /// The pipeline stopped before the batch was ready.
    #[error("the daemon stopped before the batch was ready")]
    Stopped,
}

/// The reason why a want was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WantError {
    /// The step is beyond the plan.
    #[error("step {step} is beyond the plan, which has {steps} steps")]
    StepOutOfRange {
        /// The step.
        step: u64,
        /// Steps of the plan.
        steps: u64,
    },
    /// The rows are not inside the step.
    #[error("rows {first_row} to {first_row} + {rows} are outside step {step}, which has {step_rows} rows")]
    RowsOutOfRange {
        /// The step.
        step: u64,
        /// First requested row.
        first_row: u64,
        /// The number of rows requested.
        rows: u64,
        /// Rows of the step.
        step_rows: u64,
    },
    /// The rows cut a group that the recipe mixes, or a block of fresh and replayed rows.
    #[error(
        "rows {first_row} to {first_row} + {rows} cut a group of {group} rows that are mixed, or fresh and replayed, \
         together; batches begin and end at multiples of {group}"
    )]
    CutsGroup {
        /// First requested row.
        first_row: u64,
        /// The number of rows requested.
        rows: u64,
        /// Rows of a group.
        group: u64,
    },
    /// `fresh_only` was requested for a recipe that mixes rows.
    #[error(
        "fresh_only cannot be combined with a recipe that mixes rows, because mixing comes after replay; mix in the \
         trainer, or let the daemon replay"
    )]
    FreshRowsMixed,
    /// No rows were requested.
    #[error("a batch needs at least 1 row")]
    NoRows,
    /// The batch would be larger than this daemon makes.
    #[error(
        "a batch of {rows} rows takes {bytes} bytes; this daemon makes at most {max_rows} rows and {max_bytes} bytes \
         (max_batch_mib): request fewer rows, or raise it"
    )]
    BatchTooLarge {
        /// Requested rows.
        rows: u64,
        /// Their bytes.
        bytes: u64,
        /// Most rows of a batch.
        max_rows: u64,
        /// Most bytes of a batch.
        max_bytes: u64,
    },
    /// The batch does not fit into the slots of the stream.
    #[error("a batch of {bytes} bytes is larger than the {slot_bytes} bytes of the stream's slots")]
    LargerThanSlot {
        /// Bytes of the batch.
        bytes: u64,
        /// Bytes of a slot.
        slot_bytes: u64,
    },
    /// The stream has too many undelivered wants.
    #[error(
        "the stream already waits for {pending} batches, the maximum (max_pending_batches); request more when some \
         have arrived"
    )]
    TooManyPending {
        /// The limit.
        pending: u32,
    },
    /// The pipeline has stopped.
    #[error("the daemon is stopping")]
    Stopped,
}

/// The reason why a pipeline or a stream could not be started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// Too many streams are open.
    #[error(
        "{max} streams are open already, the maximum of this daemon (max_streams); close some, or raise it"
    )]
    TooManyStreams {
        /// The limit.
        max: usize,
    },
    /// One client has its share of the streams.
    #[error(
        "this client has {most} streams open already, the maximum for one client of the {max} of this daemon \
         (max_streams); close some, or raise max_streams"
    )]
    TooManyOfOne {
        /// Most streams of one client.
        most: usize,
        /// Most streams of all.
        max: usize,
    },
    /// The replay buffer of the job does not fit.
    #[error(
        "stage {stage} replays the last {steps} steps, {rows} rows of {row_bytes} bytes each: {bytes} bytes in all; \
         {free_bytes} of {total_bytes} bytes are free (replay_memory_mib), enough for a replay_buffer of \
         {fitting_steps}; give the daemon more, shorten replay_buffer, keep the buffer in the client, or set \
         replay_shortage = \"recompute\" to make rows again that do not fit"
    )]
    ReplayMemory {
        /// Index of the stage.
        stage: usize,
        /// Steps in the buffer.
        steps: u64,
        /// Fresh rows of a step.
        rows: u64,
        /// Bytes of a row.
        row_bytes: u64,
        /// Bytes of the buffer.
        bytes: u64,
        /// The bytes that other jobs leave.
        free_bytes: u64,
        /// The budget.
        total_bytes: u64,
        /// Steps that would fit.
        fitting_steps: u64,
    },
    /// A thread could not be started.
    #[error("cannot start thread {name}: {source}; raise the limit of processes (ulimit -u, pids.max)")]
    Thread {
        /// Name of the thread.
        name: String,
        /// The reason.
        source: std::io::Error,
    },
    /// A worker's decoder could not be made.
    #[error("cannot start a decoder: {0}")]
    Decoder(#[from] bandwise_decode::DecoderInitError),
    /// The pipeline has stopped.
    #[error("the daemon is stopping")]
    Stopped,
}
