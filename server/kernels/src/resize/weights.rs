//! The weights of the resizes that were done last, kept by size and shared by threads.
//!
//! A stage resizes every image from the same size to the same size, while crops come in many sizes; but crops of most
//! datasets are a few hundred pixels long, so that many lengths come again. To compute weights takes as long as to use
//! them, or three times as long where they join several resizes.

use std::convert::Infallible;
use std::sync::Arc;

use quick_cache::{Weighter, sync::Cache};

use super::axis::{Axis, AxisKey};
use super::tables::{Pass, Tables};
use crate::SimdLevel;

/// Memory of one axis on average, from which the number of sets is estimated.
const TYPICAL_BYTES: u64 = 12 << 10;

/// The weights of many sizes, which [`Resizer`](super::Resizer)s of several threads share. Clones are the same memory.
#[derive(Clone, Debug)]
pub struct ResizeWeights(Arc<Cache<Key, Arc<Tables>, Bytes>>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    axis: AxisKey,
    pass: Pass,
    level: SimdLevel,
}

#[derive(Clone, Debug)]
struct Bytes;

impl Weighter<Key, Arc<Tables>> for Bytes {
    fn weight(&self, _: &Key, tables: &Arc<Tables>) -> u64 {
        (size_of::<Key>() + tables.memory()) as u64
    }
}

impl ResizeWeights {
    /// Memory that holds those of a training: 32 MiB.
    pub const DEFAULT_BYTES: u64 = 32 << 20;

    /// Keeps up to `bytes` of weights; what was not used for long makes room.
    pub fn new(bytes: u64) -> Self {
        Self(Arc::new(Cache::with_weighter((bytes / TYPICAL_BYTES) as usize, bytes, Bytes)))
    }

    /// Finds the tables of an axis, or computes them in the memory of `scratch`.
    pub(super) fn tables(
        &self,
        level: SimdLevel,
        axis: AxisKey,
        pass: Pass,
        scratch: &mut Axis,
    ) -> Arc<Tables> {
        let key = Key { axis, pass, level };
        let made: Result<_, Infallible> = self.0.get_or_insert_with(&key, || {
            scratch.rebuild(level, axis);
            Ok(Arc::new(Tables::of(scratch, level, pass)))
        });
        match made {
            Ok(tables) => tables,
        }
    }
}

impl Default for ResizeWeights {
    fn default() -> Self {
        Self::new(Self::DEFAULT_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::super::filter::Filter;
    use super::super::tables::Form;
    use super::*;

    fn key(input: usize) -> AxisKey {
        AxisKey { filter: Filter::Bicubic, input, output: 7, first: 0, wanted: 7, detour: None }
    }

    fn find(weights: &ResizeWeights, input: usize) -> Arc<Tables> {
        weights.tables(SimdLevel::SCALAR, key(input), Pass::Horizontal, &mut Axis::default())
    }

    /// Whether tables are those of `input`.
    fn check(tables: &Tables, input: usize) {
        let mut axis = Axis::default();
        axis.rebuild(SimdLevel::SCALAR, key(input));
        assert_eq!(
            (tables.spans.starts(), tables.spans.taps()),
            (axis.spans.starts(), axis.spans.taps()),
            "{input}"
        );
        assert!(matches!(&tables.form, Form::Plain(weights) if weights == axis.padded_weights()), "{input}");
    }

    #[test]
    fn a_size_is_computed_once_for_all_threads() {
        let weights = ResizeWeights::default();
        let all = || (1..200).map(|input| find(&weights, input)).collect::<Vec<_>>();
        let found = thread::scope(|scope| [0; 4].map(|_| scope.spawn(all)).map(|one| one.join().unwrap()));
        for (input, tables) in (1..).zip(&found[0]) {
            check(tables, input);
            assert!(found.iter().all(|other| Arc::ptr_eq(&other[input - 1], tables)), "{input}");
        }
    }

    #[test]
    fn memory_is_bounded_whatever_sizes_come() {
        let bytes = 1 << 20;
        let weights = ResizeWeights::new(bytes);
        let held = find(&weights, 20_000);
        for turn in 0..600 {
            // Some 100 kB each, in any order, and small ones between them.
            for input in [20_000 + turn * 7919 % 601, 1 + turn % 299] {
                check(&find(&weights, input), input);
            }
            assert!(weights.0.weight() <= bytes);
        }
        assert!(weights.0.weight() > bytes / 2);
        check(&held, 20_000);
    }

    #[test]
    fn a_level_and_a_pass_have_tables_of_their_own() {
        let weights = ResizeWeights::default();
        let mut scratch = Axis::default();
        for level in SimdLevel::available() {
            for pass in [Pass::Horizontal, Pass::Vertical, Pass::VerticalNarrow] {
                let tables = weights.tables(level, key(40), pass, &mut scratch);
                let plain = level == SimdLevel::SCALAR || pass == Pass::VerticalNarrow;
                assert_eq!(matches!(tables.form, Form::Plain(_)), plain, "{level} {pass:?}");
                let alone = Tables::of(&scratch, level, pass);
                assert_eq!(format!("{tables:?}"), format!("{alone:?}"), "{level} {pass:?}");
            }
        }
    }
}
