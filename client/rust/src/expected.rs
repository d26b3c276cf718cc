//! The fingerprint that a caller expects of a job.

use bandwise_proto::v1::JobField;

/// The fingerprint that a job must have on the daemon.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// 32 bytes, or empty for any.
    pub fingerprint: Vec<u8>,
    /// The fields behind it, so that an error can name those that differ; may be empty.
    pub fields: Vec<JobField>,
}
