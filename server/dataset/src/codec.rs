//! The bytes of the index cache: little-endian integers and length-prefixed arrays, with a SHA-256 at the end.
//!
//! The reader is meant for damaged files: it never allocates more than the file is long, and any surprise is
//! an error. What the arrays mean is checked by those who read them.
//!
//! The code is our own, measured against `postcard` with serde. For 1,281,167 samples, `postcard` writes
//! 57 MB instead of 66 MB, but reading takes 0.31 s instead of 0.21 to 0.24 s (writing 0.30 s instead of 0.22 s, the
//! checksum included in all of them), and the peak of memory is 122 MB instead of 66 MB, since names are decoded from a
//! file that is in memory as a whole.

use std::io::{self, Read, Write};

use sha2::{Digest as _, Sha256};

/// Bytes of the checksum that ends a file.
pub(crate) const CHECKSUM_BYTES: u64 = 32;

/// Integers converted at a time: 32 KiB, so that neither side needs a second copy of an array.
const BLOCK: usize = 4096;

/// The error for content that no writer wrote.
pub(crate) fn damaged() -> io::Error {
    io::Error::from(io::ErrorKind::InvalidData)
}

/// Writes values and hashes them on the way.
pub(crate) struct CacheWriter<W> {
    inner: W,
    hash: Sha256,
}

impl<W: Write> CacheWriter<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self { inner, hash: Sha256::new() }
    }

    /// Bytes whose length the reader knows.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.inner.write_all(bytes)
    }

    pub(crate) fn u64(&mut self, value: u64) -> io::Result<()> {
        self.raw(&value.to_le_bytes())
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.u64(bytes.len() as u64)?;
        self.raw(bytes)
    }

    pub(crate) fn u64s(&mut self, values: &[u64]) -> io::Result<()> {
        self.u64(values.len() as u64)?;
        for block in values.chunks(BLOCK) {
            let bytes: Vec<u8> = block.iter().flat_map(|value| value.to_le_bytes()).collect();
            self.raw(&bytes)?;
        }
        Ok(())
    }

    /// Appends the checksum and flushes.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.inner.write_all(&self.hash.finalize())?;
        self.inner.flush()
    }
}

/// Reads the output of a [`CacheWriter`]; the values are to be trusted only after [`CacheReader::finish`].
pub(crate) struct CacheReader<R> {
    inner: R,
    hash: Sha256,
    /// Bytes left before the checksum: the bound of every allocation.
    remaining: u64,
}

impl<R: Read> CacheReader<R> {
    /// `file_bytes` is the length of the whole file, checksum included.
    pub(crate) fn new(inner: R, file_bytes: u64) -> io::Result<Self> {
        let remaining = file_bytes.checked_sub(CHECKSUM_BYTES).ok_or_else(damaged)?;
        Ok(Self { inner, hash: Sha256::new(), remaining })
    }

    /// Fills `bytes`.
    pub(crate) fn raw(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.remaining = self.remaining.checked_sub(bytes.len() as u64).ok_or_else(damaged)?;
        self.inner.read_exact(bytes)?;
        self.hash.update(bytes);
        Ok(())
    }

    pub(crate) fn u64(&mut self) -> io::Result<u64> {
        let mut bytes = [0; 8];
        self.raw(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    pub(crate) fn bytes(&mut self) -> io::Result<Vec<u8>> {
        let count = self.count(1)?;
        let mut bytes = with_room(count)?;
        bytes.resize(count, 0);
        self.raw(&mut bytes)?;
        Ok(bytes)
    }

    pub(crate) fn u64s(&mut self) -> io::Result<Vec<u64>> {
        let count = self.count(8)?;
        let mut values = with_room(count)?;
        let mut block = vec![0; count.min(BLOCK) * 8];
        while values.len() < count {
            let bytes = &mut block[..(count - values.len()).min(BLOCK) * 8];
            self.raw(bytes)?;
            let (words, _) = bytes.as_chunks::<8>();
            values.extend(words.iter().map(|word| u64::from_le_bytes(*word)));
        }
        Ok(values)
    }

    /// The length of an array whose items take at least `item_bytes` each, refused if the file cannot hold it.
    pub(crate) fn count(&mut self, item_bytes: u64) -> io::Result<usize> {
        let count = self.u64()?;
        let fits = count.checked_mul(item_bytes).is_some_and(|bytes| bytes <= self.remaining);
        if fits { usize::try_from(count).map_err(|_| damaged()) } else { Err(damaged()) }
    }

    /// Checks that nothing is left over and that the checksum holds.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        let mut checksum = [0; CHECKSUM_BYTES as usize];
        self.inner.read_exact(&mut checksum)?;
        let expected: [u8; CHECKSUM_BYTES as usize] = self.hash.finalize().into();
        if self.remaining == 0 && checksum == expected { Ok(()) } else { Err(damaged()) }
    }
}

/// An empty vector with room for `count` items; a file too large for the memory is an error, not an abort.
fn with_room<T>(count: usize) -> io::Result<Vec<T>> {
    let mut items = Vec::new();
    items.try_reserve_exact(count).map_err(|_| io::ErrorKind::OutOfMemory)?;
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(values: &[u64]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = CacheWriter::new(&mut bytes);
        writer.u64s(values).unwrap();
        writer.bytes(b"name").unwrap();
        writer.finish().unwrap();
        bytes
    }

    fn decoded(bytes: &[u8]) -> io::Result<(Vec<u64>, Vec<u8>)> {
        let mut reader = CacheReader::new(bytes, bytes.len() as u64)?;
        let values = (reader.u64s()?, reader.bytes()?);
        reader.finish()?;
        Ok(values)
    }

    #[test]
    fn values_come_back() {
        let values: Vec<u64> = (0..10_000).map(|n| n * n).collect();
        assert_eq!(decoded(&encoded(&values)).unwrap(), (values, b"name".to_vec()));
    }

    #[test]
    fn every_flipped_byte_and_every_cut_is_an_error() {
        let good = encoded(&[1, 2, 3]);
        for position in 0..good.len() {
            let mut bad = good.clone();
            bad[position] ^= 0x80;
            assert!(decoded(&bad).is_err(), "flip at {position}");
            assert!(decoded(&good[..position]).is_err(), "cut at {position}");
        }
    }
}
