//! Mixup and CutMix between the rows of a batch, done by the workers that made them.
//!
//! A worker that has made a row leaves its slot here instead of dropping it. The worker that submits the last row of a
//! group takes all slots of the group, mixes them, and drops them. So a batch is still written in place, one thread at
//! a time for each row, and nothing waits for a whole batch. Values are mixed as delivered, read back from the output's
//! dtype.

use bandwise_recipe::{DrawKey, Draws, Mix, OutputFormat, mix_pair};
use parking_lot::Mutex;

use crate::{block::RowSlot, layout::BatchLayout};

/// A row that waits for the others of its group.
#[derive(Debug)]
struct Made {
    slot: RowSlot,
    label: i64,
}

/// Progress of a group with a row.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum GroupProgress {
    /// It waits for the rest of its group.
    Waits,
    /// So many rows, the whole group, are finished.
    Finished(usize),
}

/// The groups of one batch.
#[derive(Debug)]
pub(crate) struct Mixing {
    mix: Mix,
    /// Seed of the job and the step: with the group's number, the key of the draws.
    seed: u64,
    step: u64,
    /// Number of the batch's first group within the step.
    first_group: u64,
    side: usize,
    format: OutputFormat,
    /// The rows that wait, by group.
    groups: Mutex<Vec<Vec<Made>>>,
}

impl Mixing {
    /// The groups of a batch that holds as many rows of a step as `layout`, from `first_row` on. The range does not cut
    /// a group: the stream has checked that.
    pub(crate) fn new(mix: Mix, seed: u64, step: u64, first_row: u64, layout: &BatchLayout) -> Self {
        let (rows, side, format) = (layout.rows(), layout.side(), layout.format());
        let groups = (0..rows as u64 / mix.group).map(|_| Vec::new()).collect();
        Self { first_group: first_row / mix.group, mix, seed, step, side, format, groups: Mutex::new(groups) }
    }

    /// Takes a row that was made; the last one of a group mixes it. `given_up` is asked under the lock, so that a
    /// batch that fails meanwhile keeps no row here.
    pub(crate) fn submit(&self, slot: RowSlot, label: i64, given_up: impl FnOnce() -> bool) -> GroupProgress {
        let group = slot.row() / self.mix.group as usize;
        let mut made = {
            let mut groups = self.groups.lock();
            if given_up() {
                return GroupProgress::Finished(1);
            }
            groups[group].push(Made { slot, label });
            if groups[group].len() < self.mix.group as usize {
                return GroupProgress::Waits;
            }
            std::mem::take(&mut groups[group])
        };
        made.sort_by_key(|made| made.slot.row());
        self.mix(group, &mut made);
        GroupProgress::Finished(made.len())
    }

    /// Lets go of all rows that wait, since the batch is given up; says how many.
    pub(crate) fn abandon(&self) -> usize {
        self.groups.lock().iter_mut().map(|group| std::mem::take(group).len()).sum()
    }

    fn mix(&self, group: usize, made: &mut [Made]) {
        let group = self.first_group + group as u64;
        let key = DrawKey::Group { seed: self.seed, step: self.step, group };
        let drawn = self.mix.draw(self.side as u32, &mut Draws::new(key));
        let labels: Vec<i64> = made.iter().map(|made| made.label).collect();
        for (made, partner) in made.iter_mut().zip(labels.iter().rev()) {
            made.slot.set_partner(*partner, drawn.lam() as f32);
        }
        let (first, second) = made.split_at_mut(labels.len() / 2);
        for (a, b) in first.iter_mut().zip(second.iter_mut().rev()) {
            mix_pair(&drawn, self.format, self.side, a.slot.image(), b.slot.image());
        }
    }
}
