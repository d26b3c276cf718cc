//! Every figure of the published schedules: the tables of `EfficientTrain` (ICCV 2023) and `EfficientTrain++`
//! (TPAMI 2024) for budgets of 100, 200 and 300 epochs, on ImageNet-1k with a global batch of 4096.

use bandwise_curriculum::{Curriculum, MIN_LR_FACTOR, Plan, PlanRequest, StagePlan, Tail};

const BUDGETS: [u32; 3] = [100, 200, 300];
const IMAGENET: u64 = 1_281_167;
const PEAK_LR: f64 = 4e-3;

struct Table {
    curriculum: &'static str,
    /// A line a stage: index, bandwidth, replay times | for 100, 200 and 300 epochs: clock length, warm-up, first
    /// epoch and end | for 200 epochs: schedule positions | learning rates, both at the stage's borders.
    stages: &'static str,
    /// For 100, 200 and 300 epochs: equivalent epochs, how many times less than 300 at 224, passes of fresh
    /// decoding, passes of training.
    sums: [(f64, f64, f64, f64); 3],
}

const DEFAULT: Table = Table {
    curriculum: "efficienttrain++",
    stages: "
        0 96 1 | 544 20 0 54 | 1088 20 0 108 | 1633 20 0 163 | 0.0000 0.0993 | 0.000e+00 3.933e-03
        1 96 1 | 544 20 54 108 | 1088 20 108 217 | 1633 20 163 326 | 0.0993 0.1994 | 3.933e-03 3.674e-03
        2 160 1 | 196 20 39 58 | 392 20 78 117 | 588 20 117 176 | 0.1990 0.2985 | 3.765e-03 3.366e-03
        3 160 1 | 196 20 58 78 | 392 20 117 156 | 588 20 176 235 | 0.2985 0.3980 | 3.366e-03 2.820e-03
        4 160 1 | 196 20 78 98 | 392 20 156 196 | 588 20 235 294 | 0.3980 0.5000 | 2.820e-03 2.169e-03
        5 160 1 | 196 20 98 117 | 392 20 196 235 | 588 20 294 352 | 0.5000 0.5995 | 2.169e-03 1.516e-03
        6 224 1 | 100 20 60 70 | 200 20 120 140 | 300 20 180 210 | 0.6000 0.7000 | 1.653e-03 1.001e-03
        7 224 1 | 100 20 70 80 | 200 20 140 160 | 300 20 210 240 | 0.7000 0.8000 | 1.001e-03 4.688e-04
        8 224 1 | 100 20 80 90 | 200 20 160 180 | 300 20 240 270 | 0.8000 0.9000 | 4.688e-04 1.216e-04
        9 224 1 | 100 20 90 100 | 200 20 180 200 | 300 20 270 300 | 0.9000 1.0000 | 1.216e-04 1.000e-06",
    sums: [(99.63, 3.011, 226.0, 226.0), (199.96, 1.500, 454.0, 454.0), (299.78, 1.001, 681.0, 681.0)],
};

const CONVNEXT: Table = Table {
    curriculum: "efficienttrain++-convnext",
    stages: "
        0 160 1 | 196 20 0 19 | 392 20 0 39 | 588 20 0 58 | 0.0000 0.0995 | 0.000e+00 3.974e-03
        1 160 1 | 196 20 19 39 | 392 20 39 78 | 588 20 58 117 | 0.0995 0.1990 | 3.974e-03 3.765e-03
        2 160 1 | 196 20 39 58 | 392 20 78 117 | 588 20 117 176 | 0.1990 0.2985 | 3.765e-03 3.366e-03
        3 160 1 | 196 20 58 78 | 392 20 117 156 | 588 20 176 235 | 0.2985 0.3980 | 3.366e-03 2.820e-03
        4 160 1 | 196 20 78 98 | 392 20 156 196 | 588 20 235 294 | 0.3980 0.5000 | 2.820e-03 2.169e-03
        5 160 1 | 196 20 98 117 | 392 20 196 235 | 588 20 294 352 | 0.5000 0.5995 | 2.169e-03 1.516e-03
        6 224 1 | 100 20 60 70 | 200 20 120 140 | 300 20 180 210 | 0.6000 0.7000 | 1.653e-03 1.001e-03
        7 224 1 | 100 20 70 80 | 200 20 140 160 | 300 20 210 240 | 0.7000 0.8000 | 1.001e-03 4.688e-04
        8 224 1 | 100 20 80 90 | 200 20 160 180 | 300 20 240 270 | 0.8000 0.9000 | 4.688e-04 1.216e-04
        9 224 1 | 100 20 90 100 | 200 20 180 200 | 300 20 270 300 | 0.9000 1.0000 | 1.216e-04 1.000e-06",
    sums: [(99.69, 3.009, 157.0, 157.0), (199.90, 1.501, 315.0, 315.0), (299.59, 1.001, 472.0, 472.0)],
};

