//! The words of refusals: a daemon writes them, a client compares them.
//!
//! A word never changes once a daemon has sent it. A client treats a word that it does not know, which a newer daemon may
//! send, as if there were none, and passes it on as text.

use bandwise_choice::{Choice, choices};

choices! {
    /// The reason of an error, `ErrorDetail.reason`. An undecodable sample has the decoder's word instead (`truncated`,
    /// `corrupt` and so on), which only people read.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Reason: "reason" {
        /// A field of the request is wrong.
        InvalidField = "invalid_field",
        /// The daemon serves no dataset of that name.
        UnknownDataset = "unknown_dataset",
        /// The curriculum cannot be resolved for this dataset and budget.
        ImpossiblePlan = "impossible_plan",
        /// The recipe cannot be compiled for a stage.
        ImpossibleRecipe = "impossible_recipe",
        /// A stage contradicts the other options of the job.
        ImpossibleStage = "impossible_stage",
        /// The fingerprint of the job is not the expected one.
        FingerprintDiffers = "fingerprint_differs",
        /// The digest of the dataset is not the expected one.
        DigestDiffers = "digest_differs",
        /// The step is beyond the plan.
        StepOutOfRange = "step_out_of_range",
        /// The rows are not inside the step.
        RowsOutOfRange = "rows_out_of_range",
        /// The sample is beyond the dataset.
        SampleOutOfRange = "sample_out_of_range",
        /// A limit of the daemon, which `ErrorDetail.limit` names.
        Limit = "limit",
        /// Other batches of the client stand unread, and there is no memory for one more.
        UnreadBatches = "unread_batches",
        /// The system has no memory for the batch.
        OutOfMemory = "out_of_memory",
        /// The daemon cannot read a sample; `ErrorDetail.cause` says why.
        Unreadable = "unreadable",
        /// No sample was found that can take the place of an undecodable one.
        NoSubstitute = "no_substitute",
        /// The daemon is about to stop and takes no new work.
        Draining = "draining",
        /// The daemon stopped before the work was done.
        Stopping = "stopping",
        /// A defect of the daemon.
        Panic = "panic",
    }
}

choices! {
    /// The cause of a sample that cannot be read, `ErrorDetail.cause`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Cause: "cause" {
        /// The file does not exist.
        Missing = "missing",
        /// The path is not a regular file.
        NotAFile = "not_a_file",
        /// The daemon may not read the file.
        PermissionDenied = "permission_denied",
        /// The file has another size than in the index.
        SizeChanged = "size_changed",
        /// The storage did not answer within the time limit.
        TimedOut = "timed_out",
        /// The daemon had no memory for the sample.
        NoMemory = "no_memory",
        /// Any other error of the file system.
        Io = "io",
    }
}

/// Prefix of `Substitution.reason` where the sample could not be read.
const UNREADABLE: &str = "unreadable_";

impl Cause {
    /// The same word as the reason of a substitution, `Substitution.reason`.
    pub const fn substitution(self) -> &'static str {
        match self {
            Self::Missing => "unreadable_missing",
            Self::NotAFile => "unreadable_not_a_file",
            Self::PermissionDenied => "unreadable_permission_denied",
            Self::SizeChanged => "unreadable_size_changed",
            Self::TimedOut => "unreadable_timed_out",
            Self::NoMemory => "unreadable_no_memory",
            Self::Io => "unreadable_io",
        }
    }
}

/// Whether the reason of a substitution says that the sample could not be read, also for a cause that is not known here.
pub fn is_unreadable(substitution: &str) -> bool {
    substitution.starts_with(UNREADABLE)
}

choices! {
    /// The reason why a stream has no shared memory, `SharedMemoryGrant.refusal_reason`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum SharingRefusal: "refusal_reason" {
        /// The daemon has no second socket.
        NoSocket = "no_socket",
        /// The client keeps no lease.
        NoLease = "no_lease",
        /// No batch is as large as the slots that were asked for.
        SlotBytes = "slot_bytes",
        /// The budget does not hold two slots.
        Budget = "budget",
        /// The client has its share of the budget.
        ShareOfClient = "share_of_client",
        /// Too many leases are open, of this client or of all.
        Leases = "leases",
        /// The system refused.
        System = "system",
    }
}

