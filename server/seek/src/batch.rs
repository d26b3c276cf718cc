//! Records that are written together.

use std::io;

use crate::record;

/// Encoded records one after the other.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    records: Vec<Queued>,
}

#[derive(Clone, Copy, Debug)]
struct Queued {
    hash: u64,
    encoded_bytes: usize,
}

impl Batch {
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// All of it as it is written.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn push(&mut self, hash: u64, bytes: &[u8]) {
        let before = self.bytes.len();
        record::encode(hash, bytes, &mut self.bytes);
        self.records.push(Queued { hash, encoded_bytes: self.bytes.len() - before });
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
    }

    /// The keys, each with the offset of its record in `bytes`.
    pub(crate) fn offsets(&self) -> impl Iterator<Item = (u64, u64)> {
        self.records.iter().scan(0, |end, record| {
            let begin = *end;
            *end += record.encoded_bytes as u64;
            Some((record.hash, begin))
        })
    }

    /// Keeps the records of the keys for which `keep` says so. After an error all that are left are kept.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(u64) -> io::Result<bool>) -> io::Result<()> {
        let (mut from, mut to, mut result) = (0, 0, Ok(()));
        self.records.retain(|record| {
            let range = from..from + record.encoded_bytes;
            from = range.end;
            let is_kept = result.is_err()
                || keep(record.hash).unwrap_or_else(|error| {
                    result = Err(error);
                    true
                });
            if is_kept {
                self.bytes.copy_within(range, to);
                to += record.encoded_bytes;
            }
            is_kept
        });
        self.bytes.truncate(to);
        result
    }

    /// Leaves out records at the end that would make it longer than `most_bytes`; returns how many.
    pub(crate) fn shorten(&mut self, most_bytes: u64) -> usize {
        let mut left_out = 0;
        while self.bytes.len() as u64 > most_bytes
            && let Some(last) = self.records.pop()
        {
            self.bytes.truncate(self.bytes.len() - last.encoded_bytes);
            left_out += 1;
        }
        left_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(hashes: &[u64]) -> Batch {
        let mut batch = Batch::default();
        for &hash in hashes {
            batch.push(hash, &vec![hash as u8; hash as usize]);
        }
        batch
    }

    #[test]
    fn what_is_left_is_as_if_the_rest_had_never_been_there() {
        let mut some = batch(&[1, 2, 3, 4, 5, 6]);
        some.retain(|hash| Ok(hash % 2 == 0)).unwrap();
        assert_eq!(some.bytes(), batch(&[2, 4, 6]).bytes());
        assert_eq!(some.offsets().collect::<Vec<_>>(), [(2, 0), (4, 22), (6, 46)]);
        assert_eq!(some.shorten(71), 1);
        assert_eq!(some.bytes(), batch(&[2, 4]).bytes());
        assert_eq!((some.shorten(0), some.len()), (2, 0));
    }

    #[test]
    fn an_error_keeps_the_rest() {
        let mut some = batch(&[1, 2, 3, 4]);
        let keep = |hash| if hash == 3 { Err(io::ErrorKind::Other.into()) } else { Ok(hash != 1) };
        assert!(some.retain(keep).is_err());
        assert_eq!(some.bytes(), batch(&[2, 3, 4]).bytes());
    }
}
