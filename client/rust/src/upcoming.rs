//! The batches of a rank, step after step.

use std::{collections::VecDeque, ops::Range};

use bandwise_proto::v1::StagePlan;

use crate::{
    schedule::{BatchId, Wanted},
    share::RankShare,
};

/// Goes through the rank's batches of some steps, in order. Every step has one at least, so that all ranks have as many
/// steps: where the rank's share of a short last step is empty, other rows are asked for, of which the header alone is
/// wanted.
#[derive(Debug)]
pub(crate) struct Upcoming {
    stages: Vec<StagePlan>,
    share: RankShare,
    steps: Range<u64>,
    /// The batches of the step that was begun.
    step: VecDeque<Wanted>,
}

impl Upcoming {
    /// The batches of `share` in `steps` of a plan; the share must fit all of its stages.
    pub(crate) fn new(stages: Vec<StagePlan>, share: RankShare, steps: Range<u64>) -> Self {
        Self { stages, share, steps, step: VecDeque::new() }
    }

    /// Whether the rank has no row of a step.
    pub(crate) fn is_empty_share(&self, step: u64) -> bool {
        self.stage_of(step).is_some_and(|stage| {
            let rows = step_rows(stage, step - stage.first_step);
            self.share.batches(stage.global_batch, rows).next().is_none()
        })
    }

    fn stage_of(&self, step: u64) -> Option<&StagePlan> {
        let holds = |stage: &&StagePlan| (stage.first_step..stage.first_step + stage.steps).contains(&step);
        self.stages.iter().find(holds)
    }
}

/// Rows of a step of a stage, which counts from 0: the last of an epoch may be short.
fn step_rows(stage: &StagePlan, step_in_stage: u64) -> u64 {
    let done = step_in_stage + 1;
    match done.checked_sub(stage.first_epoch_steps) {
        Some(0) => stage.first_epoch_last_step_rows,
        Some(more) if more.is_multiple_of(stage.steps_per_epoch) => stage.last_step_rows,
        _ => stage.global_batch,
    }
}

impl Iterator for Upcoming {
    type Item = Wanted;

    fn next(&mut self) -> Option<Wanted> {
        if self.step.is_empty() {
            let step = self.steps.next()?;
            let stage = *self.stage_of(step)?;
            let batches = self.share.batches(stage.global_batch, step_rows(&stage, step - stage.first_step));
            let wanted = |rows: Range<u64>| Wanted {
                id: BatchId { step, first_row: rows.start },
                rows: rows.end - rows.start,
            };
            self.step = batches.map(wanted).collect();
            if self.step.is_empty() {
                self.step.push_back(wanted(0..stage.row_granularity.max(1)));
            }
        }
        self.step.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_come_in_order_and_empty_shares_have_a_header_of_others() {
        let stage = StagePlan {
            global_batch: 8,
            first_step: 3,
            steps: 4,
            steps_per_epoch: 2,
            last_step_rows: 3,
            ..StagePlan::default()
        };
        let batches = |rank| -> Vec<(u64, u64, u64)> {
            let share = RankShare { rank, world_size: 2, accumulate: 2 };
            Upcoming::new(vec![stage], share, 3..7)
                .map(|wanted| (wanted.id.step, wanted.id.first_row, wanted.rows))
                .collect()
        };
        let first = [(3, 0, 2), (3, 2, 2), (4, 0, 2), (4, 2, 1), (5, 0, 2), (5, 2, 2), (6, 0, 2), (6, 2, 1)];
        assert_eq!(batches(0), first);
        assert_eq!(batches(1), [(3, 4, 2), (3, 6, 2), (4, 0, 1), (5, 4, 2), (5, 6, 2), (6, 0, 1)]);
        for (rank, empty) in [(0, [false; 4]), (1, [false, true, false, true])] {
            let share = RankShare { rank, world_size: 2, accumulate: 2 };
            let upcoming = Upcoming::new(vec![stage], share, 3..7);
            assert_eq!([3, 4, 5, 6].map(|step| upcoming.is_empty_share(step)), empty);
        }
    }
}
