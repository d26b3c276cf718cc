//! The job: everything that decides bytes, and its fingerprint.
//!
//! A [`JobSpec`] is a request. Together with the size and digest of a dataset it resolves to a [`Job`], whose canonical
//! [`Field`] list says all that a batch depends on besides (step, row), and whose [`Fingerprint`] is the SHA-256 of
//! that list. The digest stands for the dataset: for its names, classes and sizes, and for its content only if it was
//! opened so. Names of presets, ranks, world sizes and thread counts are absent from it on purpose.

#![forbid(unsafe_code)]

mod error;
mod field;
mod fields;
mod fingerprint;
mod job;
mod policy;
mod replay;
mod spec;

pub use bandwise_recipe::Fidelity;
pub use error::JobError;
pub use field::{Field, differing};
pub use fingerprint::Fingerprint;
pub use job::Job;
pub use policy::{BadSample, Unreadable};
pub use replay::{Origin, Replay, ReplaySpec};
pub use spec::{JobSpec, RecipeChoice, own_recipe};
