//! Datasets: an indexed, immutable list of samples with a digest.
//!
//! A dataset is opened once from a folder of class folders, in exactly the list and order of torchvision's
//! `ImageFolder.samples`, and never changes afterwards. The map, lowest layer first:
//!
//! - `order`, `paths`, `names`: Python's order of file names, raw names, many names in one arena;
//! - `index`, `digest`: what the samples are (names, labels, sizes) and the hash that identifies them;
//! - `walk`, `scan`: the parallel scan of a folder; `watch`, `stamps`: what would show that folders or files have changed;
//! - `content`: a hash of the bytes of each sample, where it is asked for;
//! - `codec`, `cache`, `suspicion`: the index on disk, so that a restart does not scan again, and the mark of a reader
//!   that has found it wrong;
//! - `seek_file`, `seek_points`: the seek points of its JPEGs, which are made and used by others;
//! - `synthetic`, `samples`: a dataset without files, and what is common to it and an index;
//! - `subset`, `splits`: parts of a dataset by list file, and folders that hold `train` and `val`;
//! - `source`: where the bytes of samples come from, of which the index knows nothing; `folder` is the source of files,
//!   with `read` for those that storage has, and `page_cache` for those that are in memory;
//! - `look`, `open`, `dataset`: from the cache or by a scan, and the public face; `open_splits` for a folder of splits;
//! - `error`, `warning`, `sentence`: what goes wrong and what is odd, and parts of sentences that both share.
//!
//! The crate does not decode, retry or prefetch, reads no environment variable and never writes into a dataset.
#![forbid(unsafe_code)]

mod cache;
mod codec;
mod content;
mod dataset;
mod digest;
mod error;
mod folder;
mod index;
mod look;
mod names;
mod open;
mod open_splits;
mod options;
mod order;
mod page_cache;
mod paths;
mod progress;
mod read;
mod samples;
mod scan;
mod scan_record;
mod seek_file;
mod seek_points;
mod sentence;
mod source;
mod splits;
mod stamps;
mod subset;
mod suspicion;
mod synthetic;
mod walk;
mod warning;

pub use dataset::Dataset;
pub use digest::{Digest, ParseDigestError};
pub use error::DatasetError;
pub use index::Class;
pub use look::IndexSource;
pub use options::{OpenOptions, Splits};
pub use progress::{NoProgress, Progress};
pub use read::ReadError;
pub use seek_points::{SeekPointOptions, SeekPoints};
pub use source::{Encoded, Fetch, Need, SideData, Source};
pub use warning::{LeftOut, Warning};
