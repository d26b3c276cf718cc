//! A fence around code of ours that reads files: a panic becomes a verdict about the file, or a reason to take another
//! decoder.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::DecodeError;
use crate::format::Format;

/// Detail of the error that a panic becomes. Tests look for it: a panic is a defect all the same.
const PANICKED: &str = "the decoder panicked on it";

/// Runs `work`; `None` if it panicked. Whatever state of its own it had is to be dropped then; buffers hold plain bytes.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

/// Runs a reader of a rare format. A panic in it is a fault of its code in the face of some file, and one file must not fail the batches
/// of a job for ever: it becomes a verdict like any other. The reader's own state is dropped with the panic, and the
/// buffers hold plain bytes, so nothing broken is seen afterwards.
pub(crate) fn fenced<T>(
    format: Format,
    work: impl FnOnce() -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    caught(work).unwrap_or_else(|| Err(DecodeError::corrupt(format, PANICKED)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_verdict() {
        let error = fenced::<()>(Format::Gif, || panic!("an index out of bounds")).unwrap_err();
        assert_eq!((error.reason(), error.is_undecodable()), ("corrupt", true));
        assert!(error.to_string().contains(PANICKED), "{error}");
        assert!(matches!(fenced(Format::Gif, || Ok(7)), Ok(7)));
    }
}
