use super::*;
use crate::curriculum::{Clock, CurriculumStage, Extent};

const IMAGENET: u64 = 1_281_167;

fn request(epochs: f64) -> PlanRequest {
    PlanRequest { epochs, dataset_len: IMAGENET, global_batch: 4096, tail: Tail::Drop }
}

fn preset(name: &str) -> Curriculum {
    Curriculum::preset(name).expect("listed")
}

fn refusal(name: &str, request: PlanRequest) -> String {
    Plan::resolve(&preset(name), &request).expect_err("refused").to_string()
}

#[test]
fn ten_tenths_in_a_file_are_the_preset() {
    let bandwidths = [96, 96, 160, 160, 160, 160, 224, 224, 224, 224];
    let stage = |(magnitude, bandwidth)| {
        format!("[[stage]]\nshare = 0.1\nbandwidth = {bandwidth}\nmagnitude = {magnitude}\n")
    };
    let stages: String = bandwidths.into_iter().enumerate().map(stage).collect();
    let file = Curriculum::from_toml("tenths", &format!("name = 'tenths'\n{stages}")).expect("valid");
    for quarter in 1..=2400 {
        let request = request(f64::from(quarter) / 4.0);
        let expected = Plan::resolve(&preset("efficienttrain++"), &request);
        let plan = Plan::resolve(&file, &request);
        assert_eq!(plan.as_ref().ok(), expected.as_ref().ok(), "E = {quarter}/4");
        assert_eq!(plan.is_ok(), expected.is_ok());
    }
}

#[test]
fn epochs_of_a_file_are_passes() {
    let text = "name = 'passes'\n\
        [[stage]]\nepochs = 30\nbandwidth = 96\nmagnitude = 2\n\
        [[stage]]\nepochs = 60\nbandwidth = 224\nmagnitude = 9\nbatch = 1024\n";
    let file = Curriculum::from_toml("passes", text).expect("valid");
    let plan = Plan::resolve(&file, &request(90.0)).expect("resolves");
    let spans: Vec<_> = plan.stages().iter().map(|s| (s.clock_epochs, s.clock_start, s.clock_end)).collect();
    assert_eq!(spans, [(90.0, 0.0, 30.0), (90.0, 30.0, 90.0)]);
    let steps: Vec<_> = plan.stages().iter().map(|s| (s.steps_per_epoch, s.first_step, s.steps)).collect();
    assert_eq!(steps, [(312, 0, 30 * 312), (1251, 30 * 312, 60 * 1251)]);
    assert_eq!((plan.decode_passes(), plan.steps()), (90.0, 30 * 312 + 60 * 1251));
    assert_eq!(plan.trained_rows(), 30 * 312 * 4096 + 60 * 1251 * 1024);

    let error = Plan::resolve(&file, &request(100.0)).expect_err("other epochs");
    assert_eq!(
        error.to_string(),
        "the stages of the curriculum \"passes\" run 90 epochs, so the budget cannot be 100; give 90 epochs, \
         or stages with `share`"
    );
}

#[test]
fn stages_too_short_for_an_epoch_are_kept_without_steps() {
    let plan = Plan::resolve(&preset("efficienttrain"), &request(4.0)).expect("resolves");
    let epochs: Vec<_> = plan.stages().iter().map(|stage| stage.epochs).collect();
    assert_eq!(epochs, [0.0, 1.0, 1.0, 1.0, 1.0]);
    assert_eq!(plan.locate(0).expect("in range").stage, 1);
    // Both roundings against the stage: it is handed epoch 1 of its clock and ends at epoch 0.
    let plan = Plan::resolve(&preset("efficienttrain++"), &request(2.0)).expect("resolves");
    let stage = &plan.stages()[2];
    assert_eq!((stage.clock_start, stage.clock_end, stage.epochs, stage.steps), (1.0, 0.0, 0.0, 0));
    assert_eq!(plan.locate(stage.first_step).expect("in range").stage, 3);
}

#[test]
fn a_tail_is_dropped_or_kept() {
    let shape = |tail, global_batch| {
        let request = PlanRequest { tail, global_batch, dataset_len: 10, epochs: 1.0 };
        let plan = Plan::resolve(&preset("none"), &request).expect("resolves");
        (plan.stages()[0].steps_per_epoch, plan.trained_rows())
    };
    assert_eq!([3, 5, 10].map(|batch| shape(Tail::Drop, batch)), [(3, 9), (2, 10), (1, 10)]);
    assert_eq!([3, 5, 10].map(|batch| shape(Tail::Keep, batch)), [(4, 10), (2, 10), (1, 10)]);
    assert_eq!(shape(Tail::Keep, u64::MAX), (1, 10));
}

#[test]
fn budgets_that_are_no_usable_number_are_refused() {
    for epochs in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e6 + 1.0, f64::MAX] {
        let message = refusal("efficienttrain++", request(epochs));
        let expected = format!("the budget of {epochs} epochs must be above 0 and at most 1000000");
        assert_eq!(message, expected);
    }
    assert!(Plan::resolve(&preset("efficienttrain++"), &request(1e6)).is_ok());
}