const DEIT: Table = Table {
    curriculum: "efficienttrain++-deit",
    stages: "
        0 96 1 | 544 108 0 54 | 1088 217 0 108 | 1633 326 0 163 | 0.0000 0.0993 | 0.000e+00 1.991e-03
        1 96 1 | 544 108 54 108 | 1088 217 108 217 | 1633 326 163 326 | 0.0993 0.1994 | 1.991e-03 4.000e-03
        2 160 1 | 196 39 39 58 | 392 78 78 117 | 588 117 117 176 | 0.1990 0.2985 | 4.000e-03 3.850e-03
        3 160 1 | 196 39 58 78 | 392 78 117 156 | 588 117 176 235 | 0.2985 0.3980 | 3.850e-03 3.421e-03
        4 160 1 | 196 39 78 98 | 392 78 156 196 | 588 117 235 294 | 0.3980 0.5000 | 3.421e-03 2.761e-03
        5 160 1 | 196 39 98 117 | 392 78 196 235 | 588 117 294 352 | 0.5000 0.5995 | 2.761e-03 2.001e-03
        6 192 1 | 136 27 81 95 | 272 54 163 190 | 408 81 244 285 | 0.5993 0.6985 | 2.001e-03 1.242e-03
        7 192 1 | 136 27 95 108 | 272 54 190 217 | 408 81 285 326 | 0.6985 0.7978 | 1.242e-03 5.969e-04
        8 224 1 | 100 20 79 90 | 200 40 159 180 | 300 60 240 270 | 0.7950 0.9000 | 6.147e-04 1.532e-04
        9 224 1 | 100 20 90 100 | 200 40 180 200 | 300 60 270 300 | 0.9000 1.0000 | 1.532e-04 1.000e-06",
    sums: [(100.47, 2.986, 234.0, 234.0), (200.63, 1.495, 469.0, 469.0), (300.02, 1.000, 703.0, 703.0)],
};

const REPLAY: Table = Table {
    curriculum: "efficienttrain++-replay",
    stages: "
        0 96 2 | 272 10 0 27 | 544 10 0 54 | 816 10 0 81 | 0.0000 0.0993 | 0.000e+00 3.933e-03
        1 96 2 | 272 10 27 54 | 544 10 54 108 | 816 10 81 163 | 0.0993 0.1985 | 3.933e-03 3.677e-03
        2 160 1 | 196 20 39 58 | 392 20 78 117 | 588 20 117 176 | 0.1990 0.2985 | 3.765e-03 3.366e-03
        3 160 1 | 196 20 58 78 | 392 20 117 156 | 588 20 176 235 | 0.2985 0.3980 | 3.366e-03 2.820e-03
        4 160 1 | 196 20 78 98 | 392 20 156 196 | 588 20 235 294 | 0.3980 0.5000 | 2.820e-03 2.169e-03
        5 160 1 | 196 20 98 117 | 392 20 196 235 | 588 20 294 352 | 0.5000 0.5995 | 2.169e-03 1.516e-03
        6 224 1 | 100 20 60 70 | 200 20 120 140 | 300 20 180 210 | 0.6000 0.7000 | 1.653e-03 1.001e-03
        7 224 1 | 100 20 70 80 | 200 20 140 160 | 300 20 210 240 | 0.7000 0.8000 | 1.001e-03 4.688e-04
        8 224 1 | 100 20 80 90 | 200 20 160 180 | 300 20 240 270 | 0.8000 0.9000 | 4.688e-04 1.216e-04
        9 224 1 | 100 20 90 100 | 200 20 180 200 | 300 20 270 300 | 0.9000 1.0000 | 1.216e-04 1.000e-06",
    sums: [(99.63, 3.011, 172.0, 226.0), (199.78, 1.502, 345.0, 453.0), (299.78, 1.001, 518.0, 681.0)],
};

