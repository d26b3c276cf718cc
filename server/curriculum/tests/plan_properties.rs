//! Plans of random curricula, with and without replay, split in epochs and in steps, against a walk through all
//! their steps.

use std::collections::HashMap;

use bandwise_curriculum::{
    Clock, Curriculum, CurriculumSpec, CurriculumStage, Extent, Moment, Plan, PlanRequest, Split, StagePlan,
    Tail,
};
use proptest::prelude::*;

/// Steps that are walked in one case; longer plans are followed over their first steps and their last.
const WALK: u64 = 4000;

fn stage(extent: Extent) -> impl Strategy<Value = CurriculumStage> {
    let batch = prop_oneof![3 => Just(None), 1 => (1..30_u64).prop_map(|pairs| Some(2 * pairs))];
    let replay = prop_oneof![3 => Just((1, 0)), 1 => Just((2, 7))];
    (16..=112_u32, 0.0..=10.0, batch, replay).prop_map(
        move |(half, magnitude, batch, (replay, replay_buffer))| CurriculumStage {
            batch,
            replay,
            replay_buffer,
            ..CurriculumStage::new(extent, half * 2, magnitude)
        },
    )
}

fn in_shares() -> impl Strategy<Value = Vec<CurriculumStage>> {
    prop::collection::vec(0.01..1.0, 1..8).prop_flat_map(|weights: Vec<f64>| {
        let sum: f64 = weights.iter().sum();
        weights.into_iter().map(|weight| stage(Extent::Share(weight / sum))).collect::<Vec<_>>()
    })
}

fn in_epochs(split: Split) -> impl Strategy<Value = Vec<CurriculumStage>> {
    let epochs = match split {
        Split::Epochs => (1..4_u32).prop_map(f64::from).boxed(),
        Split::Steps => (0.1..4.0).boxed(),
    };
    prop::collection::vec(epochs, 1..8).prop_flat_map(|epochs| {
        epochs.into_iter().map(|epochs| stage(Extent::Epochs(epochs))).collect::<Vec<_>>()
    })
}

fn curriculum(split: Split) -> impl Strategy<Value = Curriculum> {
    let new = move |clock| {
        move |stages| {
            let spec = CurriculumSpec::new("random", 224, clock, stages);
            CurriculumSpec { split, ..spec }.check().expect("valid")
        }
    };
    prop_oneof![
        in_shares().prop_map(new(Clock::Equivalents)),
        in_shares().prop_map(new(Clock::Passes)),
        in_epochs(split).prop_map(new(Clock::Passes)),
    ]
}

/// Plans that have steps; the few requests without, and those with a tail that cannot be kept, are drawn again.
fn plan_split(split: Split) -> impl Strategy<Value = (Curriculum, f64, Plan)> {
    let tail = prop_oneof![Just(Tail::Drop), Just(Tail::Keep)];
    let request = (0.5..20.0, 1..400_u64, (1..30_u64).prop_map(|pairs| 2 * pairs), tail);
    (curriculum(split), request).prop_filter_map(
        "no plan",
        |(curriculum, (epochs, dataset_len, global_batch, tail))| {
            let epochs = curriculum.fixed_epochs().unwrap_or(epochs);
            let request = PlanRequest { epochs, dataset_len, global_batch, tail };
            let plan = Plan::resolve(&curriculum, &request).ok()?;
            Some((curriculum, epochs, plan))
        },
    )
}

fn plan() -> impl Strategy<Value = Plan> {
    prop_oneof![plan_split(Split::Epochs), plan_split(Split::Steps)].prop_map(|(_, _, plan)| plan)
}

/// What the definition says about a step, by counting from the start of the training.
struct Walker {
    stage: usize,
    step_in_stage: u64,
    epoch: u64,
    step_in_epoch: u64,
    position: u64,
    cost: f64,
}

impl Walker {
    fn check(&self, plan: &Plan, moment: &Moment) -> Result<(), TestCaseError> {
        let stage = &plan.stages()[self.stage];
        prop_assert_eq!((moment.stage, moment.step_in_stage), (self.stage, self.step_in_stage));
        prop_assert_eq!((moment.bandwidth, moment.magnitude), (stage.bandwidth, stage.magnitude));
        prop_assert_eq!((moment.epoch, moment.step_in_epoch), (self.epoch, self.step_in_epoch));
        prop_assert_eq!(moment.first_row_in_epoch, self.position);
        prop_assert!((moment.progress - self.cost / total_cost(plan)).abs() < 1e-12);
        let clock = stage.clock_start + self.step_in_stage as f64 / stage.steps_per_epoch as f64;
        prop_assert!((moment.schedule_position - clock / stage.clock_epochs).abs() < 1e-12);
        let from_epoch = clock - moment.schedule_epoch as f64;
        prop_assert!((-1e-9..=1.0 + 1e-9).contains(&from_epoch), "{clock}");
        prop_assert!((0.0..=1.0).contains(&moment.lr_factor), "{}", moment.lr_factor);
        prop_assert_eq!(moment.rows, moment.fresh_rows * u64::from(stage.replay_times));
        let full = moment.rows == stage.global_batch;
        let last = plan.tail() == Tail::Keep && moment.first_row_in_epoch + moment.rows == plan.dataset_len();
        prop_assert!(moment.rows > 0 && (full || (last && moment.rows < stage.global_batch)));
        Ok(())
    }

