//! The tables of the vertical pass over interleaved rows.
//!
//! The AVX-512 horizontal pass makes four rows at a time and leaves them interleaved byte by byte, as the products of
//! bytes in fours want them. So the rows of an output are whole groups of four, the first of which begins at or before
//! its first row: the weights are moved by up to three places, with zeros in front.
#![cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "only x86-64 kernels read split weights"))]

use super::axis::Axis;
use super::spans::GROUP;
use super::split::Quad;

/// Quads by output.
#[derive(Debug)]
pub(super) struct Tall {
    quads: Vec<Quad>,
    /// The first quad of each output, and of one output more.
    firsts: Vec<u32>,
}

impl Tall {
    /// The tables of an axis.
    pub(super) fn of(axis: &Axis) -> Self {
        let outputs = axis.spans.outputs();
        let mut tall = Self {
            quads: Vec::with_capacity(outputs * (axis.spans.groups() + 1)),
            firsts: Vec::with_capacity(outputs + 1),
        };
        for output in 0..outputs {
            tall.firsts.push(tall.quads.len() as u32);
            tall.push(axis.spans.start(output) % GROUP, axis.weights(output));
        }
        tall.firsts.push(tall.quads.len() as u32);
        tall.quads.shrink_to_fit();
        tall
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        size_of_val(self.quads.as_slice()) + size_of_val(self.firsts.as_slice())
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
    use super::super::filter::Filter;
    use super::*;
    use crate::SimdLevel;

    #[test]
    fn weights_lie_where_their_rows_lie_in_groups() {
        for (input, output) in [(1, 5), (3, 7), (8, 3), (350, 224), (224, 96), (900, 31), (17, 40)] {
            let mut axis = Axis::default();
            let filter = Filter::Bicubic;
            let key = AxisKey { filter, input, output, first: 0, wanted: output, detour: None };
            axis.rebuild(SimdLevel::SCALAR, key);
            let tall = Tall::of(&axis);
            for y in 0..output {
                let (start, count) = (axis.spans.start(y), axis.spans.count(y));
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
