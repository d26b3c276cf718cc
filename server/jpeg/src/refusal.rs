//! The reasons for which a file is left to another decoder.

use thiserror::Error;

/// The reason why this crate does not decode a file. It says nothing about whether another decoder can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The file has markers or bytes before its scan that no ordinary file has there.
    #[error("unusual markers before the scan")]
    Markers,
    /// The process is neither sequential nor progressive with Huffman codes, or samples have not 8 bits.
    #[error("not a Huffman-coded JPEG with 8 bits a sample")]
    Process,
    /// There are not one or three components.
    #[error("not one or three components")]
    Components,
    /// Chroma is not sampled in one of the usual ways.
    #[error("unusual sampling factors")]
    Sampling,
    /// A table is missing, or its contents contradict each other.
    #[error("a missing or impossible table")]
    Tables,
    /// The components are not in one scan, in the order of the frame; or the scans of a progressive file are not in order,
    /// or do not tell everything.
    #[error("neither a single interleaved scan nor a complete progression")]
    Scans,
    /// The coded bits are damaged, as far as they were read.
    #[error("damaged entropy-coded data")]
    Damaged,
    /// A coefficient is so large that libjpeg-turbo's arithmetic wraps.
    #[error("coefficients beyond the range of ordinary files")]
    Extreme,
    /// There is no memory for a copy of the coded bits: the one reason that is not in the file.
    #[error("no memory")]
    Memory,
}

/// Damage was met: bits that are no code, coefficients behind the last, or the end of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damaged;

impl From<Damaged> for Refusal {
    fn from(_: Damaged) -> Self {
        Self::Damaged
    }
}
