//! The tables of the vertical pass over interleaved rows.
//!
//! The AVX-512 horizontal pass makes four rows at a time and leaves them interleaved byte by byte, as the products of
//! bytes in fours want them. So the rows of an output are whole groups of four, the first of which begins at or before
//! its first row: the weights are moved by up to three places, with zeros in front.
#![cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "only x86-64 kernels read split weights"))]

use super::axis::{Axis, GROUP, Quad};

/// Quads by output.
#[derive(Debug, Default)]
pub(super) struct Tall {
    quads: Vec<Quad>,
    /// The first quad of each output, and of one output more.
    firsts: Vec<u32>,
}

impl Tall {
    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        size_of::<Quad>() * self.quads.capacity() + size_of::<u32>() * self.firsts.capacity()
    }

    /// Computes the tables of an axis.
    pub(super) fn rebuild(&mut self, axis: &Axis) {
        self.quads.clear();
        self.firsts.clear();
        for output in 0..axis.outputs() {
            self.firsts.push(self.quads.len() as u32);
            self.push(axis.start(output) % GROUP, axis.weights(output));
        }
        self.firsts.push(self.quads.len() as u32);
    }

    /// Appends the weights of an output, behind `zeros` below [`GROUP`].
    fn push(&mut self, zeros: usize, weights: &[i32]) {
        let (head, rest) = weights.split_at((GROUP - zeros).min(weights.len()));
        let mut quad = [0; GROUP];
        quad[zeros..][..head.len()].copy_from_slice(head);
        self.quads.push(Quad::new(&quad));
        let (whole, last) = rest.as_chunks::<GROUP>();
        self.quads.extend(whole.iter().map(Quad::new));
        if !last.is_empty() {
            let mut quad = [0; GROUP];
            quad[..last.len()].copy_from_slice(last);
            self.quads.push(Quad::new(&quad));
        }
    }

    /// The quads of an output, for the groups of rows from the one of its first row on.
    pub(super) fn quads(&self, output: usize) -> &[Quad] {
        &self.quads[self.firsts[output] as usize..self.firsts[output + 1] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::super::axis::AxisKey;
    use super::super::detour::Joiner;
    use super::super::filter::Filter;
    use super::*;
    use crate::SimdLevel;

    #[test]
    fn weights_lie_where_their_rows_lie_in_groups() {
        for (input, output) in [(1, 5), (3, 7), (8, 3), (350, 224), (224, 96), (900, 31), (17, 40)] {
            let mut axis = Axis::default();
            let filter = Filter::Bicubic;
            let key = AxisKey { filter, input, output, first: 0, wanted: output, detour: None };
            axis.rebuild(SimdLevel::SCALAR, key, &mut Joiner::default());
            let mut tall = Tall::default();
            tall.rebuild(&axis);
            for y in 0..output {
                let (start, count) = (axis.start(y), axis.count(y));
                let groups = start / GROUP..(start + count).div_ceil(GROUP);
                assert_eq!(tall.quads(y).len(), groups.len());
                for (group, quad) in groups.zip(tall.quads(y)) {
                    let weight = |row: usize| {
                        row.checked_sub(start).and_then(|k| axis.weights(y).get(k)).copied().unwrap_or(0)
                    };
                    let weights = std::array::from_fn(|i| weight(GROUP * group + i));
                    assert_eq!(*quad, Quad::new(&weights), "{input} -> {output}, {y}");
                }
            }
        }
    }
}
