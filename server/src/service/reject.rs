//! Errors on their way to the wire: the one place that gives an error its gRPC code and its `ErrorDetail`.
//!
//! Libraries have one `thiserror` enum for each subsystem. In a stream, a batch that cannot be made is a part of its
//! own (`Failure`), and the stream continues.

use bandwise_choice::Choice as _;
use bandwise_dataset::Digest;
use bandwise_job::JobError;
use bandwise_pipeline::{BatchError, PipelineError, WantError};
use bandwise_proto::{
    Limit, Reason, status_with_detail,
    v1::{ErrorDetail, Failure},
};
use tonic::{Code, Status};

use crate::service::bounds;

/// Longest piece of a request's text that an error repeats, in characters.
const MAX_VALUE_CHARS: usize = 200;

/// An error with its gRPC code and its detail for programs.
#[derive(Clone, Debug)]
pub(crate) struct Reject {
    code: Code,
    message: String,
    detail: Box<ErrorDetail>,
}

impl Reject {
    fn new(code: Code, reason: Reason, message: String) -> Self {
        Self::in_a_word(code, reason.as_str(), message)
    }

    /// The same with a word that is the decoder's.
    fn in_a_word(code: Code, reason: &str, message: String) -> Self {
        let detail = Box::new(ErrorDetail { reason: reason.to_owned(), ..ErrorDetail::default() });
        Self { code, message, detail }
    }

    /// A field of the request is wrong.
    pub(crate) fn field(field: &str, value: impl ToString, problem: impl std::fmt::Display) -> Self {
        let value = shortened(&value.to_string());
        let mut reject =
            Self::new(Code::InvalidArgument, Reason::InvalidField, format!("{field} = {value}: {problem}"));
        reject.detail.field = field.to_owned();
        reject.detail.value = value;
        reject
    }

    /// The same where `problem` repeats the value, or is clear without it.
    pub(crate) fn plain(field: &str, value: impl ToString, problem: impl std::fmt::Display) -> Self {
        let message = problem.to_string();
        Self { message, ..Self::field(field, value, "") }
    }

    /// The text of a file in the request is wrong; `problem` begins with the file and is not repeated with the text.
    pub(crate) fn text(field: &str, problem: impl std::fmt::Display) -> Self {
        let mut reject = Self::new(Code::InvalidArgument, Reason::InvalidField, problem.to_string());
        field.clone_into(&mut reject.detail.field);
        reject
    }

    /// There is no dataset of that name.
    pub(crate) fn no_dataset(name: &str, known: &[&str]) -> Self {
        let name = shortened(name);
        let known: Vec<String> = known.iter().map(|&name| name.to_owned()).collect();
        let known = if known.is_empty() { "none".to_owned() } else { bounds::fields(&known).join(", ") };
        let message = format!("no dataset '{name}' here; this daemon serves: {known}");
        let mut reject = Self::new(Code::NotFound, Reason::UnknownDataset, message);
        reject.detail.field = "datasets.name".to_owned();
        reject.detail.value = name;
        reject
    }

    /// A limit of this daemon was reached.
    pub(crate) fn limit(limit: Limit, value: u64, message: String) -> Self {
        Self::limits(limit.at(value), message)
    }

    /// The same with the text that names the limits and their values.
    fn limits(text: String, message: String) -> Self {
        let mut reject = Self::new(Code::ResourceExhausted, Reason::Limit, message);
        reject.detail.limit = text;
        reject
    }

    /// A stream has not said in time which job it wants.
    pub(crate) fn no_want(message: String) -> Self {
        Self::limits(Limit::HandshakeSeconds.to_string(), message)
    }

    /// The job's fingerprint is not the expected one.
    pub(crate) fn fingerprint(expected: &str, here: &str, differing: Vec<String>) -> Self {
        let named = if differing.is_empty() {
            String::new()
        } else {
            format!("; these fields differ (expected -> here): {}", bounds::fields(&differing).join("; "))
        };
        let message = format!("the job has the fingerprint {here} here, not the expected {expected}{named}");
        let mut reject = Self::new(Code::FailedPrecondition, Reason::FingerprintDiffers, message);
        reject.detail.differing_fields = differing;
        reject
    }

    /// The dataset's digest is not the expected one, so its samples have other ids.
    pub(crate) fn digest(expected: Digest, here: Digest) -> Self {
        let message = format!("the dataset has the digest {here} here, not the expected {expected}");
        let mut reject = Self::new(Code::FailedPrecondition, Reason::DigestDiffers, message);
        reject.detail.differing_fields = vec![format!("dataset.digest: {expected} -> {here}")];
        reject
    }

    /// The dataset has no sample of that id.
    pub(crate) fn no_sample(sample: u64, samples: u64) -> Self {
        let message = format!("sample {sample} is beyond the dataset, which has {samples} samples");
        let mut reject = Self::new(Code::OutOfRange, Reason::SampleOutOfRange, message);
        reject.detail.sample = Some(sample);
        reject
    }

    /// Something in the daemon itself is wrong.
    pub(crate) fn internal(message: &str) -> Self {
        Self::new(Code::Internal, Reason::Panic, message.to_owned())
    }

    /// The daemon is about to stop.
    pub(crate) fn draining() -> Self {
        Self::new(Code::Unavailable, Reason::Draining, "this daemon is about to stop; ask another".to_owned())
    }

