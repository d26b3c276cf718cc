//! The sets of weights that were used last, as many as fit some memory, so that a size is computed once.
//!
//! A stage resizes every image from the same size to the same size, while crops come in many sizes; but crops of most
//! datasets are a few hundred pixels long, so that many lengths come again. To compute a set takes as long as to use it.
#![cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "only x86-64 kernels read split weights"))]

use std::collections::HashMap;

use super::axis::{Axis, AxisKey};
use super::detour::Joiner;
use super::tall::Tall;
use super::wide::Wide;
use crate::SimdLevel;

/// Memory of sets beyond which the least recently used ones make room.
const KEPT_BYTES: usize = 8 << 20;

/// Sets that are kept whatever they take. One crop needs two, one low-frequency step one, a preview a few.
const FEWEST: usize = 8;

#[derive(Debug, Default)]
struct Slot {
    key: Option<AxisKey>,
    axis: Axis,
    wide: Wide,
    width: Width,
    tall: Tall,
    is_tall: bool,
    last_use: u64,
    /// Memory that is counted.
    bytes: usize,
}

/// The state of the wide tables of a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Width {
    #[default]
    Unknown,
    Unsuitable,
    Ready,
}

/// Weights by key; the least recently used set makes room, and its memory is reused.
#[derive(Debug, Default)]
pub(super) struct AxisCache {
    slots: Vec<Slot>,
    /// The slots that have a key.
    by_key: HashMap<AxisKey, usize>,
    /// Memory of all slots.
    bytes: usize,
    joiner: Joiner,
    clock: u64,
}

/// A set of weights inside the cache; stays valid until [`FEWEST`] other keys were asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct AxisId(usize);

impl AxisCache {
    /// Finds or computes the weights of `key`.
    pub(super) fn prepare(&mut self, level: SimdLevel, key: AxisKey) -> AxisId {
        self.clock += 1;
        let found = self.by_key.get(&key).copied();
        let index = found.unwrap_or_else(|| self.room());
        let slot = &mut self.slots[index];
        slot.last_use = self.clock;
        if found.is_none() {
            slot.key = Some(key);
            slot.axis.rebuild(level, key, &mut self.joiner);
            slot.width = Width::Unknown;
            slot.is_tall = false;
            self.by_key.insert(key, index);
            self.count(index);
        }
        AxisId(index)
    }

    /// The weights that [`AxisCache::prepare`] just found.
    pub(super) fn get(&self, id: AxisId) -> &Axis {
        &self.slots[id.0].axis
    }

