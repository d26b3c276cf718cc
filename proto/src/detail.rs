//! Error details on the wire: one [`ErrorDetail`] in the standard `google.rpc.Status` of a gRPC error.

use bandwise_choice::Choice as _;
use bandwise_terms::Reason;
use prost::{Message as _, bytes::Bytes};
use prost_types::Any;
use tonic::{Code, Status};

use crate::v1::ErrorDetail;

/// Type URL under which an [`ErrorDetail`] travels.
const TYPE_URL: &str = "type.googleapis.com/bandwise.v1.ErrorDetail";

impl ErrorDetail {
    /// A detail that says no more than its reason.
    pub fn of(reason: Reason) -> Self {
        Self { reason: reason.as_str().to_owned(), ..Self::default() }
    }

    /// Whether the reason is this one.
    pub fn has_reason(&self, reason: Reason) -> bool {
        self.reason == reason.as_str()
    }
}

/// A gRPC status that carries `detail`.
pub fn status_with_detail(code: Code, message: impl Into<String>, detail: &ErrorDetail) -> Status {
    let message = message.into();
    let standard = tonic_types::Status {
        code: code as i32,
        message: message.clone(),
        details: vec![Any { type_url: TYPE_URL.to_owned(), value: detail.encode_to_vec() }],
    };
    Status::with_details(code, message, Bytes::from(standard.encode_to_vec()))
}

/// The detail that a status carries, if it comes from a Bandwise daemon.
pub fn detail_of(status: &Status) -> Option<ErrorDetail> {
    let standard = tonic_types::Status::decode(status.details()).ok()?;
    let any = standard.details.iter().find(|any| any.type_url == TYPE_URL)?;
    ErrorDetail::decode(any.value.as_slice()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_survive_the_status() {
        let detail = ErrorDetail { sample: Some(7), ..ErrorDetail::of(Reason::Unreadable) };
        let status = status_with_detail(Code::Unavailable, "no", &detail);
        assert_eq!(detail_of(&status), Some(detail));
        assert_eq!(detail_of(&Status::unavailable("from elsewhere")), None);
    }

    #[test]
    fn a_reason_that_is_not_known_is_none_of_ours() {
        assert!(ErrorDetail::of(Reason::Draining).has_reason(Reason::Draining));
        for reason in ["", "draining_of_a_newer_daemon", "Draining"] {
            let detail = ErrorDetail { reason: reason.to_owned(), ..ErrorDetail::default() };
            assert!(Reason::ALL.iter().all(|&known| !detail.has_reason(known)), "{reason:?}");
        }
    }
}
