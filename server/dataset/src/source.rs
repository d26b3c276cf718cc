//! Sources of the encoded bytes of samples: the seam between an index, which says what the samples are, and the
//! storage that holds them.
//!
//! Each kind of storage is one implementation of [`Source`]. The pipeline first asks for what is in memory already, from
//! a worker; the rest is fetched by threads or tasks that may wait, so that no worker does.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;

use tokio::runtime;

use crate::read::ReadError;

/// The part of a sample that a stage needs. A source may always give more, up to the whole sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Need {
    /// All of its encoded bytes. Parts of it, as a region of the image or its low frequencies, are for sources that
    /// can address them.
    Whole,
}

/// The encoded bytes of a sample, or of the part that was needed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoded {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Size of the whole sample in bytes; the length of `bytes` if it is all there.
    pub size: u64,
    /// Further knowledge of the source.
    pub side: SideData,
}

impl Encoded {
    /// A whole sample, of which nothing else is known.
    pub fn whole(bytes: Vec<u8>) -> Self {
        Self { size: bytes.len() as u64, bytes, side: SideData::default() }
    }
}

/// Knowledge of a source about a sample beside its bytes, which makes decoding cheaper and never changes a pixel: room
/// for seek points and bands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SideData {
    /// There is nothing to decode: every byte of the image is this one, in any dtype and layout.
    pub solid: Option<u8>,
}

/// A fetch that has not begun.
#[must_use = "nothing is fetched before it is called or polled"]
pub enum Fetch {
    /// Blocks the thread that calls it, for as long as the storage takes.
    Blocking(Box<dyn FnOnce() -> Result<Encoded, ReadError> + Send>),
    /// Waits without a thread, in a tokio runtime.
    Async(Pin<Box<dyn Future<Output = Result<Encoded, ReadError>> + Send>>),
}

impl Fetch {
    /// Fetches in this thread, which must not be one of a runtime.
    ///
    /// # Errors
    /// That of the fetch; [`ReadError::Io`] if no runtime can be started.
    pub fn wait(self) -> Result<Encoded, ReadError> {
        match self {
            Self::Blocking(read) => read(),
            Self::Async(read) => runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|reason| ReadError::Io { path: PathBuf::new(), reason })?
                .block_on(read),
        }
    }
}

impl fmt::Debug for Fetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Blocking(_) => "Fetch::Blocking",
            Self::Async(_) => "Fetch::Async",
        })
    }
}

/// A place from which the encoded bytes of a dataset's samples come.
///
/// Sample ids are positions in the index; methods that take one may panic unless it is below the index's length.
pub trait Source: fmt::Debug + Send + Sync {
    /// Gives what is needed of a sample if that takes no wait, in place of the content of `encoded`; says whether it
    /// did. Called by worker threads, so it must never wait for storage. Samples that are not in memory, and every
    /// error, are left to [`Source::fetch`]; the content of `encoded` is then not specified.
    fn fetch_now(&self, sample: u64, need: Need, encoded: &mut Encoded) -> bool;

    /// Whether a row costs next to nothing to make, so that rows are given to a worker by the batch, and none is kept to
    /// be replayed.
    fn is_instant(&self) -> bool {
        false
    }

    /// A fetch of what is needed of a sample. Its error is about this server, which cannot read the sample; it is
    /// tried again by the caller, who also bounds the time.
    fn fetch(&self, sample: u64, need: Need) -> Fetch;

    /// The place of a sample for the log of this server: a path or an address.
    fn location(&self, sample: u64) -> PathBuf;
}
