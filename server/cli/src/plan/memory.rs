//! The memory that a training takes: batches, slots of shared memory, and replay buffers, for each stage.

use bandwise_client::RunOptions;
use bandwise_curriculum::{Plan, StagePlan};
use bandwise_pipeline::REPLAY_IN_FLIGHT_STEPS;
use bandwise_terms::image_bytes;
use serde::Serialize;

use super::Args;
use crate::{
    format::{bytes, grouped, table},
    output::outln,
};

const MIB: u64 = 1 << 20;

/// Slots that a rank asks for by default.
fn slots() -> u64 {
    RunOptions::default().slots().into()
}

/// Memory of a whole training.
#[derive(Debug, Serialize)]
pub(super) struct MemoryReport {
    dtype: String,
    world_size: u64,
    /// One for each stage that has steps.
    stages: Vec<StageMemory>,
    /// Shared memory that a daemon with all ranks needs, in MiB.
    shared_memory_mib: u64,
    /// Memory that a daemon with all ranks reserves for replay, in MiB; 0 without replay.
    replay_memory_mib: u64,
    /// Memory that a rank with its own replay buffer needs, in MiB; 0 without replay.
    rank_replay_memory_mib: u64,
    /// The memory to fit, in MiB, if it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    given_replay_memory_mib: Option<u64>,
    /// The longest replay buffer in steps that fits it; 0 if none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    fitting_replay_buffer: Option<u64>,
}

/// Memory of a stage, in bytes.
#[derive(Debug, Serialize)]
struct StageMemory {
    index: usize,
    bandwidth: u32,
    replay_times: u32,
    /// Images of a rank's rows of a step, without accumulation.
    rank_batch_bytes: u64,
    /// Slots of shared memory of a rank.
    rank_slots_bytes: u64,
    replay_buffer_steps: u64,
    /// Reserved by a daemon that replays for all ranks.
    daemon_replay_bytes: u64,
    /// Kept by a rank with its own replay buffer.
    rank_replay_bytes: u64,
}

impl MemoryReport {
    pub(super) fn new(plan: &Plan, args: &Args) -> Self {
        let element = args.dtype.size_in_bytes() as u64;
        let shown: Vec<&StagePlan> = plan.stages().iter().filter(|stage| stage.steps > 0).collect();
        let stages: Vec<_> =
            shown.iter().map(|stage| StageMemory::new(stage, element, args.world_size)).collect();
        let most = |of: &dyn Fn(&StageMemory) -> u64| stages.iter().map(of).max().unwrap_or(0).div_ceil(MIB);
        Self {
            dtype: args.dtype.to_string(),
            world_size: args.world_size,
            shared_memory_mib: most(&|stage| stage.rank_slots_bytes.saturating_mul(args.world_size)),
            replay_memory_mib: most(&|stage| stage.daemon_replay_bytes),
            rank_replay_memory_mib: most(&|stage| stage.rank_replay_bytes),
            given_replay_memory_mib: args.replay_memory_mib,
            fitting_replay_buffer: args.replay_memory_mib.and_then(|mib| fitting(&shown, element, mib)),
            stages,
        }
    }

    pub(super) fn print(&self) {
        let replays = self.replay_memory_mib > 0;
        let mut head = vec!["stages", "B", "batch of a rank", "slots of a rank"];
        if replays {
            head.insert(2, "r");
            head.extend(["buffer, steps", "replay, daemon", "replay, rank"]);
        }
        let mut rows = table(&head);
        for run in self.stages.chunk_by(StageMemory::same) {
            rows.add_row(StageMemory::cells(run, replays));
        }
        outln!(
            "\nmemory as {} for {} {}\n{rows}",
            self.dtype,
            self.world_size,
            plural(self.world_size, "rank")
        );
        outln!(
            "slots: shared memory for {} batches of a rank; all ranks at one daemon: --shared-memory-mib {}",
            slots(),
            self.shared_memory_mib
        );
        if replays {
            self.print_replay();
        }
    }

    fn print_replay(&self) {
        outln!(
            "replay: a daemon of all ranks needs --replay-memory-mib {} ({}); with --replay client each rank keeps {}",
            self.replay_memory_mib,
            bytes(self.replay_memory_mib * MIB),
            bytes(self.rank_replay_memory_mib * MIB),
        );
        match (self.given_replay_memory_mib, self.fitting_replay_buffer) {
            (Some(mib), Some(0)) => {
                outln!(
                    "no replay buffer fits {mib} MiB: give more memory, or use u8 or f16, or a curriculum without replay"
                );
            }
            (Some(mib), Some(steps)) => {
                outln!("the longest buffer that fits {mib} MiB: --replay-buffer {steps}");
            }
            (Some(mib), None) => outln!("the curriculum's own buffers fit {mib} MiB"),
            (None, _) => outln!("--replay-memory-mib M shows the longest --replay-buffer that fits M MiB"),
        }
    }
}

