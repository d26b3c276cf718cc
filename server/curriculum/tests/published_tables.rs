//! Every figure of the published schedules: the tables of `EfficientTrain` (ICCV 2023) and `EfficientTrain++`
//! (TPAMI 2024) for budgets of 100, 200 and 300 epochs, on ImageNet-1k with a global batch of 4096.

use bandwise_curriculum::{Curriculum, Plan, PlanRequest, StagePlan, Tail};

const BUDGETS: [u32; 3] = [100, 200, 300];
const STEPS_PER_EPOCH: u64 = 312;

/// Clock length `T`, warm-up `W`, first epoch and end of a stage in its own clock.
type Span = (u64, u64, u64, u64);

struct Table {
    curriculum: &'static str,
    /// Bandwidth, the spans for 100, 200 and 300 epochs, and for 200 the schedule positions at both ends.
    stages: [(u32, [Span; 3], (f64, f64)); 10],
    /// Equivalent epochs and passes of the whole training for 100, 200 and 300 epochs.
    sums: [(f64, u64); 3],
}

const DEFAULT: Table = Table {
    curriculum: "efficienttrain++",
    stages: [
        (96, [(544, 20, 0, 54), (1088, 20, 0, 108), (1633, 20, 0, 163)], (0.0000, 0.0993)),
        (96, [(544, 20, 54, 108), (1088, 20, 108, 217), (1633, 20, 163, 326)], (0.0993, 0.1994)),
        (160, [(196, 20, 39, 58), (392, 20, 78, 117), (588, 20, 117, 176)], (0.1990, 0.2985)),
        (160, [(196, 20, 58, 78), (392, 20, 117, 156), (588, 20, 176, 235)], (0.2985, 0.3980)),
        (160, [(196, 20, 78, 98), (392, 20, 156, 196), (588, 20, 235, 294)], (0.3980, 0.5000)),
        (160, [(196, 20, 98, 117), (392, 20, 196, 235), (588, 20, 294, 352)], (0.5000, 0.5995)),
        (224, [(100, 20, 60, 70), (200, 20, 120, 140), (300, 20, 180, 210)], (0.6000, 0.7000)),
        (224, [(100, 20, 70, 80), (200, 20, 140, 160), (300, 20, 210, 240)], (0.7000, 0.8000)),
        (224, [(100, 20, 80, 90), (200, 20, 160, 180), (300, 20, 240, 270)], (0.8000, 0.9000)),
        (224, [(100, 20, 90, 100), (200, 20, 180, 200), (300, 20, 270, 300)], (0.9000, 1.0000)),
    ],
    sums: [(99.63, 226), (199.96, 454), (299.78, 681)],
};

const CONVNEXT: Table = Table {
    curriculum: "efficienttrain++-convnext",
    stages: [
        (160, [(196, 20, 0, 19), (392, 20, 0, 39), (588, 20, 0, 58)], (0.0000, 0.0995)),
        (160, [(196, 20, 19, 39), (392, 20, 39, 78), (588, 20, 58, 117)], (0.0995, 0.1990)),
        (160, [(196, 20, 39, 58), (392, 20, 78, 117), (588, 20, 117, 176)], (0.1990, 0.2985)),
        (160, [(196, 20, 58, 78), (392, 20, 117, 156), (588, 20, 176, 235)], (0.2985, 0.3980)),
        (160, [(196, 20, 78, 98), (392, 20, 156, 196), (588, 20, 235, 294)], (0.3980, 0.5000)),
        (160, [(196, 20, 98, 117), (392, 20, 196, 235), (588, 20, 294, 352)], (0.5000, 0.5995)),
        (224, [(100, 20, 60, 70), (200, 20, 120, 140), (300, 20, 180, 210)], (0.6000, 0.7000)),
        (224, [(100, 20, 70, 80), (200, 20, 140, 160), (300, 20, 210, 240)], (0.7000, 0.8000)),
        (224, [(100, 20, 80, 90), (200, 20, 160, 180), (300, 20, 240, 270)], (0.8000, 0.9000)),
        (224, [(100, 20, 90, 100), (200, 20, 180, 200), (300, 20, 270, 300)], (0.9000, 1.0000)),
    ],
    sums: [(99.69, 157), (199.90, 315), (299.59, 472)],
};

const DEIT: Table = Table {
    curriculum: "efficienttrain++-deit",
    stages: [
        (96, [(544, 108, 0, 54), (1088, 217, 0, 108), (1633, 326, 0, 163)], (0.0000, 0.0993)),
        (96, [(544, 108, 54, 108), (1088, 217, 108, 217), (1633, 326, 163, 326)], (0.0993, 0.1994)),
        (160, [(196, 39, 39, 58), (392, 78, 78, 117), (588, 117, 117, 176)], (0.1990, 0.2985)),
        (160, [(196, 39, 58, 78), (392, 78, 117, 156), (588, 117, 176, 235)], (0.2985, 0.3980)),
        (160, [(196, 39, 78, 98), (392, 78, 156, 196), (588, 117, 235, 294)], (0.3980, 0.5000)),
        (160, [(196, 39, 98, 117), (392, 78, 196, 235), (588, 117, 294, 352)], (0.5000, 0.5995)),
        (192, [(136, 27, 81, 95), (272, 54, 163, 190), (408, 81, 244, 285)], (0.5993, 0.6985)),
        (192, [(136, 27, 95, 108), (272, 54, 190, 217), (408, 81, 285, 326)], (0.6985, 0.7978)),
        (224, [(100, 20, 79, 90), (200, 40, 159, 180), (300, 60, 240, 270)], (0.7950, 0.9000)),
        (224, [(100, 20, 90, 100), (200, 40, 180, 200), (300, 60, 270, 300)], (0.9000, 1.0000)),
    ],
    sums: [(100.47, 234), (200.63, 469), (300.02, 703)],
};

