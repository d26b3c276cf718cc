//! Quantisation steps as the transform multiplies with them: widened once a file, and side by side for two blocks.

use crate::order::Order;

/// Rows of the steps of two blocks, side by side.
pub(super) type Pair = [[i16; 16]; 8];

/// Quantisation steps in natural order, of up to three components; and the order of the coefficients.
#[derive(Clone, Debug)]
pub(crate) struct Steps {
    order: Order,
    components: [[i16; 64]; 3],
    /// For each component of the first block, and each of the second.
    pairs: [[Pair; 3]; 3],
}

impl Steps {
    /// Steps of no component yet.
    pub(crate) const fn new(order: Order) -> Self {
        Self { order, components: [[0; 64]; 3], pairs: [[[[0; 16]; 8]; 3]; 3] }
    }

    /// Sets the steps of the first components.
    pub(crate) fn set<'a>(&mut self, components: impl Iterator<Item = &'a [u8; 64]>) {
        let mut count = 0;
        for (steps, component) in self.components.iter_mut().zip(components) {
            *steps = component.map(i16::from);
            count += 1;
        }
        for (first, pairs) in self.components[..count].iter().zip(&mut self.pairs) {
            for (second, pair) in self.components[..count].iter().zip(pairs) {
                let rows = first.as_chunks::<8>().0.iter().zip(second.as_chunks::<8>().0);
                for (row, (first, second)) in pair.iter_mut().zip(rows) {
                    row[..8].copy_from_slice(first);
                    row[8..].copy_from_slice(second);
                }
            }
        }
    }

    /// The order in which blocks have their coefficients.
    pub(super) fn order(&self) -> Order {
        self.order
    }

    /// The steps of a component.
    pub(super) fn of(&self, component: usize) -> &[i16; 64] {
        &self.components[component]
    }

    /// The steps of two blocks' components.
    pub(super) fn pair(&self, first: usize, second: usize) -> &Pair {
        &self.pairs[first][second]
    }
}