const RESNET_REPLAY: Table = Table {
    curriculum: "efficienttrain++-resnet-replay",
    stages: "
        0 96 4 | 136 5 0 13 | 272 5 0 27 | 408 5 0 40 | 0.0000 0.0993 | 0.000e+00 3.933e-03
        1 96 4 | 136 5 13 27 | 272 5 27 54 | 408 5 40 81 | 0.0993 0.1985 | 3.933e-03 3.677e-03
        2 160 2 | 98 10 19 29 | 196 10 39 58 | 294 10 58 88 | 0.1990 0.2959 | 3.765e-03 3.378e-03
        3 160 2 | 98 10 29 39 | 196 10 58 78 | 294 10 88 117 | 0.2959 0.3980 | 3.378e-03 2.820e-03
        4 160 2 | 98 10 39 49 | 196 10 78 98 | 294 10 117 147 | 0.3980 0.5000 | 2.820e-03 2.169e-03
        5 160 2 | 98 10 49 58 | 196 10 98 117 | 294 10 147 176 | 0.5000 0.5969 | 2.169e-03 1.532e-03
        6 224 1 | 100 20 59 70 | 200 20 119 140 | 300 20 180 210 | 0.5950 0.7000 | 1.688e-03 1.001e-03
        7 224 1 | 100 20 70 80 | 200 20 140 160 | 300 20 210 240 | 0.7000 0.8000 | 1.001e-03 4.688e-04
        8 224 1 | 100 20 80 90 | 200 20 160 180 | 300 20 240 270 | 0.8000 0.9000 | 4.688e-04 1.216e-04
        9 224 1 | 100 20 90 100 | 200 20 180 200 | 300 20 270 300 | 0.9000 1.0000 | 1.216e-04 1.000e-06",
    sums: [(100.63, 2.981, 107.0, 227.0), (200.27, 1.498, 213.0, 453.0), (299.92, 1.000, 319.0, 680.0)],
};

const DEIT_REPLAY: Table = Table {
    curriculum: "efficienttrain++-deit-replay",
    stages: "
        0 96 4 | 136 27 0 13 | 272 54 0 27 | 408 81 0 40 | 0.0000 0.0993 | 0.000e+00 2.000e-03
        1 96 4 | 136 27 13 27 | 272 54 27 54 | 408 81 40 81 | 0.0993 0.1985 | 2.000e-03 4.000e-03
        2 160 2 | 98 19 19 29 | 196 39 39 58 | 294 58 58 88 | 0.1990 0.2959 | 4.000e-03 3.857e-03
        3 160 2 | 98 19 29 39 | 196 39 58 78 | 294 58 88 117 | 0.2959 0.3980 | 3.857e-03 3.421e-03
        4 160 2 | 98 19 39 49 | 196 39 78 98 | 294 58 117 147 | 0.3980 0.5000 | 3.421e-03 2.761e-03
        5 160 2 | 98 19 49 58 | 196 39 98 117 | 294 58 147 176 | 0.5000 0.5969 | 2.761e-03 2.021e-03
        6 192 1 | 136 27 81 95 | 272 54 162 190 | 408 81 244 285 | 0.5956 0.6985 | 2.029e-03 1.242e-03
        7 192 1 | 136 27 95 108 | 272 54 190 217 | 408 81 285 326 | 0.6985 0.7978 | 1.242e-03 5.969e-04
        8 224 1 | 100 20 79 90 | 200 40 159 180 | 300 60 240 270 | 0.7950 0.9000 | 6.147e-04 1.532e-04
        9 224 1 | 100 20 90 100 | 200 40 180 200 | 300 60 270 300 | 0.9000 1.0000 | 1.532e-04 1.000e-06",
    sums: [(100.47, 2.986, 114.0, 234.0), (200.67, 1.495, 228.0, 468.0), (300.16, 0.999, 341.0, 702.0)],
};

const TABLES: [Table; 6] = [DEFAULT, CONVNEXT, DEIT, REPLAY, RESNET_REPLAY, DEIT_REPLAY];

