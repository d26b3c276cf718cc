//! The batches of a rank, step after step.

use std::{collections::VecDeque, ops::Range};

use bandwise_proto::v1::StagePlan;

use crate::{
    rank_share::RankShare,
    schedule::{BatchId, Wanted},
};

/// Goes through the rank's batches of some steps, in order. A short last step may have none for the rank.
#[derive(Clone, Debug)]
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
        while self.step.is_empty() {
            let step = self.steps.next()?;
            let stage = self.stage_of(step)?;
            let batches =
                self.share.batches(step_rows(stage, step - stage.first_step), stage.row_granularity);
            let wanted = |rows: Range<u64>| Wanted {
                id: BatchId { step, first_row: rows.start },
                rows: rows.end - rows.start,
            };
            self.step = batches.map(wanted).collect();
        }
        self.step.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_come_in_order_and_steps_without_rows_of_the_rank_are_left_out() {
        let stage = StagePlan {
            global_batch: 8,
            first_step: 3,
            steps: 4,
            steps_per_epoch: 2,
            last_step_rows: 3,
            ..StagePlan::default()
        };
        let batches = |rank, world_size, accumulate| -> Vec<(u64, u64, u64)> {
            let share = RankShare { rank, world_size, accumulate };
            Upcoming::new(vec![stage], share, 3..7)
                .map(|wanted| (wanted.id.step, wanted.id.first_row, wanted.rows))
                .collect()
        };
        let first = [(3, 0, 2), (3, 2, 2), (4, 0, 1), (4, 1, 1), (5, 0, 2), (5, 2, 2), (6, 0, 1), (6, 1, 1)];
        assert_eq!(batches(0, 2, 2), first);
        assert_eq!(batches(1, 2, 2), [(3, 4, 2), (3, 6, 2), (4, 2, 1), (5, 4, 2), (5, 6, 2), (6, 2, 1)]);
        // Three rows for four ranks.
        assert_eq!(batches(2, 4, 1), [(3, 4, 2), (4, 2, 1), (5, 4, 2), (6, 2, 1)]);
        assert_eq!(batches(3, 4, 1), [(3, 6, 2), (5, 6, 2)]);
    }
}
