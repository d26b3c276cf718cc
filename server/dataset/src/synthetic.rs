//! A dataset without files: as many samples as ImageNet's training set, to measure everything but decoding.
//!
//! It has samples, labels and a digest like any other dataset, so jobs, orders and fingerprints work as usual, and it
//! can be served beside real datasets. Only its source has no encoded bytes: every byte of every image is the same one.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::digest::Digest;
use crate::index::Class;
use crate::source::{Encoded, Fetch, Need, SideData, Source};

/// Samples: as many as ImageNet's training set has.
const SAMPLES: u64 = 1_281_167;

/// Classes, named by their numbers.
const CLASSES: u64 = 1000;

/// In the place of the hash of an index, which there is not. A change of samples, labels or rows is a change of it.
pub(crate) const DIGEST: Digest = Digest::from_bytes(*b"bandwise synthetic dataset v1\n\0\0");

/// Every byte of the images. Not 0: memory that was never written is one page of zeros many times over, which is faster
/// to send than any batch.
const BYTE: u8 = 60;

/// The samples of the synthetic dataset: sample `id` is of the class `id` mod 1000.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Synthetic {
    classes: Vec<Class>,
}

impl Synthetic {
    pub(crate) fn new() -> Self {
        Self { classes: (0..CLASSES).map(|class| Class::new(folder(class).as_bytes())).collect() }
    }

    pub(crate) fn classes(&self) -> &[Class] {
        &self.classes
    }

    pub(crate) fn len() -> u64 {
        SAMPLES
    }

    pub(crate) fn label(sample: u64) -> u32 {
        (sample % CLASSES) as u32
    }

    /// `CLASS/SAMPLE`, both in decimal digits.
    pub(crate) fn name(sample: u64) -> Vec<u8> {
        let mut name = folder(sample % CLASSES);
        // Writing into a string cannot fail.
        let _ = write!(name, "/{sample}");
        name.into_bytes()
    }

    pub(crate) fn find(name: &[u8]) -> Option<u64> {
        let (_, number) = std::str::from_utf8(name).ok()?.split_once('/')?;
        let sample = number.parse().ok().filter(|&sample| sample < SAMPLES)?;
        (Self::name(sample) == name).then_some(sample)
    }
}

fn folder(class: u64) -> String {
    format!("{class:03}")
}

/// Images of one byte, which no storage holds.
#[derive(Debug)]
pub(crate) struct SolidImages;

impl Source for SolidImages {
    fn fetch_now(&self, _sample: u64, _need: Need, encoded: &mut Encoded) -> bool {
        encoded.bytes.clear();
        (encoded.size, encoded.side) = (0, SideData { solid: Some(BYTE) });
        true
    }

    fn is_instant(&self) -> bool {
        true
    }

    fn fetch(&self, sample: u64, need: Need) -> Fetch {
        let mut encoded = Encoded::default();
        self.fetch_now(sample, need, &mut encoded);
        Fetch::Blocking(Box::new(|| Ok(encoded)))
    }

    fn location(&self, _sample: u64) -> PathBuf {
        PathBuf::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_samples() {
        let synthetic = Synthetic::new();
        for sample in [0, 7, 999, 1000, SAMPLES - 1] {
            let name = Synthetic::name(sample);
            assert_eq!(Synthetic::find(&name), Some(sample));
            let class = &synthetic.classes()[Synthetic::label(sample) as usize];
            assert!(name.starts_with(class.bytes()), "{name:?}");
        }
        for name in ["", "000", "000/1", "000/01000", "000/1281167", "000/x", "\u{e9}/0"] {
            assert_eq!(Synthetic::find(name.as_bytes()), None, "{name}");
        }
    }
}