choices! {
    /// The limit of a daemon that a request met, `ErrorDetail.limit`, which holds its value too.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Limit: "limit" {
        /// Streams, of one client or of all.
        MaxStreams = "max_streams",
        /// Memory for rows that later steps replay, in MiB.
        ReplayMemoryMib = "replay_memory_mib",
        /// Rows of a batch.
        MaxBatchRows = "max_batch_rows",
        /// Bytes of a batch.
        MaxBatchBytes = "max_batch_bytes",
        /// Batches that a stream has asked for and not yet received.
        MaxPendingBatches = "max_pending_batches",
        /// Samples that one request names.
        MaxSampleIds = "max_sample_ids",
        /// Pixels of an image.
        MaxPixels = "max_pixels",
        /// Bytes of an encoded sample.
        MaxEncodedBytes = "max_encoded_bytes",
        /// Time until a stream says which job it wants, in seconds.
        HandshakeSeconds = "handshake_seconds",
    }
}

impl Limit {
    /// The text of `ErrorDetail.limit`: `max_streams = 64`.
    pub fn at(self, value: u64) -> String {
        format!("{self} = {value}")
    }

    /// The limit that a text names, alone or before its value; `None` for one that is not known here.
    pub fn named_in(text: &str) -> Option<Self> {
        let name = text.split_once(" = ").map_or(text, |(name, _)| name);
        Self::ALL.iter().copied().find(|limit| limit.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Clients and daemons of other versions compare these texts: none may change.
    #[test]
    fn words_are_those_that_were_sent_before() {
        assert_eq!(
            Reason::names(),
            [
                "invalid_field",
                "unknown_dataset",
                "impossible_plan",
                "impossible_recipe",
                "impossible_stage",
                "fingerprint_differs",
                "digest_differs",
                "step_out_of_range",
                "rows_out_of_range",
                "sample_out_of_range",
                "limit",
                "unread_batches",
                "out_of_memory",
                "unreadable",
                "no_substitute",
                "draining",
                "stopping",
                "panic",
            ]
        );
        assert_eq!(
            Cause::names(),
            ["missing", "not_a_file", "permission_denied", "size_changed", "timed_out", "no_memory", "io"]
        );
        assert_eq!(
            SharingRefusal::names(),
            ["no_socket", "no_lease", "slot_bytes", "budget", "share_of_client", "leases", "system"]
        );
        assert_eq!(
            Limit::names(),
            [
                "max_streams",
                "replay_memory_mib",
                "max_batch_rows",
                "max_batch_bytes",
                "max_pending_batches",
                "max_sample_ids",
                "max_pixels",
                "max_encoded_bytes",
                "handshake_seconds",
            ]
        );
    }

    #[test]
    fn a_substitution_names_its_cause_behind_the_prefix() {
        for &cause in Cause::ALL {
            assert_eq!(cause.substitution(), format!("{UNREADABLE}{cause}"));
            assert!(is_unreadable(cause.substitution()));
        }
        assert!(is_unreadable("unreadable_of_a_newer_daemon"));
        for decoder in ["truncated", "corrupt", "", "unreadable"] {
            assert!(!is_unreadable(decoder), "{decoder:?}");
        }
    }

    #[test]
    fn limits_are_known_with_and_without_their_value() {
        for &limit in Limit::ALL {
            assert_eq!(Limit::named_in(&limit.at(7)), Some(limit));
            assert_eq!(Limit::named_in(limit.as_str()), Some(limit));
        }
        assert_eq!(Limit::MaxStreams.at(64), "max_streams = 64");
        for other in ["", "max_streams2 = 1", "of a newer daemon = 3", "max_streams=1"] {
            assert_eq!(Limit::named_in(other), None, "{other:?}");
        }
    }

    #[test]
    fn words_that_are_not_known_are_no_reason() {
        for other in ["", "of_a_newer_daemon", "Draining", "truncated"] {
            assert!(other.parse::<Reason>().is_err(), "{other:?}");
        }
    }
}
