//! The digest of a dataset: SHA-256 over its index, equal wherever the same samples lie in the same order.
//!
//! The bytes that are hashed, all integers unsigned 64-bit little-endian:
//!
//! 1. the 20 bytes `bandwise dataset v1\n`;
//! 2. the number of classes, then for each class, in order: the length of its name, its name;
//! 3. the number of samples, then for each sample, in order: its label, the length of its name, its name
//!    (`class/.../file`, as the file system has it), its encoded size in bytes.
//!
//! No root, no times, no owner and no content enter: a file that changes at the same size leaves it as it is. This form
//! is the default, because the other one reads every byte once.
//!
//! A digest with content is made on request. It begins with the 28 bytes `bandwise dataset content v1\n` instead, and
//! each sample ends with the SHA-256 of its bytes (32 bytes). So it differs from the plain one, and every changed byte
//! changes it.
//!
//! A change of these lists is a change of the tag.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::content::Hash;
use crate::index::Index;

const TAG: &[u8] = b"bandwise dataset v1\n";

const CONTENT_TAG: &[u8] = b"bandwise dataset content v1\n";

/// Hashed at a time, so that the hash is not called for every 8 bytes.
const BUFFER_BYTES: usize = 64 << 10;

/// Identifies the index of a dataset: sample ids mean something together with it. Shown as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// A digest from its bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes of the SHA-256.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The digest of an index. Cost: one pass over its names.
    pub(crate) fn of(index: &Index) -> Self {
        Self::of_fields(TAG, index, |_| &[])
    }

    /// The digest of an index and of the content of its samples.
    pub(crate) fn with_content<'a>(index: &Index, hash: impl Fn(u64) -> &'a Hash) -> Self {
        Self::of_fields(CONTENT_TAG, index, |sample| hash(sample))
    }

    fn of_fields<'a>(tag: &[u8], index: &Index, content: impl Fn(u64) -> &'a [u8]) -> Self {
        let mut fields = Fields { hash: Sha256::new(), buffer: Vec::with_capacity(BUFFER_BYTES) };
        fields.raw(tag);
        fields.u64(index.classes().len() as u64);
        for class in index.classes() {
            fields.u64(class.bytes().len() as u64);
            fields.raw(class.bytes());
        }
        fields.u64(index.len());
        for folder in index.folders() {
            for sample in folder.samples {
                let file = index.file_name(sample);
                fields.u64(u64::from(folder.class));
                fields.u64((folder.path.len() + 1 + file.len()) as u64);
                for part in [folder.path, b"/", file] {
                    fields.raw(part);
                }
                fields.u64(index.size(sample));
                fields.raw(content(sample));
            }
        }
        fields.finish()
    }
}

struct Fields {
    hash: Sha256,
    buffer: Vec<u8>,
}

impl Fields {
    fn raw(&mut self, bytes: &[u8]) {
        if self.buffer.len() + bytes.len() > BUFFER_BYTES {
            self.hash.update(&self.buffer);
            self.buffer.clear();
        }
        self.buffer.extend_from_slice(bytes);
    }

    fn u64(&mut self, value: u64) {
        self.raw(&value.to_le_bytes());
    }

    fn finish(mut self) -> Digest {
        self.hash.update(&self.buffer);
        Digest(self.hash.finalize().into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// Text that is not a digest.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("a digest is 64 hex digits, got {text:?}")]
pub struct ParseDigestError {
    /// The text, cut after 80 characters.
    pub text: String,
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    /// Reads 64 hex digits of either case.
    fn from_str(text: &str) -> Result<Self, ParseDigestError> {
        let parsed = parse_hex(text.as_bytes()).map(Self);
        parsed.ok_or_else(|| ParseDigestError { text: text.chars().take(80).collect() })
    }
}

fn parse_hex(text: &[u8]) -> Option<[u8; 32]> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let mut bytes = [0; 32];
    let (pairs, rest) = text.as_chunks::<2>();
    if pairs.len() != bytes.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Names;

    fn index(class: &str, file: &str, size: u64) -> Index {
        let mut index = Index::new(&[class, "z"].into_iter().collect());
        index.push_folder(0, class.as_bytes(), &[file].into_iter().collect::<Names>());
        index.sizes_mut()[0] = size;
        index
    }

    #[test]
    fn the_bytes_hashed_are_the_documented_ones() {
        let mut bytes = b"bandwise dataset v1\n".to_vec();
        for part in [&2u64.to_le_bytes()[..], &1u64.to_le_bytes(), b"c", &1u64.to_le_bytes(), b"z"] {
            bytes.extend_from_slice(part);
        }
        for part in [1u64, 0, 7].map(u64::to_le_bytes) {
            bytes.extend_from_slice(&part);
        }
        bytes.extend_from_slice(b"c/a.jpg");
        bytes.extend_from_slice(&300u64.to_le_bytes());
        assert_eq!(Digest::of(&index("c", "a.jpg", 300)).0, <[u8; 32]>::from(Sha256::digest(&bytes)));
    }

    #[test]
    fn content_enters_by_its_hash_under_a_tag_of_its_own() {
        let index = index("c", "a.jpg", 300);
        let mut bytes = b"bandwise dataset content v1\n".to_vec();
        for part in [&2u64.to_le_bytes()[..], &1u64.to_le_bytes(), b"c", &1u64.to_le_bytes(), b"z"] {
            bytes.extend_from_slice(part);
        }
        bytes.extend([1u64, 0, 7].map(u64::to_le_bytes).into_iter().flatten());
        bytes.extend_from_slice(b"c/a.jpg");
        bytes.extend_from_slice(&300u64.to_le_bytes());
        bytes.extend_from_slice(&[9; 32]);
        let digest = Digest::with_content(&index, |_| &[9; 32]);
        assert_eq!(digest.0, <[u8; 32]>::from(Sha256::digest(&bytes)));
    }

    #[test]
    fn names_classes_and_sizes_enter() {
        let all = [
            index("c", "a.jpg", 300),
            index("c", "a.jpg", 301),
            index("c", "b.jpg", 300),
            index("d", "a.jpg", 300),
        ];
        let digests: std::collections::HashSet<_> = all.iter().map(Digest::of).collect();
        assert_eq!(digests.len(), all.len());
    }

    #[test]
    fn hex_goes_both_ways() {
        let digest = Digest::of(&index("c", "a.jpg", 300));
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_eq!(digest.to_string().to_uppercase().parse(), Ok(digest));
        let good = digest.to_string();
        for bad in ["", &good[1..], &format!("{good}0"), &good.replacen(&good[..1], "g", 1), "é"] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }
}