#[test]
fn a_budget_below_an_epoch_is_refused() {
    let expected =
        "a budget of 0.5 epochs is less than one whole epoch of the curriculum \"none\"; give more epochs";
    assert_eq!(refusal("none", request(0.5)), expected);
}

#[test]
fn a_batch_larger_than_the_dataset_is_refused_with_what_fits() {
    let small = PlanRequest { dataset_len: 1000, ..request(10.0) };
    assert_eq!(
        refusal("none", small),
        "stage 0: a step of 4096 fresh rows is larger than the dataset of 1000 samples, so that an epoch has no \
         full step; at most 1000 rows fit, or keep the tail"
    );
    assert!(Plan::resolve(&preset("none"), &PlanRequest { tail: Tail::Keep, ..small }).is_ok());
}

#[test]
fn nothing_to_show_is_refused() {
    let empty = PlanRequest { dataset_len: 0, ..request(10.0) };
    assert_eq!(refusal("none", empty), "the dataset has no samples");
    let no_rows = PlanRequest { global_batch: 0, ..request(10.0) };
    assert_eq!(refusal("none", no_rows), "the global batch of 0 rows must be at least 1");
}

#[test]
fn replay_takes_its_share_of_every_step() {
    let plan = Plan::resolve(&preset("efficienttrain++-resnet-replay"), &request(200.0)).expect("resolves");
    let shape: Vec<_> = plan
        .stages()
        .iter()
        .map(|s| (s.replay_times, s.replay_buffer, s.fresh_rows(), s.steps_per_epoch))
        .collect();
    assert_eq!(shape[..2], [(4, 1920, 1024, 1251); 2]);
    assert_eq!(shape[2..6], [(2, 256, 2048, 625); 4]);
    assert_eq!(shape[6..], [(1, 0, 4096, 312); 4]);
    let stage = &plan.stages()[1];
    let moment = plan.locate(stage.first_step + 1252).expect("in range");
    assert_eq!((moment.rows, moment.fresh_rows, moment.first_row_in_epoch), (4096, 1024, 1024));
    assert_eq!((moment.epoch, moment.step_in_epoch, moment.step_in_stage), (28, 1, 1252));
    assert_eq!(stage.decoded_rows(), stage.steps * 1024);
    assert_eq!(stage.trained_rows(), stage.steps * 4096);
    assert_eq!(plan.trained_rows(), plan.steps() * 4096);
}

#[test]
fn replay_that_does_not_fit_the_steps_is_refused() {
    let odd = PlanRequest { global_batch: 4094, ..request(10.0) };
    assert_eq!(
        refusal("efficienttrain++-resnet-replay", odd),
        "stage 0: replay 4 does not divide a global batch of 4094 rows: one row in 4 is fresh, so take a \
         multiple of 4"
    );
    let keep = PlanRequest { tail: Tail::Keep, ..request(10.0) };
    assert_eq!(
        refusal("efficienttrain++-replay", keep),
        "stage 0: replay 2 and a kept tail: an epoch with 1281167 samples left ends with a step of \
         fewer than 2048 fresh rows; drop the tail, or take a global batch of 2 times a divisor of 1281167"
    );
    let whole = PlanRequest { dataset_len: 40_960, ..keep };
    assert!(Plan::resolve(&preset("efficienttrain++-replay"), &whole).is_ok());
}

#[test]
fn trainings_beyond_64_bits_are_refused() {
    let endless = PlanRequest { dataset_len: u64::MAX, global_batch: 1, ..request(2.0) };
    assert_eq!(
        refusal("none", endless),
        "stage 0: 2 epochs of 18446744073709551615 rows bring the training above 2^64 steps or rows"
    );
    let once = PlanRequest { epochs: 1.0, ..endless };
    let plan = Plan::resolve(&preset("none"), &once).expect("fits");
    let last = plan.locate(u64::MAX - 1).expect("the last step");
    assert_eq!((last.rows, last.first_row_in_epoch), (1, u64::MAX - 1));
    assert!(last.progress < 1.0);
}

#[test]
fn the_smallest_bandwidth_of_the_largest_base_fits_the_clock() {
    let stage = |bandwidth| CurriculumStage::new(Extent::Share(0.5), bandwidth, 5.0);
    let stages = vec![stage(4096), stage(8)];
    let extreme = Curriculum::new("extreme", 4096, Clock::Equivalents, stages).expect("valid");
    let plan = Plan::resolve(&extreme, &request(1e6)).expect("resolves");
    let span = (plan.stages()[1].clock_start, plan.stages()[1].clock_end);
    assert_eq!(span, (500_000.0 * 512.0 * 512.0, 1_000_000.0 * 512.0 * 512.0));
}