fn plan(curriculum: &str, epochs: u32) -> Plan {
    let curriculum = Curriculum::preset(curriculum).expect("a preset");
    let epochs = f64::from(epochs);
    let request = PlanRequest { epochs, dataset_len: 1_281_167, global_batch: 4096, tail: Tail::Drop };
    Plan::resolve(&curriculum, &request).expect("resolves")
}

fn span(stage: &StagePlan) -> Span {
    (stage.clock_epochs, stage.warmup_epochs, stage.clock_start, stage.clock_end)
}

fn rounded(value: f64, decimals: i32) -> f64 {
    let unit = 10_f64.powi(decimals);
    (value * unit).round() / unit
}

fn check_stages(table: &Table) {
    for (column, budget) in BUDGETS.into_iter().enumerate() {
        let plan = plan(table.curriculum, budget);
        assert_eq!(plan.stages().len(), 10);
        for (stage, &(bandwidth, spans, _)) in plan.stages().iter().zip(&table.stages) {
            let place = format!("{} at {budget} epochs, stage {}", table.curriculum, stage.index);
            assert_eq!((stage.bandwidth, stage.magnitude), (bandwidth, stage.index as f64), "{place}");
            assert_eq!(span(stage), spans[column], "{place}");
            assert_eq!((stage.steps_per_epoch, stage.replay_times), (STEPS_PER_EPOCH, 1), "{place}");
        }
    }
}

fn check_sums(table: &Table) {
    for (&(equivalents, passes), budget) in table.sums.iter().zip(BUDGETS) {
        let plan = plan(table.curriculum, budget);
        assert_eq!(rounded(plan.equivalent_epochs(), 2), equivalents, "{} {budget}", table.curriculum);
        assert_eq!(plan.epochs(), passes, "{} {budget}", table.curriculum);
        assert_eq!(plan.steps(), passes * STEPS_PER_EPOCH);
        assert_eq!(plan.trained_rows(), passes * STEPS_PER_EPOCH * 4096);
    }
}

/// The position at the end of a stage is that of its last step and one step more.
fn check_positions(table: &Table) {
    let plan = plan(table.curriculum, 200);
    for (stage, &(_, _, (start, end))) in plan.stages().iter().zip(&table.stages) {
        let first = plan.locate(stage.first_step).expect("in range");
        let last = plan.locate(stage.first_step + stage.steps - 1).expect("in range");
        let after = last.schedule_position + 1.0 / (STEPS_PER_EPOCH * stage.clock_epochs) as f64;
        assert_eq!(rounded(first.schedule_position, 4), start, "{} {}", table.curriculum, stage.index);
        assert_eq!(rounded(after, 4), end, "{} {}", table.curriculum, stage.index);
        assert_eq!((first.schedule_epoch, last.schedule_epoch), (stage.clock_start, stage.clock_end - 1));
    }
}

#[test]
fn stages_are_the_published_ones() {
    [DEFAULT, CONVNEXT, DEIT].iter().for_each(check_stages);
}

#[test]
fn sums_are_the_published_ones() {
    [DEFAULT, CONVNEXT, DEIT].iter().for_each(check_sums);
}

#[test]
fn schedule_positions_are_the_published_ones() {
    [DEFAULT, CONVNEXT, DEIT].iter().for_each(check_positions);
}

#[test]
fn efficienttrain_runs_fifths_of_one_clock() {
    for budget in BUDGETS {
        let plan = plan("efficienttrain", budget);
        let fifth = u64::from(budget) / 5;
        for (stage, (bandwidth, i)) in
            plan.stages().iter().zip([160, 160, 160, 192, 224].into_iter().zip(0..))
        {
            assert_eq!((stage.bandwidth, stage.magnitude), (bandwidth, (2 * i + 1) as f64));
            assert_eq!(span(stage), (u64::from(budget), 20, i * fifth, (i + 1) * fifth));
            assert_eq!((stage.first_epoch, stage.steps), (i * fifth, fifth * STEPS_PER_EPOCH));
        }
        assert_eq!((plan.stages().len(), plan.epochs()), (5, u64::from(budget)));
        assert_eq!(rounded(plan.equivalent_epochs() / f64::from(budget), 5), 0.65306);
    }
}

#[test]
fn none_is_one_stage_at_224() {
    let plan = plan("none", 300);
    let [stage] = plan.stages() else { panic!("one stage") };
    assert_eq!((stage.bandwidth, stage.magnitude, span(stage)), (224, 9.0, (300, 20, 0, 300)));
    assert_eq!((plan.steps(), plan.equivalent_epochs()), (300 * STEPS_PER_EPOCH, 300.0));
}

/// Smaller fresh batches, as with replay: the published 625 and 1251 steps an epoch.
#[test]
fn steps_of_an_epoch_leave_the_tail_out() {
    let curriculum = Curriculum::preset("none").expect("a preset");
    let steps = [4096, 2048, 1024].map(|global_batch| {
        let request = PlanRequest { epochs: 1.0, dataset_len: 1_281_167, global_batch, tail: Tail::Drop };
        Plan::resolve(&curriculum, &request).expect("resolves").steps()
    });
    assert_eq!(steps, [312, 625, 1251]);
}
