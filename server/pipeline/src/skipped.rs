//! Samples that were passed over in the search for one that can take the place of a row's own.
//!
//! Undecodable ones are passed over under the job's `on_bad_sample`, unreadable ones only where it asks for that
//! (`on_unreadable`).

use std::io;

use bandwise_dataset::ReadError;
use bandwise_decode::DecodeError;
use bandwise_job::Unreadable;
use bandwise_terms::Cause;

use crate::{batch::Substitution, error::BatchError};

/// The cause of a sample that cannot be read.
pub(crate) fn cause_of(error: &ReadError) -> Cause {
    match error {
        ReadError::Missing { .. } => Cause::Missing,
        ReadError::NotAFile { .. } => Cause::NotAFile,
        ReadError::SizeChanged { .. } => Cause::SizeChanged,
        ReadError::TimedOut { .. } => Cause::TimedOut,
        ReadError::Io { reason, .. } => match reason.kind() {
            io::ErrorKind::PermissionDenied => Cause::PermissionDenied,
            io::ErrorKind::OutOfMemory => Cause::NoMemory,
            _ => Cause::Io,
        },
        _ => Cause::Io,
    }
}

/// The samples that were passed over for a row.
#[derive(Debug, Default)]
pub(crate) struct Skipped {
    tries: u64,
    /// Word and sentence about the first.
    first: Option<(&'static str, String)>,
    /// The first that could not be read.
    unreadable: Option<BatchError>,
}

impl Skipped {
    /// Whether anything was passed over.
    pub(crate) fn any(&self) -> bool {
        self.first.is_some()
    }

    /// Passes over an undecodable sample.
    pub(crate) fn undecodable(&mut self, error: &DecodeError) {
        self.tries += 1;
        self.first.get_or_insert_with(|| (error.reason(), error.to_string()));
    }

    /// Passes over an unreadable sample, if the job asks for it.
    ///
    /// # Errors
    ///
    /// The error itself if not, or if it says nothing about the file.
    pub(crate) fn unreadable(&mut self, policy: Unreadable, error: BatchError) -> Result<(), BatchError> {
        let BatchError::Unreadable { cause, detail, .. } = &error else { return Err(error) };
        // A daemon that is short of memory must not change what others train on.
        if policy == Unreadable::Fail || *cause == Cause::NoMemory {
            return Err(error);
        }
        self.tries += 1;
        self.first.get_or_insert_with(|| (cause.substitution(), detail.clone()));
        self.unreadable.get_or_insert(error);
        Ok(())
    }

    /// The substitution as it is delivered: `sample`, and the one that it replaces if it differs from the sample of the
    /// order.
    pub(crate) fn instead(self, row: u64, requested: u64, sample: u64) -> (u64, Option<Substitution>) {
        let substitution =
            self.first.map(|(reason, _)| Substitution { row, requested, delivered: sample, reason });
        (sample, substitution)
    }

    /// The error where nothing was found. If a file among them could not be read, that is the reason: a volume that is
    /// not mounted looks like this, and comes back.
    pub(crate) fn nothing_left(self, undecodable: impl FnOnce(u64, String) -> BatchError) -> BatchError {
        let Self { tries, first, unreadable } = self;
        unreadable.unwrap_or_else(|| undecodable(tries, first.map_or_else(String::new, |(_, detail)| detail)))
    }
}