/// One line of a table.
struct Row {
    bandwidth: u32,
    replay: u32,
    /// Clock length, warm-up, first epoch and end, for each budget.
    spans: [[f64; 4]; 3],
    positions: [f64; 2],
    /// As they are printed, since rounding is theirs.
    rates: [&'static str; 2],
}

impl Table {
    fn rows(&self) -> Vec<Row> {
        let rows: Vec<Row> = self.stages.lines().skip(1).map(Row::read).collect();
        assert_eq!(rows.len(), 10);
        rows
    }
}

impl Row {
    fn read(line: &'static str) -> Self {
        let cells: Vec<Vec<&str>> = line.split('|').map(|cell| cell.split_whitespace().collect()).collect();
        let number = |text: &&str| text.parse::<f64>().expect("a number");
        let numbers = |cell: usize| cells[cell].iter().map(number).collect::<Vec<_>>();
        let span = |cell| numbers(cell).try_into().expect("four");
        Self {
            bandwidth: number(&cells[0][1]) as u32,
            replay: number(&cells[0][2]) as u32,
            spans: [1, 2, 3].map(span),
            positions: numbers(4).try_into().expect("two"),
            rates: cells[5][..].try_into().expect("two"),
        }
    }
}

fn plan(curriculum: &str, epochs: u32) -> Plan {
    let curriculum = Curriculum::preset(curriculum).expect("a preset");
    let epochs = f64::from(epochs);
    let request = PlanRequest { epochs, dataset_len: IMAGENET, global_batch: 4096, tail: Tail::Drop };
    Plan::resolve(&curriculum, &request).expect("resolves")
}

fn span(stage: &StagePlan) -> [f64; 4] {
    [stage.clock_epochs, stage.warmup_epochs, stage.clock_start, stage.clock_end]
}

fn rounded(value: f64, decimals: i32) -> f64 {
    let unit = 10_f64.powi(decimals);
    (value * unit).round() / unit
}

/// Steps of an epoch with one in `replay` rows fresh: a clean truncation of the data.
fn steps_per_epoch(replay: u32) -> u64 {
    match replay {
        1 => 312,
        2 => 625,
        _ => 1251,
    }
}

#[test]
fn stages_are_the_published_ones() {
    for (table, (column, budget)) in
        TABLES.iter().flat_map(|table| BUDGETS.into_iter().enumerate().map(move |budget| (table, budget)))
    {
        let plan = plan(table.curriculum, budget);
        let mut epoch = 0.0;
        for (stage, row) in plan.stages().iter().zip(table.rows()) {
            let place = format!("{} at {budget} epochs, stage {}", table.curriculum, stage.index);
            let shown = (stage.bandwidth, stage.magnitude, stage.replay_times);
            assert_eq!(shown, (row.bandwidth, stage.index as f64, row.replay), "{place}");
            assert_eq!(span(stage), row.spans[column], "{place}");
            assert_eq!(stage.steps_per_epoch, steps_per_epoch(row.replay), "{place}");
            assert_eq!(stage.epochs, row.spans[column][3] - row.spans[column][2], "{place}");
            assert_eq!(stage.steps as f64, stage.epochs * stage.steps_per_epoch as f64, "{place}");
            assert_eq!((stage.first_epoch as f64, stage.first_epoch_row), (epoch, 0), "{place}");
            epoch += stage.epochs;
        }
    }
}

#[test]
fn sums_are_the_published_ones() {
    for table in &TABLES {
        for (&(equivalents, times_less, decoding, training), budget) in table.sums.iter().zip(BUDGETS) {
            let (plan, place) = (plan(table.curriculum, budget), format!("{} {budget}", table.curriculum));
            assert_eq!(rounded(plan.equivalent_epochs(), 2), equivalents, "{place}");
            assert_eq!(rounded(300.0 / plan.equivalent_epochs(), 3), times_less, "{place}");
            assert_eq!((plan.decode_passes(), plan.training_passes()), (decoding, training), "{place}");
            assert_eq!(plan.trained_rows(), plan.steps() * 4096, "{place}");
            let decoded =
                plan.stages().iter().map(|stage| stage.steps * 4096 / u64::from(stage.replay_times));
            assert_eq!(plan.decoded_rows(), decoded.sum::<u64>(), "{place}");
        }
    }
}

/// The position at the end of a stage is that of its last step and one step more.
#[test]
fn schedule_positions_are_the_published_ones() {
    for table in &TABLES {
        let plan = plan(table.curriculum, 200);
        for (stage, row) in plan.stages().iter().zip(table.rows()) {
            let first = plan.locate(stage.first_step).expect("in range");
            let last = plan.locate(stage.first_step + stage.steps - 1).expect("in range");
            let after = last.schedule_position + 1.0 / (stage.steps_per_epoch as f64 * stage.clock_epochs);
            let positions = [first.schedule_position, after].map(|position| rounded(position, 4));
            assert_eq!(positions, row.positions, "{} {}", table.curriculum, stage.index);
            let epochs = [first.schedule_epoch as f64, last.schedule_epoch as f64 + 1.0];
            assert_eq!(epochs, [stage.clock_start, stage.clock_end]);
        }
    }
}

#[test]
fn learning_rates_at_the_borders_are_the_published_ones() {
    for table in &TABLES {
        for (stage, row) in plan(table.curriculum, 200).stages().iter().zip(table.rows()) {
            for (epoch, printed) in [stage.clock_start, stage.clock_end].into_iter().zip(row.rates) {
                let rate = PEAK_LR * stage.lr_factor_at(epoch, MIN_LR_FACTOR);
                let published: f64 = printed.parse().expect("a number");
                // Four digits are printed.
                let places = if rate < 1e-3 { 7 } else { 6 };
                assert_eq!(rounded(rate, places), published, "{} {}", table.curriculum, stage.index);
            }
        }
    }
}

/// The rule of the reference's code at single steps, written out for one stage of each warm-up.
#[test]
fn learning_rates_of_steps_follow_the_published_rule() {
    for (curriculum, k, warmup_epochs) in [
        ("efficienttrain++", 0, 20.0),
        ("efficienttrain++-deit", 1, 217.0),
        ("efficienttrain++-resnet-replay", 2, 10.0),
        ("efficienttrain", 4, 20.0),
    ] {
        let plan = plan(curriculum, 200);
        let stage = &plan.stages()[k];
        let n = stage.steps_per_epoch as f64;
        let (w, l) = (warmup_epochs * n, stage.clock_epochs * n);
        for step in [0, 1, 311, 20 * 312 - 1, 20 * 312, stage.steps - 1] {
            let t = stage.clock_start * n + step as f64;
            let cosine =
                1e-6 + 0.5 * (4e-3 - 1e-6) * (1.0 + (std::f64::consts::PI * (t - w) / (l - w)).cos());
            let rate = if t < w { 4e-3 * t / (w - 1.0) } else { cosine };
            let moment = plan.locate(stage.first_step + step).expect("in range");
            assert!((PEAK_LR * moment.lr_factor - rate).abs() < 1e-15, "{curriculum} {k} {step}");
            assert_eq!(moment.lr_factor, stage.lr_factor(step, MIN_LR_FACTOR));
        }
    }
    let plan = plan("efficienttrain++", 200);
    let factor = |step| plan.locate(step).expect("in range").lr_factor;
    assert_eq!([factor(0), factor(20 * 312 - 1), factor(20 * 312)], [0.0, 1.0, 1.0]);
    assert!(factor(plan.steps() - 1) > MIN_LR_FACTOR);
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
            assert_eq!(span(stage), [u64::from(budget), 20, i * fifth, (i + 1) * fifth].map(|e| e as f64));
            assert_eq!((stage.first_epoch, stage.steps), (i * fifth, fifth * 312));
        }
        assert_eq!((plan.stages().len(), plan.decode_passes()), (5, f64::from(budget)));
        assert_eq!(rounded(plan.equivalent_epochs() / f64::from(budget), 5), 0.65306);
    }
}