    /// Makes what the AVX2 kernels read.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn split_pairs(&mut self, id: AxisId) {
        self.slots[id.0].axis.split_pairs();
        self.count(id.0);
    }

    /// Makes what the vertical AVX-512 kernel reads.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn split_quads(&mut self, id: AxisId) {
        self.slots[id.0].axis.split_quads();
        self.count(id.0);
    }

    /// Makes what the horizontal AVX-512 kernel reads, or the AVX2 kernel where the axis does not suit it.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn widen(&mut self, id: AxisId) {
        let slot = &mut self.slots[id.0];
        if slot.width != Width::Unknown {
            return;
        }
        if Wide::suits(&slot.axis) {
            slot.axis.split_quads();
            slot.wide.rebuild(&slot.axis);
            slot.width = Width::Ready;
        } else {
            slot.axis.split_pairs();
            slot.width = Width::Unsuitable;
        }
        self.count(id.0);
    }

    /// The wide tables, if the axis was widened and suits them.
    pub(super) fn wide(&self, id: AxisId) -> Option<&Wide> {
        let slot = &self.slots[id.0];
        (slot.width == Width::Ready).then_some(&slot.wide)
    }

    /// Makes what the vertical AVX-512 kernel reads for interleaved rows.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn heighten(&mut self, id: AxisId) {
        let slot = &mut self.slots[id.0];
        if !slot.is_tall {
            slot.tall.rebuild(&slot.axis);
            slot.is_tall = true;
            self.count(id.0);
        }
    }

    /// The tables for interleaved rows, if [`AxisCache::heighten`] made them.
    pub(super) fn tall(&self, id: AxisId) -> Option<&Tall> {
        let slot = &self.slots[id.0];
        slot.is_tall.then_some(&slot.tall)
    }

    /// A slot without a key: a new one, or that of the least recently used set. No other set moves.
    fn room(&mut self) -> usize {
        if self.by_key.len() < FEWEST || self.bytes < KEPT_BYTES {
            let free = self.slots.iter().position(|slot| slot.key.is_none());
            return free.unwrap_or_else(|| {
                self.slots.push(Slot::default());
                self.slots.len() - 1
            });
        }
        let oldest = self.forget_oldest();
        // Sets that take much memory leave room for fewer.
        while self.by_key.len() >= FEWEST && self.bytes - self.slots[oldest].bytes >= KEPT_BYTES {
            let next = self.forget_oldest();
            self.bytes -= self.slots[next].bytes;
            self.slots[next] = Slot::default();
        }
        oldest
    }

    /// Takes the key of the least recently used set.
    fn forget_oldest(&mut self) -> usize {
        let used = |index: &usize| self.slots[*index].key.is_some();
        let oldest = (0..self.slots.len()).filter(used).min_by_key(|&index| self.slots[index].last_use);
        let oldest = oldest.unwrap_or(0);
        if let Some(key) = self.slots[oldest].key.take() {
            self.by_key.remove(&key);
        }
        oldest
    }

    /// Counts the memory of a slot that may have grown.
    fn count(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        let bytes = slot.axis.memory() + slot.wide.memory() + slot.tall.memory();
        self.bytes = self.bytes - slot.bytes + bytes;
        slot.bytes = bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::super::filter::Filter;
    use super::*;

    fn key(input: usize) -> AxisKey {
        AxisKey { filter: Filter::Bicubic, input, output: 7, first: 0, wanted: 7, detour: None }
    }

    #[test]
    fn a_set_in_use_survives_any_number_of_others() {
        let mut cache = AxisCache::default();
        let kept = cache.prepare(SimdLevel::SCALAR, key(1000));
        for input in 1..50 {
            let other = cache.prepare(SimdLevel::SCALAR, key(input));
            assert_ne!(other.0, kept.0);
            assert_eq!(cache.get(other).taps(), 4 * cache.get(other).groups());
            assert_eq!(cache.prepare(SimdLevel::SCALAR, key(1000)).0, kept.0);
        }
    }

    #[test]
    fn many_sets_are_kept_and_large_ones_make_room() {
        let mut cache = AxisCache::default();
        let check = |cache: &mut AxisCache, input: usize| {
            let id = cache.prepare(SimdLevel::SCALAR, key(input));
            let mut alone = Axis::default();
            alone.rebuild(SimdLevel::SCALAR, key(input), &mut Joiner::default());
            let kept = cache.get(id);
            assert_eq!((kept.taps(), kept.starts()), (alone.taps(), alone.starts()), "{input}");
            (0..7).for_each(|at| assert_eq!(kept.weights(at), alone.weights(at), "{input}"));
        };
        (1..300).for_each(|input| check(&mut cache, input));
        assert_eq!(cache.slots.len(), 299);
        // Some 100 kB each, in any order, and the small ones between them.
        let mut most = 0;
        for turn in 0..600 {
            check(&mut cache, 20_000 + turn * 7919 % 601);
            check(&mut cache, 1 + turn % 299);
            most = most.max(cache.bytes);
            assert_eq!(cache.bytes, cache.slots.iter().map(|slot| slot.bytes).sum::<usize>());
            for (index, slot) in cache.slots.iter().enumerate() {
                assert!(slot.key.is_none_or(|key| cache.by_key.get(&key) == Some(&index)));
            }
            assert_eq!(cache.slots.iter().filter(|slot| slot.key.is_some()).count(), cache.by_key.len());
        }
        assert!((KEPT_BYTES..KEPT_BYTES + (2 << 20)).contains(&most), "{most}");
        // Giants one after the other: as few as were ever kept.
        (0..40).for_each(|turn| check(&mut cache, 300_000 + turn));
        assert_eq!(cache.by_key.len(), FEWEST);
    }
}
