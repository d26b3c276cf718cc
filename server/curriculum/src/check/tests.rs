use super::*;

fn all(name: &str, base: u32, clock: Clock, stages: &[CurriculumStage]) -> Vec<Problem> {
    super::all(&CurriculumSpec::new(name, base, clock, stages.to_vec())).to_vec()
}

fn one(stage: CurriculumStage) -> Vec<Problem> {
    all("one", 224, Clock::Passes, &[stage])
}

fn spec() -> CurriculumSpec {
    CurriculumSpec::new("spec", 224, Clock::Passes, vec![whole()])
}

fn whole() -> CurriculumStage {
    CurriculumStage::new(Extent::Share(1.0), 224, 9.0)
}

#[test]
fn bandwidths_are_even_and_between_eight_and_the_base() {
    for bandwidth in [8, 96, 224] {
        assert_eq!(one(CurriculumStage { bandwidth, ..whole() }), []);
    }
    for bandwidth in [0, 6, 7, 97, 226, u32::MAX] {
        let problem = Problem::Bandwidth { stage: 0, bandwidth, base: 224 };
        assert_eq!(one(CurriculumStage { bandwidth, ..whole() }), [problem]);
    }
}

#[test]
fn magnitudes_are_numbers_from_0_to_10() {
    for magnitude in [0.0, 4.5, 10.0] {
        assert_eq!(one(CurriculumStage { magnitude, ..whole() }), []);
    }
    for magnitude in [-0.1, 10.1, f64::INFINITY, f64::NAN] {
        let problems = one(CurriculumStage { magnitude, ..whole() });
        assert!(matches!(problems[..], [Problem::Magnitude { stage: 0, .. }]), "{magnitude}");
    }
}

#[test]
fn extents_are_finite_and_positive() {
    for share in [0.0, -0.5, 1.1, f64::NAN, f64::INFINITY] {
        let problems = one(CurriculumStage { extent: Extent::Share(share), ..whole() });
        assert!(matches!(problems[0], Problem::Share { stage: 0, .. }), "{share}");
    }
    for epochs in [0.0, -1.0, 1e7, f64::NAN, f64::INFINITY] {
        let problems = one(CurriculumStage { extent: Extent::Epochs(epochs), ..whole() });
        assert!(matches!(problems[..], [Problem::Epochs { stage: 0, .. }]), "{epochs}");
    }
}

#[test]
fn parts_of_epochs_need_a_split_in_steps() {
    let stages = vec![CurriculumStage { extent: Extent::Epochs(1.5), ..whole() }];
    let spec = CurriculumSpec { stages, ..spec() };
    assert_eq!(super::all(&spec)[..], [Problem::PartsOfEpochs { stage: 0, epochs: 1.5 }]);
    assert_eq!(super::all(&CurriculumSpec { split: Split::Steps, ..spec })[..], []);
}

#[test]
fn all_bandwidths_that_are_no_multiples_are_listed() {
    let stages = [96, 100, 160, 216].map(|side| CurriculumStage::new(Extent::Share(0.25), side, 1.0));
    let spec = |multiple_of| CurriculumSpec { multiple_of, stages: stages.to_vec(), ..spec() };
    assert_eq!(super::all(&spec(4))[..], []);
    let problems = super::all(&spec(32));
    assert_eq!(
        InvalidCurriculum { problems }.to_string(),
        "the curriculum has 1 mistake:\n  - multiple_of 32 must divide every bandwidth, but does not divide \
         bandwidth 100 of stage 1, \
         bandwidth 216 of stage 3"
    );
    assert_eq!(super::all(&spec(0))[..], [Problem::MultipleOfZero]);
}

#[test]
fn warm_ups_are_in_range() {
    for warmup in [Warmup::Epochs(0.0), Warmup::Epochs(1e6), Warmup::Share(0.0), Warmup::Share(1.0)] {
        assert_eq!(super::all(&CurriculumSpec { warmup, ..spec() })[..], []);
    }
    for value in [-0.1, 1e7, f64::NAN, f64::INFINITY] {
        for warmup in [Warmup::Epochs(value), Warmup::Share(value)] {
            assert_eq!(super::all(&CurriculumSpec { warmup, ..spec() }).len(), 1, "{warmup:?}");
        }
    }
}

#[test]
fn shares_sum_to_one_within_a_millionth() {
    let stages = |share| [share; 3].map(|s| CurriculumStage::new(Extent::Share(s), 96, 1.0));
    assert_eq!(all("thirds", 224, Clock::Equivalents, &stages(0.333_333)), []);
    let problems = all("thirds", 224, Clock::Equivalents, &stages(0.333));
    assert!(matches!(problems[..], [Problem::ShareSum { .. }]));
}

#[test]
fn extents_of_a_curriculum_are_of_one_kind() {
    let epochs = CurriculumStage { extent: Extent::Epochs(3.0), ..whole() };
    assert_eq!(all("mixed", 224, Clock::Passes, &[whole(), epochs]), [Problem::MixedExtents { stage: 1 }]);
    assert_eq!(all("clock", 224, Clock::Equivalents, &[epochs]), [Problem::EpochsInEquivalents]);
}

#[test]
fn replay_and_its_buffer_go_together() {
    let problems = |replay, replay_buffer| one(CurriculumStage { replay, replay_buffer, ..whole() });
    for fits in [(1, 0), (2, 1), (64, 65_536)] {
        assert_eq!(problems(fits.0, fits.1), []);
    }
    assert_eq!(problems(0, 0), [Problem::Replay { stage: 0, replay: 0 }]);
    assert_eq!(problems(65, 1), [Problem::Replay { stage: 0, replay: 65 }]);
    for replay_buffer in [0, 65_537] {
        assert_eq!(problems(2, replay_buffer), [Problem::ReplayBuffer { stage: 0, replay_buffer }]);
    }
    assert_eq!(problems(1, 256), [Problem::UnusedReplayBuffer { stage: 0, replay_buffer: 256 }]);
}

#[test]
fn batch_name_base_and_count_are_checked() {
    assert_eq!(one(CurriculumStage { batch: Some(0), ..whole() }), [Problem::Batch { stage: 0 }]);
    assert_eq!(all("", 224, Clock::Passes, &[whole()]), [Problem::Name { chars: 0 }]);
    assert_eq!(all("a\nb", 224, Clock::Passes, &[whole()]), [Problem::Name { chars: 3 }]);
    assert_eq!(all("odd", 225, Clock::Passes, &[whole()]), [Problem::Base { base: 225 }]);
    assert_eq!(all("empty", 224, Clock::Passes, &[]), [Problem::NoStages]);
    let many = vec![CurriculumStage { bandwidth: 1, ..whole() }; 257];
    assert_eq!(all("many", 224, Clock::Passes, &many), [Problem::TooManyStages { count: 257 }]);
}

#[test]
fn all_problems_are_reported_in_one_message() {
    let stage = CurriculumStage { bandwidth: 97, magnitude: 11.0, ..whole() };
    let error = InvalidCurriculum { problems: one(stage).into_iter().collect() };
    assert_eq!(
        error.to_string(),
        "the curriculum has 2 mistakes:\n  - stage 0: bandwidth 97 must be an even number from 8 to the base \
         224\n  - stage 0: magnitude 11 must be a number from 0 to 10"
    );
}