#[test]
fn none_is_one_stage_at_224() {
    let plan = plan("none", 300);
    let [stage] = plan.stages() else { panic!("one stage") };
    assert_eq!((stage.bandwidth, stage.magnitude, span(stage)), (224, 9.0, [300.0, 20.0, 0.0, 300.0]));
    assert_eq!((plan.steps(), plan.equivalent_epochs()), (300 * 312, 300.0));
}

/// Without truncations the compute is the budget, and decoding the published multiples of it.
#[test]
fn exact_steps_meet_the_published_ratios() {
    for (preset, decoding, peak) in [
        ("efficienttrain++", 2.2729, 5.444),
        ("efficienttrain++-convnext", 1.5760, 1.96),
        ("efficienttrain++-deit", 2.3451, 5.444),
        ("efficienttrain++-replay", 1.7284, 2.722),
        ("efficienttrain++-resnet-replay", 1.0642, 1.361),
        ("efficienttrain++-deit-replay", 1.1364, 1.361),
    ] {
        let file = format!("name = 'exact'\npreset = '{preset}'\nsplit = 'steps'\n");
        let curriculum = Curriculum::from_toml("exact", &file).expect("valid");
        for epochs in [0.5, 100.0, 200.0, 300.0] {
            let request = PlanRequest { epochs, dataset_len: IMAGENET, global_batch: 4096, tail: Tail::Drop };
            let plan = Plan::resolve(&curriculum, &request).expect("resolves");
            // A step of the last stages is an epoch's 312th part.
            assert!((plan.equivalent_epochs() - epochs).abs() <= 0.5 / 312.0, "{preset} {epochs}");
            let passes = plan.decode_passes() / epochs;
            let slack = if epochs < 1.0 { 0.05 } else { 1e-4 };
            assert!((passes - decoding).abs() < slack, "{preset} {epochs}: {passes}");
        }
        let plan = plan(preset, 200);
        let demand =
            |stage: &StagePlan| (224.0 / f64::from(stage.bandwidth)).powi(2) / f64::from(stage.replay_times);
        let most = plan.stages().iter().map(demand).fold(0.0, f64::max);
        assert_eq!(rounded(most, 3), peak, "{preset}");
    }
}
