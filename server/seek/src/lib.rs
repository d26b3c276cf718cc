//! A file of small records, each under the hash of an encoded image: the seek points of a dataset's JPEGs.
//!
//! Several processes read and extend one file at the same time, and any of them may be killed at any moment. A reader
//! gets exactly the bytes that were put under a hash, or nothing; an image that is replaced by another has another hash,
//! so no record outlives what it was made of. The file is a memo: it may be deleted at any time, and nothing that is done
//! to it is an error of a sample.
//!
//! ```text
//! hash        keys and checksums (xxh3)
//! trouble     reasons for which nothing is kept, for the log
//! layout      head, tables of slots
//! disk        reads without a wait, the lock; the reasons against a memory map
//! file_system those on which a read may hang
//! record      one record and its checksum
//! store_file  search in an open file
//! batch       records that are written together
//! append      adding them under the lock
//! options, open   creating, opening and replacing the file
//! queue, writer   the thread that writes, and the way to it
//! stats, inspect  numbers
//! shared, store   the public face
//! ```
//!
//! # Size and cost
//!
//! A record takes 20 bytes beside its own, and 16 bytes of the table, which has two slots of 8 bytes a sample. With 750
//! bytes a sample (a seek point every 8 MCUs) that is 786 bytes: 1.01 GB for 1.28 million samples, 11.0 GB for 14
//! million. In memory it takes two queues ([`SeekOptions::queue_bytes`]) and nothing a sample; the system's page cache
//! has the rest.
//!
//! CPU time of a call on a file of 1.28 million records of 750 bytes, in random order (`examples/timing.rs`, Xeon of 2023
//! in a virtual machine, one and two threads): found 1.9 and 2.3 us, absent 0.7 and 0.9 us, put below 0.4 us, the hash of
//! 100 kB 2.6 us.
//!
//! # Decisions
//!
//! - One look at a bucket of 16 slots, one at the record: two calls. A table in memory would save the first, for 24 bytes a
//!   sample and a scan at the start.
//! - Growth adds a table of twice the size and leaves everything where it is: nothing is copied, and readers need not be
//!   told. They meet a further table when they next add something, and until then make some records again.
//! - Records are never removed. Those of images that are gone count towards the bound; deleting the file is the remedy.
//! - `twox-hash` chooses its instructions by the CPU: 2.6 us for 100 kB against 4.8 us of `xxhash-rust`, which takes those
//!   that the build names.

#![forbid(unsafe_code)]

mod append;
mod batch;
mod disk;
mod file_system;
mod hash;
mod inspect;
mod layout;
mod open;
mod options;
mod queue;
mod record;
mod shared;
mod stats;
mod store;
mod store_file;
mod trouble;
mod writer;

pub use hash::content_hash;
pub use inspect::SeekReport;
pub use options::SeekOptions;
pub use record::MOST_BYTES as MAX_RECORD_BYTES;
pub use stats::SeekStats;
pub use store::SeekStore;
pub use trouble::{SeekTrouble, Unfit};