impl StageMemory {
    fn new(stage: &StagePlan, element: u64, world_size: u64) -> Self {
        let image = image_bytes(stage.bandwidth.into(), element);
        let rank_batch_bytes = stage.global_batch.div_ceil(world_size).saturating_mul(image);
        let buffer = u64::from(stage.replay_buffer);
        Self {
            index: stage.index,
            bandwidth: stage.bandwidth,
            replay_times: stage.replay_times,
            rank_batch_bytes,
            rank_slots_bytes: rank_batch_bytes.saturating_mul(slots()),
            replay_buffer_steps: buffer.min(stage.steps),
            daemon_replay_bytes: reserved(stage, element, buffer),
            rank_replay_bytes: kept(stage, element, buffer).div_ceil(world_size),
        }
    }

    /// Whether two stages take the same memory.
    fn same(&self, other: &Self) -> bool {
        let of = |stage: &Self| (stage.bandwidth, stage.rank_batch_bytes, stage.daemon_replay_bytes);
        of(self) == of(other)
    }

    /// The row of consecutive stages that take the same.
    fn cells(run: &[Self], replays: bool) -> Vec<String> {
        let [first, ..] = run else { return Vec::new() };
        let last = &run[run.len() - 1];
        let stages =
            if run.len() == 1 { first.index.to_string() } else { format!("{}-{}", first.index, last.index) };
        let mut cells = vec![
            stages,
            first.bandwidth.to_string(),
            bytes(first.rank_batch_bytes),
            bytes(first.rank_slots_bytes),
        ];
        if replays {
            cells.insert(2, first.replay_times.to_string());
            cells.extend(match first.replay_times {
                1 => [const { String::new() }; 3],
                _ => [
                    grouped(first.replay_buffer_steps),
                    bytes(first.daemon_replay_bytes),
                    bytes(first.rank_replay_bytes),
                ],
            });
        }
        cells
    }
}

fn plural(number: u64, noun: &str) -> String {
    if number == 1 { noun.to_owned() } else { format!("{noun}s") }
}

/// Bytes of the fresh rows of the last `buffer` steps; 0 without replay.
fn kept(stage: &StagePlan, element: u64, buffer: u64) -> u64 {
    let step = stage.fresh_rows().saturating_mul(image_bytes(stage.bandwidth.into(), element));
    if stage.replay_times > 1 { buffer.min(stage.steps).saturating_mul(step) } else { 0 }
}

/// Bytes that a daemon reserves for a buffer: also the steps in the making.
fn reserved(stage: &StagePlan, element: u64, buffer: u64) -> u64 {
    kept(stage, element, buffer.saturating_add(REPLAY_IN_FLIGHT_STEPS))
}

/// The longest buffer in steps with which every stage fits; `None` if the stages' own do, 0 if none does.
fn fitting(stages: &[&StagePlan], element: u64, mib: u64) -> Option<u64> {
    let budget = mib.saturating_mul(MIB);
    let too_large = |stage: &&&StagePlan| reserved(stage, element, u64::from(stage.replay_buffer)) > budget;
    let longest = |stage: &&StagePlan| {
        let steps = budget / reserved(stage, element, 1).div_ceil(1 + REPLAY_IN_FLIGHT_STEPS).max(1);
        steps.saturating_sub(REPLAY_IN_FLIGHT_STEPS)
    };
    stages.iter().filter(too_large).map(longest).min()
}

#[cfg(test)]
mod tests {
    use bandwise_curriculum::{Curriculum, PlanRequest, Tail};

    use super::*;

    fn plan(curriculum: Curriculum) -> Plan {
        let request =
            PlanRequest { epochs: 200.0, dataset_len: 1_281_167, global_batch: 4096, tail: Tail::Drop };
        Plan::resolve(&curriculum, &request).unwrap()
    }

    fn preset() -> Curriculum {
        Curriculum::preset("efficienttrain++-resnet-replay").unwrap()
    }

    /// MiB that a daemon reserves with f32 images.
    fn needed(plan: &Plan) -> u64 {
        let of = |stage: &StagePlan| reserved(stage, 4, u64::from(stage.replay_buffer));
        plan.stages().iter().map(of).max().unwrap().div_ceil(MIB)
    }

    #[test]
    fn a_daemon_reserves_the_buffer_and_the_steps_in_the_making() {
        // Stage 0: 1024 fresh rows a step, 96 x 96, 1920 + 16 steps.
        assert_eq!(needed(&plan(preset())), (1936_u64 * 1024 * 3 * 96 * 96 * 4).div_ceil(MIB));
        assert_eq!(needed(&plan(Curriculum::preset("efficienttrain++").unwrap())), 0);
    }

    #[test]
    fn the_fitting_buffer_is_the_longest() {
        let whole = plan(preset());
        let shown: Vec<&StagePlan> = whole.stages().iter().collect();
        for mib in [20_000, 65_536, 150_000] {
            let steps = fitting(&shown, 4, mib).unwrap() as u32;
            let with = |steps| needed(&plan(preset().with_replay_buffer_up_to(steps).unwrap()));
            assert!(with(steps) <= mib && with(steps + 1) > mib, "{mib} MiB: {steps} steps");
        }
        assert_eq!(fitting(&shown, 4, needed(&whole)), None, "the curriculum's own fit");
        assert_eq!(fitting(&shown, 4, 100), Some(0), "none fits");
    }
}
