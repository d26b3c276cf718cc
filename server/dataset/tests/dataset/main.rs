//! The crate from outside, on real folders: list and order against Python, errors, cache, subsets, splits, reads.
#![expect(clippy::unwrap_used, reason = "all of this is test code")]

mod cache;
mod folder;
mod golden;
mod read;
mod splits;
mod stale;
mod subset;
mod tree;