    fn advance(&mut self, plan: &Plan, moment: &Moment) {
        let stage = &plan.stages()[self.stage];
        self.cost += moment.rows as f64 * f64::from(stage.bandwidth).powi(2);
        self.step_in_stage += 1;
        self.step_in_epoch += 1;
        self.position += moment.fresh_rows;
        self.end_epoch(plan, stage.fresh_rows());
        if self.step_in_stage == stage.steps {
            (self.stage, self.step_in_stage) = (next_stage(plan, self.stage + 1), 0);
            // A stage with larger steps may not find one in the rest of the epoch.
            if let Some(next) = plan.stages().get(self.stage) {
                self.end_epoch(plan, next.fresh_rows());
            }
        }
    }

    fn end_epoch(&mut self, plan: &Plan, step_rows: u64) {
        let left = plan.dataset_len() - self.position;
        let over = if plan.tail() == Tail::Drop { left < step_rows } else { left == 0 };
        if over {
            (self.step_in_epoch, self.position) = (0, 0);
            self.epoch += 1;
        }
    }
}

fn next_stage(plan: &Plan, from: usize) -> usize {
    let rest = &plan.stages()[from..];
    from + rest.iter().position(|stage| stage.steps > 0).unwrap_or(rest.len())
}

fn total_cost(plan: &Plan) -> f64 {
    plan.stages().iter().map(|s| s.trained_rows() as f64 * f64::from(s.bandwidth).powi(2)).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn locating_is_counting(plan in plan()) {
        let stage = next_stage(&plan, 0);
        let mut walker =
            Walker { stage, step_in_stage: 0, epoch: 0, step_in_epoch: 0, position: 0, cost: 0.0 };
        let mut rows = 0;
        for step in 0..plan.steps().min(WALK) {
            let moment = plan.locate(step).expect("in range");
            prop_assert_eq!(moment.step, step);
            walker.check(&plan, &moment)?;
            walker.advance(&plan, &moment);
            rows += moment.rows;
        }
        if plan.steps() <= WALK {
            prop_assert_eq!((walker.stage, rows), (plan.stages().len(), plan.trained_rows()));
        }
    }

    #[test]
    fn stages_tile_the_training(plan in plan()) {
        let mut step = 0;
        for (index, stage) in plan.stages().iter().enumerate() {
            prop_assert_eq!((stage.index, stage.first_step), (index, step));
            prop_assert_eq!(stage.epochs, stage.steps as f64 / stage.steps_per_epoch as f64);
            prop_assert_eq!(stage.trained_rows(), stage.decoded_rows() * u64::from(stage.replay_times));
            step += stage.steps;
        }
        prop_assert!(step > 0);
        prop_assert_eq!(plan.steps(), step);
        prop_assert!(plan.locate(step).is_err());
    }

    /// Stages that end with epochs begin with them, and run the epochs of their clocks.
    #[test]
    fn whole_epochs_are_counted_on(drawn in plan_split(Split::Epochs)) {
        let mut epoch = 0.0;
        for stage in drawn.2.stages() {
            let begins = (stage.first_epoch_row, stage.first_epoch_step, stage.first_epoch_steps);
            prop_assert_eq!(begins, (0, 0, stage.steps_per_epoch));
            prop_assert_eq!(stage.first_epoch as f64, epoch);
            prop_assert_eq!(stage.epochs, (stage.clock_end - stage.clock_start).max(0.0));
            epoch += stage.epochs;
        }
    }

    /// The positions of each epoch are shown once, whatever stages it lies in, up to a dropped tail of less than a
    /// step of the stage that ended it.
    #[test]
    fn every_epoch_is_shown_exactly_once(plan in plan()) {
        let mut shown: HashMap<u64, (u64, u64)> = HashMap::new();
        let walked = plan.steps().min(WALK);
        for moment in (0..walked).map(|step| plan.locate(step).expect("in range")) {
            let (rows, _) = shown.get(&moment.epoch).copied().unwrap_or_default();
            prop_assert_eq!(rows, moment.first_row_in_epoch, "step {}", moment.step);
            let most = plan.stages().iter().map(StagePlan::fresh_rows).max().unwrap_or_default();
            shown.insert(moment.epoch, (rows + moment.fresh_rows, most));
        }
        let last = plan.locate(walked - 1).expect("in range").epoch;
        for epoch in 0..last {
            let (rows, most) = shown[&epoch];
            let tail = plan.dataset_len() - rows;
            prop_assert!(if plan.tail() == Tail::Keep { tail == 0 } else { tail < most }, "{epoch}: {tail}");
        }
    }

    /// The borders of stages that are split in steps lie within half a step of their marks, so that the shares of
    /// the compute hold to one step.
    #[test]
    fn shares_of_the_compute_hold_to_a_step(drawn in plan_split(Split::Steps)) {
        let (curriculum, epochs, plan) = drawn;
        let weight = |stage: &CurriculumStage| match stage.extent {
            Extent::Share(weight) | Extent::Epochs(weight) => weight,
        };
        let total: f64 = curriculum.stages().iter().map(weight).sum();
        // Epochs of the budget that `steps` steps of a stage use, the mark of its border, and the largest step so far.
        let (mut spent, mut mark, mut largest) = (0.0, 0.0, 0.0_f64);
        for (stage, authored) in plan.stages().iter().zip(curriculum.stages()) {
            let pass = match curriculum.clock() {
                Clock::Passes => 1.0,
                Clock::Equivalents => (f64::from(stage.bandwidth) / 224.0).powi(2),
            };
            let step = pass * f64::from(stage.replay_times) / stage.steps_per_epoch as f64;
            let (used, due) = (step * stage.steps as f64, epochs * weight(authored) / total);
            let before = largest;
            largest = largest.max(step);
            prop_assert!((used - due).abs() <= f64::midpoint(before, largest) + 1e-9, "stage {}", stage.index);
            (spent, mark) = (spent + used, mark + due);
            prop_assert!((spent - mark).abs() <= largest / 2.0 + 1e-9, "stage {}", stage.index);
        }
    }

    /// Where stages have one bandwidth, splitting in steps or epochs is the same for whole shares of epochs.
    #[test]
    fn whole_epochs_are_the_same_in_steps(epochs in prop::collection::vec(1..5_u32, 1..6), batch in 1..50_u64) {
        let stages: Vec<_> = epochs
            .iter()
            .map(|&epochs| CurriculumStage::new(Extent::Epochs(f64::from(epochs)), 224, 9.0))
            .collect();
        let spec = CurriculumSpec::new("whole", 224, Clock::Passes, stages);
        let request = PlanRequest {
            epochs: f64::from(epochs.iter().sum::<u32>()),
            dataset_len: 100,
            global_batch: batch,
            tail: Tail::Drop,
        };
        let of = |split| {
            let curriculum = CurriculumSpec { split, ..spec.clone() }.check().expect("valid");
            let plan = Plan::resolve(&curriculum, &request).expect("resolves");
            plan.stages().iter().map(|s| (s.first_step, s.steps, s.first_epoch, s.first_epoch_row)).collect::<Vec<_>>()
        };
        prop_assert_eq!(of(Split::Steps), of(Split::Epochs));
    }

    #[test]
    fn progress_grows_from_0_and_stays_below_1(plan in plan(), steps in prop::collection::vec(any::<u64>(), 2..50)) {
        prop_assert_eq!(plan.locate(0).expect("in range").progress, 0.0);
        let mut steps: Vec<_> = steps.into_iter().map(|step| step % plan.steps()).collect();
        steps.push(plan.steps() - 1);
        steps.sort_unstable();
        steps.dedup();
        let progress: Vec<_> = steps.iter().map(|&step| plan.locate(step).expect("in range").progress).collect();
        prop_assert!(progress.is_sorted_by(|a, b| a < b) && progress.iter().all(|p| (0.0..1.0).contains(p)));
    }

    /// The budget is met up to the epochs that truncation and rounding cost: at most two a stage.
    #[test]
    fn the_compute_is_about_the_budget(stages in in_shares(), epochs in 1.0..300.0) {
        let curriculum = Curriculum::new("random", 224, Clock::Equivalents, stages).expect("valid");
        let request = PlanRequest { epochs, dataset_len: 1 << 40, global_batch: 1024, tail: Tail::Drop };
        if let Ok(plan) = Plan::resolve(&curriculum, &request) {
            let slack = 2.0 * curriculum.stages().len() as f64;
            prop_assert!((plan.equivalent_epochs() - epochs).abs() <= slack, "{}", plan.equivalent_epochs());
        }
    }
}