    /// The same, about a step.
    pub(crate) fn at_step(mut self, step: u64) -> Self {
        self.detail.step = Some(step);
        self
    }

    /// The same as a message of a stream that continues.
    pub(crate) fn into_failure(self) -> Failure {
        let Self { code, message, detail } = self.bounded();
        Failure { code: code as i32, message, detail: Some(*detail) }
    }

    /// The same with texts that fit into the headers of an answer.
    fn bounded(mut self) -> Self {
        bounds::detail(&mut self.detail);
        Self { message: bounds::message(&self.message), ..self }
    }
}

/// `text`, cut to a length fit for an error, with control characters escaped.
pub(crate) fn shortened(text: &str) -> String {
    let mut short: String = text
        .chars()
        .take(MAX_VALUE_CHARS)
        .flat_map(|c| {
            let escaped: Vec<char> = if c.is_control() { c.escape_default().collect() } else { vec![c] };
            escaped
        })
        .collect();
    if text.chars().nth(MAX_VALUE_CHARS).is_some() {
        short.push_str("...");
    }
    short
}

impl From<Reject> for Status {
    fn from(reject: Reject) -> Self {
        let Reject { code, message, detail } = reject.bounded();
        status_with_detail(code, message, &detail)
    }
}

impl From<JobError> for Reject {
    fn from(error: JobError) -> Self {
        let reason = match error {
            JobError::Plan(_) => Reason::ImpossiblePlan,
            JobError::Recipe(_) => Reason::ImpossibleRecipe,
            _ => Reason::ImpossibleStage,
        };
        Self::new(Code::InvalidArgument, reason, error.to_string())
    }
}

impl From<PipelineError> for Reject {
    fn from(error: PipelineError) -> Self {
        match error {
            PipelineError::TooManyStreams { max } | PipelineError::TooManyOfOne { max, .. } => {
                Self::limit(Limit::MaxStreams, max as u64, error.to_string())
            }
            PipelineError::ReplayMemory { total_bytes, .. } => {
                Self::limit(Limit::ReplayMemoryMib, total_bytes >> 20, error.to_string())
            }
            other => Self::new(Code::Unavailable, Reason::Stopping, other.to_string()),
        }
    }
}

impl From<WantError> for Reject {
    fn from(error: WantError) -> Self {
        let message = error.to_string();
        let with_step = |reason: Reason, step: u64| {
            let mut reject = Self::new(Code::OutOfRange, reason, message.clone());
            reject.detail.step = Some(step);
            reject
        };
        match error {
            WantError::StepOutOfRange { step, .. } => with_step(Reason::StepOutOfRange, step),
            WantError::RowsOutOfRange { step, .. } => with_step(Reason::RowsOutOfRange, step),
            WantError::CutsGroup { first_row, rows, .. } => {
                Self::plain("rows", format!("{first_row}..{}", first_row + rows), message)
            }
            WantError::FreshRowsMixed => Self::plain("fresh_only", true, message),
            WantError::NoRows => Self::plain("rows", 0, message),
            WantError::BatchTooLarge { max_rows, max_bytes, .. } => {
                let limits = [Limit::MaxBatchRows.at(max_rows), Limit::MaxBatchBytes.at(max_bytes)];
                Self::limits(limits.join(", "), message)
            }
            WantError::LargerThanSlot { bytes, .. } => {
                Self::plain("steps", format!("{bytes} bytes"), message)
            }
            WantError::TooManyPending { pending } => {
                Self::limit(Limit::MaxPendingBatches, pending.into(), message)
            }
            _ => Self::new(Code::Unavailable, Reason::Stopping, message),
        }
    }
}

impl Reject {
    /// A batch that could not be made.
    pub(crate) fn batch(error: &BatchError) -> Self {
        let (code, reason) = match error {
            BatchError::Undecodable { reason, .. } => (Code::DataLoss, *reason),
            BatchError::NoSubstitute { .. } => (Code::DataLoss, Reason::NoSubstitute.as_str()),
            BatchError::Unreadable { .. } => (Code::Unavailable, Reason::Unreadable.as_str()),
            BatchError::UnreadBatches { .. } => (Code::ResourceExhausted, Reason::UnreadBatches.as_str()),
            BatchError::OutOfMemory { .. } => (Code::ResourceExhausted, Reason::OutOfMemory.as_str()),
            BatchError::Stopped => (Code::Unavailable, Reason::Stopping.as_str()),
            _ => (Code::Internal, Reason::Panic.as_str()),
        };
        let mut reject = Self::in_a_word(code, reason, error.to_string());
        match error {
            BatchError::Undecodable { step, sample, name, .. }
            | BatchError::NoSubstitute { step, sample, name, .. }
            | BatchError::Unreadable { step, sample, name, .. } => {
                reject.detail.step = Some(*step);
                reject.detail.sample = Some(*sample);
                reject.detail.sample_name.clone_from(name);
                if let BatchError::Unreadable { cause, .. } = error {
                    reject.detail.cause = cause.to_string();
                }
            }
            BatchError::Panicked { step, .. } | BatchError::Internal { step, .. } => {
                reject.detail.step = Some(*step);
            }
            _ => {}
        }
        reject
    }

    /// A job with limits above this daemon's.
    pub(crate) fn decode_limit(limit: Limit, asked: u64, here: u64) -> Self {
        let message =
            format!("the job asks for {limit} = {asked}, more than the {here} that this daemon allows");
        Self::limit(limit, here, message)
    }
}
