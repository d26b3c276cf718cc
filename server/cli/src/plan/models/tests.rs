use super::*;
use bandwise_curriculum::{Plan, PlanRequest, Tail};

fn plan(curriculum: &Curriculum, global_batch: u64) -> Plan {
    let request = PlanRequest { epochs: 200.0, dataset_len: 1_281_167, global_batch, tail: Tail::Drop };
    Plan::resolve(curriculum, &request).expect("resolves")
}

/// Batch and update frequency of stages 0 and 1, 2 to 5, and 6 to 9.
fn runs(profile: &ModelProfile, curriculum: &str) -> Vec<(u64, u64)> {
    let curriculum = Curriculum::preset(curriculum).expect("listed");
    let plan = plan(&curriculum, ModelProfile::GLOBAL_BATCH);
    let of = |stage| profile.process_batch(&curriculum, stage).expect("8 divides 4096");
    let all: Vec<_> = plan.stages().iter().map(of).map(|share| (share.batch, share.update_freq)).collect();
    assert!(all[..2].iter().all(|run| *run == all[0]));
    assert!(all[2..6].iter().all(|run| *run == all[2]));
    assert!(all[6..].iter().all(|run| *run == all[6]));
    vec![all[0], all[2], all[6]]
}

/// Name, curriculum, drop path for 200 epochs, batch x update frequency.
type Published = (&'static str, &'static str, f64, [(u64, u64); 3]);

const TABLE: [Published; 11] = [
    ("swin-t", "efficienttrain++", 0.2, [(512, 1), (512, 1), (256, 2)]),
    ("swin-s", "efficienttrain++", 0.3, [(512, 1), (256, 2), (128, 4)]),
    ("swin-b", "efficienttrain++", 0.5, [(512, 1), (256, 2), (128, 4)]),
    ("cswin-t", "efficienttrain++", 0.2, [(512, 1), (512, 1), (256, 2)]),
    ("cswin-s", "efficienttrain++", 0.4, [(512, 1), (256, 2), (128, 4)]),
    ("cswin-b", "efficienttrain++", 0.5, [(512, 1), (256, 2), (128, 4)]),
    ("resnet-50", "efficienttrain++", 0.0, [(512, 1); 3]),
    ("deit-s", "efficienttrain++-deit", 0.1, [(512, 1), (512, 1), (256, 2)]),
    ("convnext-t", "efficienttrain++-convnext", 0.1, [(256, 2), (256, 2), (128, 4)]),
    ("convnext-s", "efficienttrain++-convnext", 0.4, [(128, 4), (128, 4), (64, 8)]),
    ("convnext-b", "efficienttrain++-convnext", 0.5, [(128, 4), (128, 4), (64, 8)]),
];

#[test]
fn profiles_are_the_published_ones() {
    assert_eq!(TABLE.len(), MODEL_NAMES.len());
    for (name, curriculum, drop_path, batches) in TABLE {
        let profile = ModelProfile::named(name).expect("listed");
        assert_eq!((profile.name, profile.curriculum), (name, curriculum));
        assert_eq!(runs(&profile, curriculum), batches, "{name}");
        assert_eq!(profile.drop_path(Clock::Equivalents, 200.0), drop_path, "{name}");
        assert_eq!(profile.drop_path(Clock::Equivalents, 100.0), drop_path / 2.0, "{name}");
        assert_eq!(profile.drop_path(Clock::Passes, 100.0), drop_path, "{name}");
        assert_eq!(profile.peak_lr, if name == "cswin-b" { 8e-3 } else { 4e-3 });
        assert_eq!(profile.weight_decay, if name == "cswin-b" { 0.1 } else { 0.05 });
    }
}

#[test]
fn precision_clipping_and_averaging_are_the_published_ones() {
    for name in MODEL_NAMES {
        let profile = ModelProfile::named(name).expect("listed");
        let found = (profile.precision, profile.clip_norm, profile.ema_decay);
        let expected = match name {
            "cswin-b" => ("fp16 autocast", None, Some(0.9998)),
            "resnet-50" => ("fp32", None, None),
            _ if name.starts_with("cswin") => ("fp16 autocast", None, Some(0.9999)),
            _ if name.starts_with("convnext") => ("fp32", None, Some(0.9999)),
            _ => ("fp16 autocast", Some(5.0), None),
        };
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn with_replay_a_part_of_a_whole_batch_is_fresh() {
    for (name, fresh) in
        [("swin-t", [256, 512]), ("cswin-t", [256, 512]), ("resnet-50", [128, 256]), ("deit-s", [128, 256])]
    {
        let profile = ModelProfile::named(name).expect("listed");
        let curriculum = Curriculum::preset(profile.replay_curriculum.expect("published")).expect("listed");
        let plan = plan(&curriculum, ModelProfile::GLOBAL_BATCH);
        for (stage, fresh) in [0, 2].into_iter().zip(fresh) {
            let share = profile.process_batch(&curriculum, &plan.stages()[stage]).expect("divides");
            assert_eq!(share, ProcessBatch { batch: 512, update_freq: 1, fresh }, "{name}, stage {stage}");
        }
    }
}

#[test]
fn the_iccv_runs_halve_their_batch_at_224() {
    let profile = ModelProfile::named("swin-b").expect("listed");
    let curriculum = Curriculum::preset("efficienttrain").expect("listed");
    let shares = plan(&curriculum, 4096)
        .stages()
        .iter()
        .map(|stage| profile.process_batch(&curriculum, stage).expect("divides"))
        .map(|share| (share.batch, share.update_freq))
        .collect::<Vec<_>>();
    assert_eq!(shares, [(512, 1), (512, 1), (512, 1), (512, 1), (256, 2)]);
}

#[test]
fn other_global_batches_are_shared_or_refused() {
    let profile = ModelProfile::named("swin-t").expect("listed");
    let curriculum = Curriculum::preset("none").expect("listed");
    let of = |global_batch| profile.process_batch(&curriculum, &plan(&curriculum, global_batch).stages()[0]);
    let share = |batch, update_freq| Ok(ProcessBatch { batch, update_freq, fresh: batch });
    assert_eq!(of(1024), share(128, 1));
    assert_eq!(of(8 * 600), share(200, 3));
    assert_eq!(of(8 * 257), share(1, 257));
    assert_eq!(
        of(4100).expect_err("odd").to_string(),
        "stage 0: 8 processes cannot share a global batch of 4100 rows"
    );
}

#[test]
fn unknown_models_are_answered_with_the_list() {
    let error = ModelProfile::named("swin-l").expect_err("no such profile").to_string();
    assert!(error.contains("\"swin-l\"") && error.contains("resnet-50, convnext-t"), "{error}");
}
