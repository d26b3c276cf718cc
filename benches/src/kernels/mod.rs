//! Microseconds per call of each kernel, on each SIMD level, beside peers.
//!
//! - `subject`: a kernel with its variants, the check of their outputs, and the timing in turns.
//! - `subjects`: the list: resize, Fourier, tensor, flip, decode, all on one photograph of 500 x 375 pixels.
//! - `peer`: other libraries at the same work.
//! - `outcome`: the table.

mod outcome;
mod peer;
mod subject;
mod subjects;

pub use outcome::{Outcome, SubjectOutcome, VariantOutcome};

use anyhow::Result;
use bandwise_kernels::SimdLevel;

/// The photograph of all subjects: 500 x 375 pixels, 93 kB, 4:2:0, full of detail.
const PHOTO: &[u8] = include_bytes!("../../../server/assets/photos/nature/grass.jpg");

/// Checks and times all kernels, `rounds` samples a variant; calls `before` with the name of what comes next.
///
/// # Errors
///
/// If an output differs from the scalar level's, or from the peer's by more than rounding.
pub fn run(rounds: usize, mut before: impl FnMut(&str)) -> Result<Outcome> {
    let photo = subjects::Photo::decode(PHOTO)?;
    let mut outcomes = Vec::new();
    for mut subject in subjects::all(&photo, &SimdLevel::available())? {
        before(&subject.name);
        subject.check()?;
        outcomes.push(SubjectOutcome::new(subject.name.clone(), subject.time(rounds)?));
    }
    Ok(Outcome { subjects: outcomes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_passes_its_check_and_is_timed() {
        let mut names = Vec::new();
        let outcome = run(1, |name| names.push(name.to_owned())).unwrap();
        assert_eq!(outcome.subjects.len(), names.len());
        assert!(names.len() >= 12, "{names:?}");
        for subject in &outcome.subjects {
            assert!(subject.variants.iter().all(|variant| variant.us.median > 0.0), "{subject:?}");
        }
    }
}
