//! Benches of Bandwise: how fast it is, beside the fastest thing that could be done with the same files.
//!
//! ```text
//! bin/corpus    corpus    photographs of any kind -> JPEGs that are distributed like ImageNet's
//! bin/baseline  baseline  a bare libjpeg-turbo loop, our loop without a pipeline, a real daemon; in turns
//! bin/crops     crops     our JPEG decoder on random crops, beside libjpeg-turbo; in turns
//! bin/fidelity  fidelity  error and time of fidelity = fast beside exact
//! bin/loops     baseline  one of these loops alone, for the programs of `peers`
//! bin/fleet     fleet     two daemons behind one client, beside one, and when one is killed; in turns
//! bin/kernels   kernels   microseconds per call of each kernel, on each SIMD level, beside peers
//! bin/replay    replay    CPU time and memory of a daemon with replay beside one without; in turns
//! bin/transport transport batches from the daemon to a client, beside plain copies of the same bytes; in turns
//! ```
//!
//! They share `stats` (medians), `conditions` (machine and versions), `cores` (pinning), `cpu` (CPU time), `daemon` (a
//! real daemon as a process), `output` (the flags --json and --write), `report` (tables for people, sections of files
//! between markers). Each bench compares its output with a reference before it measures. How to run them and how to
//! read the tables is in `benches/README.md`.

#![forbid(unsafe_code)]

pub mod baseline;
pub mod conditions;
pub mod cores;
pub mod corpus;
mod cpu;
pub mod crops;
pub mod daemon;
pub mod fidelity;
pub mod fleet;
pub mod kernels;
pub mod output;
pub mod replay;
pub mod report;
pub mod stats;
pub mod transport;
