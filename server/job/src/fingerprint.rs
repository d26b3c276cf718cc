//! The fingerprint of a job: 32 bytes that are equal exactly where the canonical field lists are.

use std::{fmt, str::FromStr};

use sha2::{Digest, Sha256};

use crate::field::Field;

/// First line of what is hashed: the version of the canonical form.
const HEAD: &str = "bandwise job 1\n";

/// SHA-256 over the canonical form of a job's fields.
///
/// The canonical form is UTF-8 text: the line `bandwise job 1`, then one line `name=value` for each field, in the
/// order of the list, each ended by a line feed. Neither names nor values contain line feeds.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(crate) fn of(fields: &[Field]) -> Self {
        let mut hash = Sha256::new();
        hash.update(HEAD);
        for field in fields {
            hash.update(format!("{}={}\n", field.name, field.value));
        }
        Self(hash.finalize().into())
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Fingerprint {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Fingerprint {
    /// 64 lower-case hex digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl FromStr for Fingerprint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is not a fingerprint: 64 hex digits");
        if text.len() != 64 || !text.bytes().all(|c| c.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}
