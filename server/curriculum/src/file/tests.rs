use super::*;

const HEAD: &str = "name = \"mine\"\n";

fn read(text: &str) -> Result<Curriculum, CurriculumFileError> {
    Curriculum::from_toml("mine.toml", text)
}

fn problems(text: &str) -> Vec<Problem> {
    match read(text).expect_err("a mistake") {
        CurriculumFileError::Invalid { invalid, .. } => invalid.problems.to_vec(),
        other => panic!("{other}"),
    }
}

#[test]
fn the_files_of_the_documentation_are_curricula() {
    let document = include_str!("../../README.md");
    let files: Vec<&str> = document
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().expect("a beginning"))
        .collect();
    assert_eq!(files.len(), 2);
    for text in files {
        read(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    }
    for name in crate::PRESET_NAMES {
        assert!(document.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn shares_are_read_as_equivalents() {
    let text = "name = 'two'\nbase = 256\n\
        [[stage]]\nshare = 0.25\nbandwidth = 96\nmagnitude = 4\n\
        [[stage]]\nshare = 0.75\nbandwidth = 256\nmagnitude = 9.5\nreplay = 1\nbatch = 512\n";
    let curriculum = read(text).expect("valid");
    assert_eq!((curriculum.name(), curriculum.base(), curriculum.clock()), ("two", 256, Clock::Equivalents));
    let first = CurriculumStage::new(Extent::Share(0.25), 96, 4.0);
    let second = CurriculumStage { batch: Some(512), ..CurriculumStage::new(Extent::Share(0.75), 256, 9.5) };
    assert_eq!(curriculum.stages(), [first, second]);
    assert_eq!(curriculum.fixed_epochs(), None);
}

#[test]
fn a_replay_buffer_has_a_length_where_there_is_replay() {
    let stage = |more: &str| {
        let text = format!("{HEAD}[[stage]]\nshare = 1\nbandwidth = 96\nmagnitude = 0\n{more}");
        read(&text).map(|curriculum| curriculum.stages()[0])
    };
    let buffer = |more| stage(more).map(|stage| (stage.replay, stage.replay_buffer));
    assert_eq!(buffer(""), Ok((1, 0)));
    assert_eq!(buffer("replay = 2"), Ok((2, 256)));
    assert_eq!(buffer("replay = 64\nreplay_buffer = 1"), Ok((64, 1)));
    let error = buffer("replay_buffer = 256").expect_err("nothing is replayed");
    assert!(error.to_string().contains("stage 0: replay_buffer 256 needs a replay of at least 2"), "{error}");
}

#[test]
fn epochs_are_read_as_passes_and_the_base_is_224() {
    let text = format!(
        "{HEAD}[[stage]]\nepochs = 3\nbandwidth = 96\nmagnitude = 0\n\
        [[stage]]\nepochs = 2.0\nbandwidth = 224\nmagnitude = 9\n"
    );
    let curriculum = read(&text).expect("valid");
    assert_eq!((curriculum.base(), curriculum.clock()), (224, Clock::Passes));
    assert_eq!(curriculum.fixed_epochs(), Some(5.0));
}

#[test]
fn all_wrong_values_are_reported_together() {
    let text = "name = ''\nbase = 223\n\
        [[stage]]\nshare = nan\nbandwidth = 0\nmagnitude = inf\nreplay = 65\nbatch = 0\n\
        [[stage]]\nepochs = 0.5\nbandwidth = 97\nmagnitude = 11\n";
    let error = read(text).expect_err("a mistake");
    assert_eq!(
        error.to_string(),
        "mine.toml: the curriculum has 11 mistakes:\n  \
         - the name has 0 characters; it must have 1 to 100, without control characters\n  \
         - base 223 must be an even number from 8 to 4096\n  \
         - stage 0: share NaN must be a number above 0 and at most 1\n  \
         - stage 0: bandwidth 0 must be an even number from 8 to the base 223\n  \
         - stage 0: magnitude inf must be a number from 0 to 10\n  \
         - stage 0: replay 65 must be a number from 1 to 64\n  \
         - stage 0: batch 0 must be at least 1 row\n  \
         - stage 1: epochs 0.5 must be a whole number; `split = \"steps\"` accepts parts of an epoch\n  \
         - stage 1: bandwidth 97 must be an even number from 8 to the base 223\n  \
         - stage 1: magnitude 11 must be a number from 0 to 10\n  \
         - stage 1: all stages must have `share`, or all `epochs`; it differs from stage 0"
    );
}

#[test]
fn missing_and_double_extents_do_not_hide_other_mistakes() {
    let text = format!(
        "{HEAD}[[stage]]\nbandwidth = 96\nmagnitude = 1\n\
        [[stage]]\nshare = 0.5\nepochs = 5\nbandwidth = 300\nmagnitude = 1\n"
    );
    assert_eq!(
        problems(&text),
        [
            Problem::NoExtent { stage: 0 },
            Problem::TwoExtents { stage: 1, share: 0.5, epochs: 5.0 },
            Problem::Bandwidth { stage: 1, bandwidth: 300, base: 224 },
        ]
    );
}

#[test]
fn no_stages_and_too_many_stages_are_one_mistake() {
    assert_eq!(problems(HEAD), [Problem::NoStages]);
    let stage = "[[stage]]\nbandwidth = 1\nmagnitude = 1\n";
    let many = HEAD.to_owned() + &stage.repeat(300);
    assert_eq!(problems(&many), [Problem::TooManyStages { count: 300 }]);
}

#[test]
fn other_mistakes_name_their_line() {
    for (text, line, part) in [
        ("name = \"x", 1, ""),
        ("name = 'x'\nbandwith = 3\n", 2, "unknown field `bandwith`"),
        ("name = 'x'\n[[stage]]\nshare = 1\nbandwidth = 96\n", 2, "missing field `magnitude`"),
        ("name = 'x'\n[[stage]]\nshare = 1\nbandwidth = -96\nmagnitude = 1\n", 4, "-96"),
        ("name = 'x'\n[[stage]]\nshare = 1\nbandwidth = 96.5\nmagnitude = 1\n", 4, "96.5"),
        ("name = 'x'\nstage = 3\n", 2, "integer `3`"),
    ] {
        let error = read(text).expect_err("a mistake");
        let CurriculumFileError::Syntax { line: found, ref message, .. } = error else { panic!("{error}") };
        assert!(found == line && message.contains(part), "{error}");
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}

#[test]
fn files_without_end_and_deep_nesting_are_refused() {
    let long = format!("{HEAD}#{}", "x".repeat(MAX_FILE_BYTES));
    assert!(matches!(read(&long), Err(CurriculumFileError::TooLong { .. })));
    let deep = format!("{HEAD}stage = {}", "[".repeat(100_000));
    assert!(matches!(read(&deep), Err(CurriculumFileError::Syntax { .. })));
}

#[test]
fn split_warm_up_and_multiples_are_read() {
    let stage = "[[stage]]\nepochs = 1.5\nbandwidth = 192\nmagnitude = 0\n";
    let base = format!("{HEAD}base = 384\nsplit = 'steps'\nmultiple_of = 32\n");
    let curriculum = read(&format!("{base}warmup_share = 0.25\n{stage}")).expect("valid");
    assert_eq!((curriculum.base(), curriculum.split()), (384, Split::Steps));
    assert_eq!((curriculum.warmup(), curriculum.fixed_epochs()), (Warmup::Share(0.25), Some(1.5)));
    let curriculum = read(&format!("{base}warmup_epochs = 5\n{stage}")).expect("valid");
    assert_eq!(curriculum.warmup(), Warmup::Epochs(5.0));
    let both = format!("{base}warmup_epochs = 5\nwarmup_share = 2\n{stage}");
    assert_eq!(problems(&both), [Problem::TwoWarmups { epochs: 5.0, share: 2.0 }]);
    let odd = format!("{HEAD}multiple_of = 36\nsplit = 'steps'\n{stage}");
    assert_eq!(problems(&odd), [Problem::MultipleOf { multiple_of: 36, offenders: vec![(0, 192)] }]);
    assert!(read(&format!("{HEAD}split = 'rows'\n{stage}")).is_err());
}

#[test]
fn a_file_can_start_from_a_preset() {
    let deit = Curriculum::preset("efficienttrain++-deit").expect("listed");
    let file = read(&format!("{HEAD}preset = 'efficienttrain++-deit'\nsplit = 'steps'\n")).expect("valid");
    assert_eq!((file.name(), file.split()), ("mine", Split::Steps));
    assert_eq!((file.stages(), file.clock(), file.warmup()), (deit.stages(), deit.clock(), deit.warmup()));
    assert_eq!(file.preset_name(), deit.preset_name());
    let file = read(&format!("{HEAD}preset = 'none'\nwarmup_epochs = 5\n")).expect("valid");
    assert_eq!((file.warmup(), file.split()), (Warmup::Epochs(5.0), Split::Epochs));
}

#[test]
fn a_preset_brings_its_own_base_and_stages() {
    let preset = format!("{HEAD}preset = 'none'\n");
    for (more, key) in
        [("base = 224\n", "base"), ("[[stage]]\nshare = 1\nbandwidth = 96\nmagnitude = 1\n", "stage")]
    {
        let problem = Problem::PresetAnd { preset: "none".to_owned(), key };
        assert_eq!(problems(&format!("{preset}{more}")), [problem]);
    }
    assert!(matches!(problems(&format!("{HEAD}preset = 'nine'\n"))[..], [Problem::UnknownPreset(_)]));
    assert_eq!(problems(&format!("{preset}multiple_of = 0\n")), [Problem::MultipleOfZero]);
    assert_eq!(problems(&format!("{preset}warmup_epochs = 1\nwarmup_share = 1\n")).len(), 1);
}
