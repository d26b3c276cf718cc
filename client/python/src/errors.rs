//! From the client's errors to the package's exceptions, with what to do about them.

use bandwise_client::{ClientError, Reason, proto::ErrorDetail};
use pyo3::{prelude::*, types::PyDict};
use tonic::Code;

/// An exception of `bandwise._errors`.
pub(crate) fn error(py: Python<'_>, class: &str, message: &str) -> PyErr {
    make(py, class, message, None).unwrap_or_else(|failure| failure)
}

/// The exception for what the client says.
pub(crate) fn of_client(py: Python<'_>, failure: &ClientError) -> PyErr {
    let unreadable = unreadable(failure);
    let detail = match failure {
        ClientError::Unreadable { .. } => unreadable.as_ref(),
        ClientError::Daemon { detail, .. } => detail.as_deref(),
        ClientError::NoDaemon { last, .. } => match &**last {
            ClientError::Daemon { detail, .. } => detail.as_deref(),
            _ => None,
        },
        _ => None,
    };
    let class = class(failure);
    let message = format!("{failure}{}", advice(class, failure));
    make(py, class, &message, detail).unwrap_or_else(|failure| failure)
}

/// The facts about a sample that no daemon could read.
fn unreadable(failure: &ClientError) -> Option<ErrorDetail> {
    let ClientError::Unreadable { step, sample, name, cause, .. } = failure else { return None };
    Some(ErrorDetail {
        step: Some(*step),
        sample: Some(*sample),
        sample_name: name.clone(),
        cause: cause.clone(),
        ..ErrorDetail::of(Reason::Unreadable)
    })
}

fn make(py: Python<'_>, class: &str, message: &str, detail: Option<&ErrorDetail>) -> PyResult<PyErr> {
    let module = py.import("bandwise._errors")?;
    let exception = module.getattr(class)?.call1((message,))?;
    if let Some(detail) = detail {
        let fields = PyDict::new(py);
        fields.set_item("reason", &detail.reason)?;
        fields.set_item("step", detail.step)?;
        fields.set_item("sample", detail.sample)?;
        fields.set_item("sample_name", &detail.sample_name)?;
        fields.set_item("differing_fields", &detail.differing_fields)?;
        fields.set_item("cause", &detail.cause)?;
        exception.setattr("detail", fields)?;
    }
    Ok(PyErr::from_value(exception))
}

fn class(failure: &ClientError) -> &'static str {
    match failure {
        ClientError::Connect { .. }
        | ClientError::Broken { .. }
        | ClientError::NoAddress
        | ClientError::NoneAnswers { .. }
        | ClientError::NoDaemon { .. }
        | ClientError::Late { .. } => "ConnectionError",
        ClientError::Address(_)
        | ClientError::Share(_)
        | ClientError::NoSharedMemory { .. }
        | ClientError::ReplayLanes { .. }
        | ClientError::ReplayMemory { .. }
        | ClientError::BeyondPlan { .. } => "JobError",
        ClientError::TooManyBad { .. } => "BadSampleError",
        ClientError::Unreadable { .. } => "UnreadableSampleError",
        ClientError::Daemon { detail: Some(detail), .. } if detail.has_reason(Reason::FingerprintDiffers) => {
            "FingerprintError"
        }
        ClientError::Daemon { code, .. } => match code {
            Code::DataLoss => "BadSampleError",
            Code::InvalidArgument
            | Code::NotFound
            | Code::OutOfRange
            | Code::FailedPrecondition
            | Code::ResourceExhausted => "JobError",
            Code::Unavailable | Code::DeadlineExceeded => "ConnectionError",
            _ => "Error",
        },
        _ => "Error",
    }
}

fn advice(class: &str, failure: &ClientError) -> &'static str {
    match (class, failure) {
        (_, ClientError::Connect { .. } | ClientError::NoneAnswers { .. }) => {
            "; start a daemon there with `bandwise serve`, or give a folder of images"
        }
        ("FingerprintError", _) => {
            "; the options of this loader differ from those of the expected job: make them equal, or start from step \
             0 without an expected fingerprint"
        }
        ("BadSampleError", ClientError::Daemon { detail: Some(detail), .. })
            if detail.has_reason(Reason::NoSubstitute) =>
        {
            "; repair or remove these samples"
        }
        ("BadSampleError", ClientError::Daemon { .. }) => {
            "; repair or remove the sample, or give the loader \
             bad_samples=bandwise.BadSamples(on_bad_sample=\"substitute\")"
        }
        ("BadSampleError", _) => {
            "; repair the samples, or raise max_bad_fraction of bad_samples=bandwise.BadSamples(...)"
        }
        ("UnreadableSampleError", _) => {
            "; with bad_samples=bandwise.BadSamples(on_unreadable=\"substitute\") another sample would replace it"
        }
        _ => "",
    }
}
