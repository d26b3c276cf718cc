//! One record: its key (u64), a checksum of its bytes that the key seeds (u64), its length (u32), its bytes.
//!
//! The checksum makes a record that was torn by a crash, lies in a hole of the file or was written over as good as none.

use std::io;

use crate::disk::{Disk, Wait};
use crate::hash::checksum;

/// Bytes of the longest record that is kept: 1 MiB.
pub const MOST_BYTES: usize = 1 << 20;

/// Bytes before those of a record.
pub(crate) const PREFIX_BYTES: usize = 20;

/// Read at first: most records whole, in one call.
const FIRST_BYTES: usize = 1024;

/// Appends the record `bytes` of the key `hash` to `into`.
pub(crate) fn encode(hash: u64, bytes: &[u8], into: &mut Vec<u8>) {
    into.extend_from_slice(&prefix(hash, checksum(bytes, hash), bytes.len()));
    into.extend_from_slice(bytes);
}

fn prefix(hash: u64, check: u64, len: usize) -> [u8; PREFIX_BYTES] {
    let mut prefix = [0; PREFIX_BYTES];
    prefix[..8].copy_from_slice(&hash.to_le_bytes());
    prefix[8..16].copy_from_slice(&check.to_le_bytes());
    prefix[16..].copy_from_slice(&(len as u32).to_le_bytes());
    prefix
}

/// Key, checksum and length.
fn parse(prefix: &[u8; PREFIX_BYTES]) -> (u64, u64, usize) {
    let number = |at: usize, bytes: usize| {
        prefix[at..at + bytes].iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte))
    };
    (number(0, 8), number(8, 8), number(16, 4) as usize)
}

/// Reads the record at an offset into `bytes`, in place of their content, and returns its key; `None` if there is no
/// record as it was written. The content of `bytes` is not specified then.
pub(crate) fn read(disk: &Disk, at: u64, bytes: &mut Vec<u8>, wait: Wait) -> io::Result<Option<u64>> {
    let mut first = [0; FIRST_BYTES];
    let read = disk.read(&mut first, at, wait)?;
    let Some((prefix, begun)) = first[..read].split_first_chunk() else { return Ok(None) };
    let (hash, check, len) = parse(prefix);
    if len > MOST_BYTES {
        return Ok(None);
    }
    bytes.clear();
    bytes.extend_from_slice(&begun[..len.min(begun.len())]);
    let mut done = bytes.len();
    bytes.resize(len, 0);
    while done < len {
        match disk.read(&mut bytes[done..], at + (PREFIX_BYTES + done) as u64, wait)? {
            0 => return Ok(None),
            read => done += read,
        }
    }
    Ok((checksum(bytes, hash) == check).then_some(hash))
}
