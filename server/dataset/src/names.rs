//! Many names in one arena: 8 bytes each beside their own bytes.
//!
//! A `Vec<Vec<u8>>` costs about 40 bytes a name more, which is half a gigabyte on 14 million samples.

use std::io;

use crate::codec::{CacheReader, CacheWriter, damaged};
use crate::order::{is_utf8, python_order};

/// An append-only list of byte strings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    bytes: Vec<u8>,
    /// The end of each name in `bytes`; it begins at the end of the previous one.
    ends: Vec<u64>,
}

impl Names {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The name at `index`; panics past the end, as a slice does.
    pub(crate) fn get(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.bytes[start as usize..self.ends[index] as usize]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|index| self.get(index))
    }

    pub(crate) fn push(&mut self, name: &[u8]) {
        self.bytes.extend_from_slice(name);
        self.ends.push(self.bytes.len() as u64);
    }

    /// Appends all names of `other`, in its order.
    pub(crate) fn append(&mut self, other: &Names) {
        let base = self.bytes.len() as u64;
        self.bytes.extend_from_slice(&other.bytes);
        self.ends.extend(other.ends.iter().map(|end| base + end));
    }

    /// The same names in Python's order.
    pub(crate) fn sorted(&self) -> Names {
        let mut order: Vec<usize> = (0..self.len()).collect();
        if self.iter().all(is_utf8) {
            // Asking once is cheaper than asking in each of n log n comparisons.
            order.sort_unstable_by(|&a, &b| self.get(a).cmp(self.get(b)));
        } else {
            order.sort_unstable_by(|&a, &b| python_order(self.get(a), self.get(b)));
        }
        self.in_order(&order)
    }

    fn in_order(&self, order: &[usize]) -> Names {
        let mut sorted =
            Names { bytes: Vec::with_capacity(self.bytes.len()), ends: Vec::with_capacity(order.len()) };
        for &index in order {
            sorted.push(self.get(index));
        }
        sorted
    }

    /// Gives back the room that growing left over.
    pub(crate) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    /// Bytes held on the heap, spare capacity included.
    pub(crate) fn heap_bytes(&self) -> u64 {
        (self.bytes.capacity() + self.ends.capacity() * size_of::<u64>()) as u64
    }

    pub(crate) fn write<W: io::Write>(&self, out: &mut CacheWriter<W>) -> io::Result<()> {
        out.bytes(&self.bytes)?;
        out.u64s(&self.ends)
    }

    /// Reads what `write` wrote; refuses ends that do not cut the arena.
    pub(crate) fn read<R: io::Read>(input: &mut CacheReader<R>) -> io::Result<Names> {
        let (bytes, ends) = (input.bytes()?, input.u64s()?);
        let ordered = ends.is_sorted() && ends.last().copied().unwrap_or(0) == bytes.len() as u64;
        if ordered { Ok(Names { bytes, ends }) } else { Err(damaged()) }
    }
}

impl<N: AsRef<[u8]>> FromIterator<N> for Names {
    fn from_iter<I: IntoIterator<Item = N>>(names: I) -> Self {
        let mut list = Names::default();
        names.into_iter().for_each(|name| list.push(name.as_ref()));
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_as_pushed() {
        let mut names: Names = ["b", "", "a"].into_iter().collect();
        names.append(&["c", "dd"].into_iter().collect());
        assert_eq!(names.iter().collect::<Vec<_>>(), [&b"b"[..], b"", b"a", b"c", b"dd"]);
    }

    #[test]
    fn sorting_is_pythons() {
        let names: Names = [&b"\xEE\x80\x80"[..], b"\xFF", b"a"].into_iter().collect();
        assert_eq!(names.sorted().iter().collect::<Vec<_>>(), [&b"a"[..], b"\xFF", b"\xEE\x80\x80"]);
    }
}
