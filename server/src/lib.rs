//! The daemon of Bandwise, a data loader for training visual backbones. The command line is a crate above this one.
//!
//! ```text
//! config  a file, flags over it         -> settings, or all mistakes at once
//! server  the daemon's life             -> datasets, pipeline, listeners, drain
//! service the wire                      -> jobs, wants, parts, errors      (the only tonic on the server's side)
//! net     limits of connections         -> guarded connections of every listener
//! handover descriptors of shared memory -> trainers on this host, over a second Unix socket
//! lease   slots beyond their stream     -> kept for the trainer and counted, then emptied
//! admin   metrics, health, status       (HTTP)
//! ```
//!
//! Pixels, recipes, plans, jobs, datasets and the pipeline are crates of their own below this one.

#![forbid(unsafe_code)]

mod admin;
mod available_memory;
pub mod catalog;
pub mod config;
mod handover;
mod lease;
mod listen;
pub mod log_filter;
mod net;
pub mod server;
pub mod service;
mod socket_file;
mod start_error;

pub use net::raise_descriptor_limit;
pub use start_error::StartError;
