//! The batches of a rank, step after step.

use std::{collections::VecDeque, ops::Range};

use bandwise_proto::v1::StagePlan;

use crate::{
    schedule::{BatchId, Wanted},
    share::RankShare,
};

/// Goes through the rank's batches of some steps, in order.
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

    /// Global batch and real rows of a step.
    fn rows_of(&self, step: u64) -> Option<(u64, u64)> {
        let holds = |stage: &&StagePlan| (stage.first_step..stage.first_step + stage.steps).contains(&step);
        let stage = self.stages.iter().find(holds)?;
        Some((stage.global_batch, step_rows(stage, step - stage.first_step)))
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
        // In a short last step a rank's share may be empty.
        while self.step.is_empty() {
            let step = self.steps.next()?;
            let (global_batch, rows) = self.rows_of(step)?;
            let batches = self.share.batches(global_batch, rows);
            self.step.extend(batches.map(|rows| Wanted {
                id: BatchId { step, first_row: rows.start },
                rows: rows.end - rows.start,
            }));
        }
        self.step.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_come_in_order_and_empty_shares_are_passed_over() {
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
        assert_eq!(batches(1), [(3, 4, 2), (3, 6, 2), (5, 4, 2), (5, 6, 2)]);
    }
}
