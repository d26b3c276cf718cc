//! Plans of random curricula against a walk through all their steps.

use bandwise_curriculum::{Clock, Curriculum, CurriculumStage, Extent, Moment, Plan, PlanRequest, Tail};
use proptest::prelude::*;

/// Steps that are walked in one case; longer plans are followed over their first steps and their last.
const WALK: u64 = 4000;

fn stage(extent: Extent) -> impl Strategy<Value = CurriculumStage> {
    let batch = prop_oneof![3 => Just(None), 1 => (1..60_u64).prop_map(Some)];
    (16..=112_u32, 0.0..=10.0, batch).prop_map(move |(half, magnitude, batch)| CurriculumStage {
        batch,
        ..CurriculumStage::new(extent, half * 2, magnitude)
    })
}

fn in_shares() -> impl Strategy<Value = Vec<CurriculumStage>> {
    prop::collection::vec(0.01..1.0, 1..8).prop_flat_map(|weights: Vec<f64>| {
        let sum: f64 = weights.iter().sum();
        weights.into_iter().map(|weight| stage(Extent::Share(weight / sum))).collect::<Vec<_>>()
    })
}

fn in_epochs() -> impl Strategy<Value = Vec<CurriculumStage>> {
    prop::collection::vec(1..4_u32, 1..8).prop_flat_map(|epochs| {
        epochs.into_iter().map(|epochs| stage(Extent::Epochs(f64::from(epochs)))).collect::<Vec<_>>()
    })
}

fn curriculum() -> impl Strategy<Value = Curriculum> {
    let new = |clock| move |stages| Curriculum::new("random", 224, clock, stages).expect("valid");
    prop_oneof![
        in_shares().prop_map(new(Clock::Equivalents)),
        in_shares().prop_map(new(Clock::Passes)),
        in_epochs().prop_map(new(Clock::Passes)),
    ]
}

/// Plans that have steps; the few requests without are drawn again.
fn plan() -> impl Strategy<Value = Plan> {
    let tail = prop_oneof![Just(Tail::Drop), Just(Tail::Keep)];
    let request = (0.5..20.0, 1..400_u64, 1..60_u64, tail);
    (curriculum(), request).prop_filter_map(
        "no steps",
        |(curriculum, (epochs, dataset_len, global_batch, tail))| {
            let epochs = curriculum.fixed_epochs().unwrap_or(epochs);
            Plan::resolve(&curriculum, &PlanRequest { epochs, dataset_len, global_batch, tail }).ok()
        },
    )
}

/// What the definition says about a step, by counting from the start of the training.
struct Walker {
    stage: usize,
    epoch: u64,
    step_in_epoch: u64,
    position: u64,
    cost: f64,
}

impl Walker {
    fn check(&self, plan: &Plan, moment: &Moment) -> Result<(), TestCaseError> {
        let stage = &plan.stages()[self.stage];
        prop_assert_eq!(moment.stage, self.stage);
        prop_assert_eq!((moment.bandwidth, moment.magnitude), (stage.bandwidth, stage.magnitude));
        prop_assert_eq!((moment.epoch, moment.step_in_epoch), (self.epoch, self.step_in_epoch));
        prop_assert_eq!(moment.first_row_in_epoch, self.position);
        prop_assert!((moment.progress - self.cost / total_cost(plan)).abs() < 1e-12);
        let epochs_in_stage = self.epoch - stage.first_epoch;
        prop_assert_eq!(moment.schedule_epoch, stage.clock_start + epochs_in_stage);
        let part = self.step_in_epoch as f64 / stage.steps_per_epoch as f64;
        let position = (moment.schedule_epoch as f64 + part) / stage.clock_epochs as f64;
        prop_assert!((moment.schedule_position - position).abs() < 1e-12);
        let full = moment.rows == stage.global_batch;
        let last = plan.tail() == Tail::Keep && moment.first_row_in_epoch + moment.rows == plan.dataset_len();
        prop_assert!(moment.rows > 0 && (full || (last && moment.rows < stage.global_batch)));
        Ok(())
    }

    fn advance(&mut self, plan: &Plan, moment: &Moment) {
        let stage = &plan.stages()[self.stage];
        self.cost += moment.rows as f64 * f64::from(stage.bandwidth).powi(2);
        self.step_in_epoch += 1;
        self.position += moment.rows;
        let left = plan.dataset_len() - self.position;
        let over = if plan.tail() == Tail::Drop { left < stage.global_batch } else { left == 0 };
        if over {
            (self.step_in_epoch, self.position) = (0, 0);
            self.epoch += 1;
        }
        if self.epoch == stage.first_epoch + stage.epochs {
            self.stage = next_stage(plan, self.stage + 1);
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
        let mut walker = Walker { stage, epoch: 0, step_in_epoch: 0, position: 0, cost: 0.0 };
        for step in 0..plan.steps().min(WALK) {
            let moment = plan.locate(step).expect("in range");
            prop_assert_eq!(moment.step, step);
            walker.check(&plan, &moment)?;
            walker.advance(&plan, &moment);
        }
        if plan.steps() <= WALK {
            prop_assert_eq!((walker.stage, walker.epoch), (plan.stages().len(), plan.epochs()));
        }
    }

    #[test]
    fn stages_tile_the_training(plan in plan()) {
        let (mut step, mut epoch) = (0, 0);
        for (index, stage) in plan.stages().iter().enumerate() {
            prop_assert_eq!((stage.index, stage.first_step, stage.first_epoch), (index, step, epoch));
            prop_assert_eq!(stage.steps, stage.epochs * stage.steps_per_epoch);
            prop_assert_eq!(stage.epochs, stage.clock_end.saturating_sub(stage.clock_start));
            step += stage.steps;
            epoch += stage.epochs;
        }
        prop_assert!(step > 0);
        prop_assert_eq!((plan.steps(), plan.epochs()), (step, epoch));
        prop_assert!(plan.locate(step).is_err());
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
