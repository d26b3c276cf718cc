//! The few sets of weights that were used last, kept so that a fixed size is computed once.
//!
//! A stage resizes every image from the same size to the same size, while crops come in ever new sizes: a
//! handful of slots keeps the former through any number of the latter.
#![cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "only x86-64 kernels read split weights"))]

use super::axis::{Axis, AxisKey};
use super::detour::Joiner;
use super::tall::Tall;
use super::wide::Wide;
use crate::SimdLevel;

/// One crop needs two sets, one low-frequency step one, a preview a few.
const SLOTS: usize = 8;

#[derive(Debug, Default)]
struct Slot {
    key: Option<AxisKey>,
    axis: Axis,
    wide: Wide,
    width: Width,
    tall: Tall,
    is_tall: bool,
    last_use: u64,
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
    slots: [Slot; SLOTS],
    joiner: Joiner,
    clock: u64,
}

/// A set of weights inside the cache; stays valid until [`SLOTS`] other keys were asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct AxisId(usize);

impl AxisCache {
    /// Finds or computes the weights of `key`.
    pub(super) fn prepare(&mut self, level: SimdLevel, key: AxisKey) -> AxisId {
        let index = self.position(key);
        let slot = &mut self.slots[index];
        self.clock += 1;
        slot.last_use = self.clock;
        if slot.key != Some(key) {
            slot.key = Some(key);
            slot.axis.rebuild(level, key, &mut self.joiner);
            slot.width = Width::Unknown;
            slot.is_tall = false;
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
    }

    /// Makes what the vertical AVX-512 kernel reads.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn split_quads(&mut self, id: AxisId) {
        self.slots[id.0].axis.split_quads();
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
        }
    }

    /// The tables for interleaved rows, if [`AxisCache::heighten`] made them.
    pub(super) fn tall(&self, id: AxisId) -> Option<&Tall> {
        let slot = &self.slots[id.0];
        slot.is_tall.then_some(&slot.tall)
    }

    fn position(&self, key: AxisKey) -> usize {
        let oldest = || (0..SLOTS).min_by_key(|&index| self.slots[index].last_use).unwrap_or(0);
        self.slots.iter().position(|slot| slot.key == Some(key)).unwrap_or_else(oldest)
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
}
