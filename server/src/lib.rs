//! Bandwise: a data-loading daemon for training visual backbones, and its command line.
//!
//! ```text
//! cli     what a person types           -> config, server, the Rust client, reports, pictures
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
pub mod cli;
pub mod config;
mod handover;
mod lease;
mod listen;
mod log_filter;
mod net;
mod npy;
mod picture;
mod reduce;
pub mod server;
pub mod service;
mod socket_file;
